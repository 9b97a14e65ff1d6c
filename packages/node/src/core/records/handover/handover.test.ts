import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, isP2posError } from '@p2pos/protocol';
import type { Store } from '../../store/index.ts';
import { encodeHeader } from '../format/record.ts';
import { seal } from '../format/seal.ts';
import { RECORDS } from '../format/wire.ts';
import { openRecordTable } from '../replica/store.ts';
import type { CheckedRecord } from '../replica/stored.ts';
import { fickle } from '../testing/faults.ts';
import { count } from '../testing/strays.ts';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function isMoving(bed: Testbed, from: number, keys: readonly string[]): boolean {
  return keys.some((key) => bed.node(from).records.locate(nameOf(key)).previous.length > 0);
}

async function putAll(bed: Testbed, keys: readonly string[]): Promise<void> {
  await bed.run(
    Promise.all(keys.map((key) => bed.node(0).records.put({ ...nameOf(key), value: bytes(key) }))),
  );
}

async function settle(bed: Testbed, keys: readonly string[], nodes: readonly number[]): Promise<void> {
  for (let i = 0; i < 200 && nodes.some((index) => isMoving(bed, index, keys)); i++)
    await bed.clock.advance(100);
  for (const index of nodes)
    assert.equal(isMoving(bed, index, keys), false, `node ${index} waits for a move`);
  await bed.clock.advance(6_000);
}

/** By node 0, a little ahead of what it wrote so far. */
async function signedRecord(bed: Testbed, key: string, text: string): Promise<CheckedRecord> {
  const { crypto, systemId, nodes } = bed.system;
  const { peerId: author, signer } = nodes[0] as (typeof nodes)[0];
  const value = bytes(text);
  const fields = {
    ...nameOf(key),
    version: formatVersion({ ms: bed.clock.now() + 500, counter: 0, author }),
    expiresAt: undefined,
    value: { hash: crypto.sha256(value), bytes: value.length },
  };
  const header = encodeHeader(fields);
  const [sealed] = await seal({ crypto, signer, systemId }, [header]);
  const { slot } = bed.node(0).records.locate(nameOf(key));
  return { fields, header, value, slot, count: 3, ...(sealed as { proof: Uint8Array; leaf: Uint8Array }) };
}

const KEYS = Array.from({ length: 60 }, (_, i) => `key${i}`);

test('a new member gets its share, former replicas let go theirs, and each key lies on exactly three', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2, 3, 4] });
  await putAll(bed, KEYS);
  await bed.remove(0, 'key7');
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  assert.ok(isMoving(bed, 5, KEYS));
  for (const key of KEYS) assert.equal(await bed.get(5, key), key === 'key7' ? undefined : key);
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5]);
  const share = KEYS.filter((key) => bed.replicasOf(key).includes(5)).length;
  assert.ok(share > 0);
  assert.equal(await count(bed, 5, 'records'), share);
  let copies = 0;
  for (let i = 0; i < 6; i++) copies += await count(bed, i, 'records');
  assert.equal(copies, 3 * KEYS.length);
  for (const key of KEYS) assert.equal(await bed.get(5, key), key === 'key7' ? undefined : key);
});

test('while a move is unfinished a write needs both sets, and a read sees what the old one acknowledged', async () => {
  await using bed = await createTestbed({
    nodes: 6,
    members: [0, 1, 2, 3, 4],
    records: { writeTimeoutMs: 1_000, handoverStepMs: 60_000 },
  });
  await putAll(bed, KEYS);
  const before = new Map(KEYS.map((key) => [key, bed.replicasOf(key)]));
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  const key = bed.findKey((replicas, name) => replicas.includes(5) && before.has(name));
  const { explain, replicas } = await bed.put(5, key, 'during');
  const old = before.get(key) as number[];
  assert.equal(explain.asked.length, 4);
  const indexes = replicas.map((peerId) => bed.system.nodes.findIndex((node) => node.peerId === peerId));
  assert.ok(indexes.filter((index) => old.includes(index)).length >= 2);
  assert.ok(indexes.filter((index) => bed.replicasOf(key).includes(index)).length >= 2);
  for (let i = 0; i < 6; i++) assert.equal(await bed.get(i, key), 'during');
});

