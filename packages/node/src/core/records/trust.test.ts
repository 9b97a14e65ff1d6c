import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, isP2posError, P2posError, type Signer } from '@p2pos/protocol';
import { storeThrough } from '../../testing/store-through.ts';
import type { Store } from '../store/index.ts';
import { encodeHeader } from './format/record.ts';
import { seal } from './format/seal.ts';
import { RECORDS, type RecordBody, type WriteAnswer } from './format/wire.ts';
import { createTestbed, nameOf, type Testbed } from './testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

interface Forgery {
  readonly key?: string;
  readonly value?: string;
  readonly ms?: number;
  readonly author: string;
  readonly signer: Signer;
  readonly namespace?: string;
}

async function forge(bed: Testbed, forgery: Forgery): Promise<RecordBody> {
  const { crypto, systemId } = bed.system;
  const { key = 'k', ms = bed.clock.now(), author, signer, namespace = 'default/kv' } = forgery;
  const value = bytes(forgery.value ?? 'forged');
  const header = encodeHeader({
    ...nameOf(key),
    namespace,
    version: formatVersion({ ms, counter: 9, author }),
    expiresAt: undefined,
    value: { hash: crypto.sha256(value), bytes: value.length },
  });
  const [sealed] = await seal({ crypto, signer, systemId }, [header]);
  return [header, value, (sealed as { proof: Uint8Array }).proof];
}

/** Sends records from one node to another as any peer could. */
async function send(
  bed: Testbed,
  from: number,
  to: number,
  method: 'write' | 'relay',
  records: readonly RecordBody[],
) {
  const { epoch, hash } = bed.node(to).membership.view();
  const { peerId } = bed.node(to);
  const call = bed
    .node(from)
    .rpc.call(peerId, RECORDS, method, { epoch, placement: hash, records }, { timeoutMs: 1_000 });
  return (await bed.run(call)).answers;
}

const codes = (answers: readonly WriteAnswer[]) =>
  answers.map(({ result, text }) => (result === 'refused' ? text : result));

test('T22: only a member writes, only in its own name, and only what it signed', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2] });
  await bed.put(0, 'k', 'true');
  const [a, b, , stranger] = bed.system.nodes as [
    (typeof bed.system.nodes)[0],
    (typeof bed.system.nodes)[0],
    unknown,
    (typeof bed.system.nodes)[0],
  ];

  // A node that is no member, in its own name and in a member's.
  const own = await forge(bed, { author: stranger.peerId, signer: stranger.signer });
  await assert.rejects(send(bed, 3, 1, 'write', [own]), (error) => isP2posError(error, 'NOT_A_MEMBER'));
  await assert.rejects(send(bed, 3, 1, 'relay', [own]), (error) => isP2posError(error, 'NOT_A_MEMBER'));

  // A member: what is a stranger's, what is another's, what another did not sign.
  const good = await forge(bed, { author: a.peerId, signer: a.signer, ms: bed.clock.now() - 1_000 });
  const others = await forge(bed, { author: b.peerId, signer: b.signer });
  const unsigned = await forge(bed, { author: a.peerId, signer: b.signer });
  const [header, value, proof] = await forge(bed, { author: a.peerId, signer: a.signer });
  const otherValue: RecordBody = [header, bytes('forget'), proof];
  const noValue: RecordBody = [header, null, proof];
  const garbage: RecordBody = [bytes('garbage'), value, proof];
  assert.deepEqual(
    codes(await send(bed, 0, 1, 'write', [own, others, unsigned, otherValue, noValue, garbage, good])),
    [
      'RECORD_SIGNATURE',
      'RECORD_SIGNATURE',
      'RECORD_SIGNATURE',
      'RECORD_INVALID',
      'RECORD_INVALID',
      'DOCUMENT_MALFORMED',
      'behind',
    ],
  );
  assert.deepEqual(codes(await send(bed, 0, 1, 'relay', [own, unsigned, otherValue])), [
    'RECORD_SIGNATURE',
    'RECORD_SIGNATURE',
    'RECORD_INVALID',
  ]);
  for (let i = 0; i < 3; i++) assert.equal(await bed.get(i, 'k'), 'true');
  // Relaying what another member signed is the way of repair.
  assert.deepEqual(codes(await send(bed, 0, 1, 'relay', [others])), ['taken']);
});