test('without its former replicas a slot waits; it opens when they are back', async () => {
  await using bed = await createTestbed({
    nodes: 6,
    members: [0, 1, 2, 3, 4],
    records: { readTimeoutMs: 1_000 },
  });
  await putAll(bed, KEYS);
  const before = new Map(KEYS.map((key) => [key, bed.replicasOf(key)]));
  const snapshot = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5));
  await bed.crash(0);
  await bed.crash(1);
  for (const index of [2, 3, 4, 5]) await bed.give(index, snapshot);
  await bed.clock.advance(3_000);
  const lost = (key: string) => (before.get(key) ?? []).filter((index) => index < 2).length >= 2;
  const key = bed.findKey((replicas, name) => replicas.includes(5) && before.has(name) && lost(name), 2);
  await assert.rejects(bed.get(5, key), /needed replicas/);
  await bed.start(0);
  await bed.start(1);
  await bed.clock.advance(10_000);
  assert.equal(await bed.get(5, key), key);
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5]);
});

test('marks and moves survive a restart in the middle', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2, 3, 4] });
  await putAll(bed, KEYS);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  await bed.clock.advance(10);
  for (let i = 0; i < 6; i++) await bed.crash(i);
  for (let i = 0; i < 6; i++) await bed.start(i);
  for (const key of KEYS) assert.equal(await bed.get(5, key), key);
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5]);
  for (let i = 0; i < 6; i++) await bed.crash(i);
  for (let i = 0; i < 6; i++) await bed.start(i);
  for (let i = 0; i < 6; i++) assert.equal(isMoving(bed, i, KEYS), false);
  for (const key of KEYS) assert.equal(await bed.get(1, key), key);
});

test('a removed member is replaced from those that stay', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  await putAll(bed, KEYS);
  const snapshot = await bed.snapshot(bed.members(0, 1, 2, 3));
  await bed.crash(4);
  for (const index of [0, 1, 2, 3]) await bed.give(index, snapshot);
  for (const key of KEYS) assert.equal(await bed.get(3, key), key);
  await settle(bed, KEYS, [0, 1, 2, 3]);
  let copies = 0;
  for (let i = 0; i < 4; i++) copies += await count(bed, i, 'records');
  assert.equal(copies, 3 * KEYS.length);
});

test('several snapshots in a row, before any move is finished, lose nothing', async () => {
  await using bed = await createTestbed({ nodes: 7, members: [0, 1, 2, 3, 4], latencyMs: 20 });
  await putAll(bed, KEYS);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5, 6)));
  await bed.giveAll(await bed.snapshot(bed.members(1, 2, 3, 4, 5, 6)));
  for (const key of KEYS) assert.equal(await bed.get(6, key), key);
  await settle(bed, KEYS, [1, 2, 3, 4, 5, 6]);
  for (const key of KEYS) assert.equal(await bed.get(6, key), key);
  let copies = 0;
  for (let i = 1; i < 7; i++) copies += await count(bed, i, 'records');
  assert.equal(copies, 3 * KEYS.length);
});

test('a force snapshot gives up exactly the slots whose replicas are all gone', async () => {
  await using bed = await createTestbed({ nodes: 6 });
  await putAll(bed, KEYS);
  const before = new Map(KEYS.map((key) => [key, bed.replicasOf(key)]));
  for (const index of [3, 4, 5]) await bed.crash(index);
  const snapshot = await bed.snapshot(bed.members(0, 1, 2), { force: true });
  for (const index of [0, 1, 2]) await bed.give(index, snapshot);
  await settle(bed, KEYS, [0, 1, 2]);
  for (const key of KEYS) {
    const survives = (before.get(key) as number[]).some((index) => index < 3);
    assert.equal(await bed.get(1, key), survives ? key : undefined, key);
  }
});

test('a former replica keeps what it cannot prove to be on a majority, and offers it until it can', async () => {
  const failing = new Set<number>();
  await using bed = await createTestbed({
    nodes: 5,
    wrapStore: (index, store) => fickle(store, () => failing.has(index)),
  });
  const key = bed.findKey((replicas) => !replicas.includes(4));
  const [a, b] = bed.replicasOf(key) as [number, number];
  await bed.put(0, key, 'older');
  const table = await openRecordTable({ store: bed.node(4).store, crypto: bed.system.crypto });
  await table.accept([await signedRecord(bed, key, 'only on node 4')], 0);
  failing.add(a).add(b);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  await bed.clock.advance(10_000);
  assert.equal(await count(bed, 4, 'records'), 1);
  failing.clear();
  await bed.clock.advance(10_000);
  assert.equal(await count(bed, 4, 'records'), 0);
  assert.equal(await bed.get(1, key), 'only on node 4');
});

test('a node says of a slot that it let go that it lies elsewhere, never that it is empty', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2, 3, 4] });
  await putAll(bed, KEYS);
  const before = new Map(KEYS.map((key) => [key, bed.replicasOf(key)]));
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5]);
  const key = bed.findKey((now, name) => (before.get(name) ?? now).some((index) => !now.includes(index)));
  const former = (before.get(key) as number[]).find(
    (index) => !bed.replicasOf(key).includes(index),
  ) as number;
  const { slot } = bed.node(former).records.locate(nameOf(key));
  const { epoch, hash } = bed.node(former).membership.view();
  const placed = { epoch, placement: hash };
  const ask = <K extends 'inventory' | 'read' | 'relay'>(method: K, input: object) =>
    bed.run(
      bed.node(5).rpc.call(bed.node(former).peerId, RECORDS, method, { ...placed, ...input } as never, {
        timeoutMs: 500,
      }),
    );
  const inventory = await ask('inventory', {
    count: 3,
    slots: [slot],
    digests: [],
    after: new Uint8Array(0),
  });
  assert.deepEqual(inventory, { done: 1, elsewhere: [[slot, 2]], learning: [], differing: [] });
  const { key: name, namespace } = nameOf(key);
  assert.deepEqual(await ask('read', { names: [[namespace, name, null]] }), {
    answers: [{ result: 'elsewhere', text: '2' }],
  });
  const { header, value, proof } = await signedRecord(bed, key, 'v');
  assert.deepEqual(await ask('relay', { records: [[header, value, proof]] }), {
    answers: [{ result: 'elsewhere', text: '2' }],
  });
  const table = await openRecordTable({ store: bed.node(former).store, crypto: bed.system.crypto });
  assert.equal((await table.rings()).get(3)?.settled[slot], 0);
});

test('a commit that ends under another snapshot than it began under is no answer', async () => {
  const slow = { release: Promise.withResolvers<void>(), on: false };
  const wrapStore = (index: number, store: Store): Store => ({
    ...fickle(store, () => false),
    async write(statements) {
      const result = await store.write(statements);
      if (slow.on && index === 1) await slow.release.promise;
      return result;
    },
  });
  await using bed = await createTestbed({ nodes: 3, wrapStore, exchange: false });
  const { header, value, proof } = await signedRecord(bed, 'k', 'v');
  const { epoch, hash } = bed.node(1).membership.view();
  slow.on = true;
  const input = { epoch, placement: hash, records: [[header, value, proof]] as const };
  const call = bed.node(0).rpc.call(bed.node(1).peerId, RECORDS, 'write', input, { timeoutMs: 5_000 });
  const refused = assert.rejects(call, (error) => isP2posError(error, 'PLACEMENT_STALE'));
  await bed.clock.advance(50);
  await bed.give(1, await bed.snapshot(bed.members(0, 1, 2)));
  slow.release.resolve();
  await bed.run(refused);
});

test('a writer that loses its membership midway says that the write may be there', async () => {
  await using bed = await createTestbed({ nodes: 4, exchange: false });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  const [first, ...others] = bed.replicasOf(key) as [number, number, number];
  const without = await bed.snapshot(bed.members(0, 1, 2));
  for (const index of others) await bed.give(index, without);
  const write = bed.node(3).records.put({ ...nameOf(key), value: bytes('v') });
  const refused = assert.rejects(
    write,
    (error) => isP2posError(error, 'RECORDS_QUORUM_LOST') && error.details['outcome'] === 'unknown',
  );
  await bed.clock.advance(10);
  assert.equal(await count(bed, first, 'records'), 1);
  await bed.give(3, without);
  await bed.run(refused);
});