test('T22: a removed member writes no more; what it wrote as a member counts, what it dates later does not', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const gone = bed.system.nodes[4] as (typeof bed.system.nodes)[0];
  // Node 0 is no replica of the two, so it can have been told nothing that they must believe.
  const [old = '', fresh = ''] = Array.from({ length: 100 }, (_, i) => `key${i}`).filter(
    (key) => !bed.replicasOf(key).includes(0) && !bed.replicasOf(key).includes(4),
  );
  const [to] = bed.replicasOf(fresh) as [number];
  const before = await forge(bed, { key: old, author: gone.peerId, signer: gone.signer });
  await bed.clock.advance(1_000);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await bed.clock.advance(600_000);
  const after = await forge(bed, { key: fresh, author: gone.peerId, signer: gone.signer });
  const [holder] = bed.replicasOf(old) as [number];
  assert.deepEqual(codes(await send(bed, 0, holder, 'relay', [before])), ['taken']);
  assert.deepEqual(codes(await send(bed, 0, to, 'relay', [after])), ['RECORD_SIGNATURE']);
  await assert.rejects(send(bed, 4, to, 'write', [after]), (error) => isP2posError(error, 'NOT_A_MEMBER'));
  // Nor does a replica send it first-hand.
  const [, other] = bed.replicasOf(fresh) as [number, number];
  assert.deepEqual(codes(await send(bed, other, to, 'write', [after])), ['RECORD_SIGNATURE']);
  // What a replica passes on may have been acknowledged before it heard of the removal.
  assert.deepEqual(codes(await send(bed, other, to, 'relay', [after])), ['taken']);
});

test('T22: a replica passes on nothing of who was never a member, nor what was not signed', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2] });
  const [a, b, , stranger] = bed.system.nodes as [
    (typeof bed.system.nodes)[0],
    (typeof bed.system.nodes)[0],
    unknown,
    (typeof bed.system.nodes)[0],
  ];
  const never = await forge(bed, { author: stranger.peerId, signer: stranger.signer });
  const unsigned = await forge(bed, { author: a.peerId, signer: b.signer });
  assert.deepEqual(bed.replicasOf('k').toSorted(), [0, 1, 2]);
  assert.deepEqual(codes(await send(bed, 0, 1, 'relay', [never, unsigned])), [
    'RECORD_SIGNATURE',
    'RECORD_SIGNATURE',
  ]);
});

test('what is dated too far ahead, belongs to no declaration or is too large is refused by the replica', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const { peerId: author, signer } = bed.system.nodes[0] as (typeof bed.system.nodes)[0];
  const records = [
    await forge(bed, { author, signer, ms: bed.clock.now() + 10_500 }),
    await forge(bed, { author, signer, ms: bed.clock.now() + 9_000, key: 'near' }),
    await forge(bed, { author, signer, namespace: 'default/unknown' }),
  ];
  assert.deepEqual(codes(await send(bed, 0, 1, 'write', records)), [
    'VERSION_AHEAD',
    'taken',
    'NAMESPACE_UNKNOWN',
  ]);
});

test('a replica that follows another snapshot takes nothing and says so', async () => {
  await using bed = await createTestbed({ nodes: 3, exchange: false });
  const { peerId: author, signer } = bed.system.nodes[0] as (typeof bed.system.nodes)[0];
  const record = await forge(bed, { author, signer });
  const second = await bed.snapshot(bed.members(0, 1, 2));
  const input = { epoch: 2, placement: second.hash, records: [record] };
  const call = bed.node(0).rpc.call(bed.node(1).peerId, RECORDS, 'write', input, { timeoutMs: 1_000 });
  await assert.rejects(
    bed.run(call),
    (error) => isP2posError(error, 'PLACEMENT_STALE') && error.details['epoch'] === 1,
  );
});