test('when another branch of the chain wins, what was acknowledged under the one that lost is still read', async () => {
  await using bed = await createTestbed({ nodes: 7, members: [0, 1, 2, 3], exchange: false });
  const first = await bed.snapshot(bed.members(0, 1, 2, 3));
  await bed.giveAll(first);
  await putAll(bed, KEYS.slice(0, 30));
  const loser = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5), {}, first);
  for (let i = 0; i < 6; i++) await bed.push(i, loser);
  await bed.clock.advance(5_000);
  await putAll(bed, KEYS.slice(30));
  const winner = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5, 6), {}, first);
  for (let i = 0; i < 7; i++) await bed.push(i, winner);
  await bed.clock.advance(1);
  for (let i = 0; i < 7; i++) assert.deepEqual(bed.node(i).membership.view().hash, winner.hash);
  for (const key of KEYS) assert.equal(await bed.get(2, key), key);
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5, 6]);
  for (const key of KEYS) assert.equal(await bed.get(2, key), key);
});

test('what was acknowledged under the branch that lost is still read after a restart', async () => {
  await using bed = await createTestbed({ nodes: 8, members: [0, 1, 2, 3], exchange: false });
  const first = await bed.snapshot(bed.members(0, 1, 2, 3));
  await bed.giveAll(first);
  const all = bed.members(0, 1, 2, 3, 4, 5, 6);
  const newcomers = [4, 5, 6].map((index) => bed.node(index).peerId);
  const moving = all.map((member) => ({ ...member, draining: !newcomers.includes(member.peerId) }));
  const loser = await bed.snapshot(moving, {}, first);
  for (let i = 0; i < 7; i++) await bed.push(i, loser);
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5, 6]);
  await putAll(bed, KEYS);
  // Before anything of it can be copied.
  bed.partition(...[0, 1, 2, 3, 4, 5, 6, 7].map((index) => [index]));
  const staying = all.map((member) => ({
    ...member,
    capabilities: newcomers.includes(member.peerId) ? [] : member.capabilities,
  }));
  const winner = await bed.snapshot([...staying, ...bed.members(7)], {}, first);
  for (let i = 0; i < 8; i++) await bed.push(i, winner);
  await bed.clock.advance(100);
  await bed.crash(0);
  await bed.start(0);
  await bed.heal();
  for (const key of KEYS.slice(0, 3)) assert.equal(await bed.get(0, key), key);
});

test('a node that is draining hands over and is then empty', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  await putAll(bed, KEYS);
  const members = bed.members(0, 1, 2, 3, 4).map((member) => ({
    ...member,
    draining: member.peerId === bed.node(4).peerId,
  }));
  await bed.giveAll(await bed.snapshot(members));
  await settle(bed, KEYS, [0, 1, 2, 3, 4]);
  assert.equal(await count(bed, 4, 'records'), 0);
  for (const key of KEYS) assert.equal(await bed.get(4, key), key);
});

test('nodes that learn of a snapshot at different times serve every acknowledged write all the while', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2, 3, 4], latencyMs: 3 });
  await putAll(bed, KEYS);
  const acknowledged = new Map(KEYS.map((key) => [key, key]));
  const snapshot = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5));
  for (const index of [5, 2, 0, 4, 1, 3]) {
    await bed.give(index, snapshot);
    for (let i = 0; i < 6; i++) {
      const key = `key${(index * 6 + i) % KEYS.length}`;
      const writer = i % 5;
      await bed.put(writer, key, `${key} by ${writer} at ${index}`);
      acknowledged.set(key, `${key} by ${writer} at ${index}`);
    }
    for (const [key, value] of acknowledged) assert.equal(await bed.get((index + 1) % 5, key), value);
  }
  await settle(bed, KEYS, [0, 1, 2, 3, 4, 5]);
  for (const [key, value] of acknowledged) assert.equal(await bed.get(5, key), value);
});