/** A disk that can be told to fail, to hang, or to be full; nothing reaches it then. */
function fickleStores() {
  const mode = new Map<number, 'ok' | 'fail' | 'full' | 'hang'>();
  const wrapStore = (index: number, store: Store): Store =>
    storeThrough(store, {
      write(statements) {
        const now = mode.get(index) ?? 'ok';
        if (now === 'fail') return Promise.reject(new P2posError('STORE_FAILED', { reason: 'told to' }));
        if (now === 'full') return Promise.reject(new P2posError('STORE_FULL'));
        if (now === 'hang') return new Promise(() => {});
        return store.write(statements);
      },
    });
  return { mode, wrapStore };
}

test('T16: nothing is acknowledged that a majority has not on disk', async () => {
  const { mode, wrapStore } = fickleStores();
  await using bed = await createTestbed({ nodes: 3, wrapStore, records: { writeTimeoutMs: 1_000 } });
  await bed.put(0, 'warm', 'up');
  for (const fault of ['fail', 'hang', 'full'] as const) {
    mode.set(1, fault);
    const written = await bed.put(0, `one ${fault}`, 'v');
    assert.equal(written.durable, 2, fault);
    assert.ok(!written.replicas.includes(bed.node(1).peerId), fault);
    mode.set(2, fault);
    await assert.rejects(
      bed.put(0, `two ${fault}`, 'v'),
      (error) => isP2posError(error, fault === 'full' ? 'STORE_FULL' : 'RECORDS_QUORUM_LOST'),
      fault,
    );
    mode.clear();
    await bed.put(0, `none ${fault}`, 'v');
  }
});

test('T16: that a learner has something newer is no vote for a write that is sent again', async () => {
  const lost = { code: 'RECORDS_QUORUM_LOST' };
  await using bed = await createTestbed({
    nodes: 3,
    records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 },
  });
  await bed.clock.advance(500);
  bed.partition([0], [1, 2]);
  await assert.rejects(bed.put(0, 'k', 'v1', { idempotencyKey: 'x' }), lost);
  await bed.put(1, 'k', 'v2');
  await bed.clock.advance(500);
  await bed.crash(2);
  bed.replaceDisk(2);
  await bed.start(2);
  await bed.clock.advance(3_000);
  await bed.crash(1);
  await bed.heal();
  await bed.clock.advance(3_000);
  assert.equal(bed.node(2).records.repair.standing(), 'learner');
  await assert.rejects(bed.put(0, 'k', 'v1', { idempotencyKey: 'x' }), lost);
});

test('a coordinator that cannot reserve its clock writes nothing', async () => {
  const { mode, wrapStore } = fickleStores();
  await using bed = await createTestbed({ nodes: 3, wrapStore });
  mode.set(0, 'full');
  await assert.rejects(bed.put(0, 'k', 'v'), (error) => isP2posError(error, 'STORE_FULL'));
  assert.equal(await bed.get(1, 'k'), undefined);
});

test('a replica that lies in a read is not believed', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const key = bed.findKey((replicas) => !replicas.includes(0));
  const [liar] = bed.replicasOf(key) as [number];
  await bed.put(0, key, 'true');
  await bed.clock.advance(100);
  const { peerId: author } = bed.node(liar);
  const { signer } = bed.system.nodes[0] as (typeof bed.system.nodes)[0]; // not the key of that author
  const [header, value, proof] = await forge(bed, { key, author, signer, ms: bed.clock.now() + 5 });
  const { crypto } = bed.system;
  await bed.node(liar).store.write([
    {
      sql: 'UPDATE records SET header = ?, value = ?, proof = ?, leaf = ?',
      params: [header, value, proof, crypto.sha256(new Uint8Array([0, ...header]))],
    },
  ]);
  assert.equal(await bed.get(0, key), 'true');
});
