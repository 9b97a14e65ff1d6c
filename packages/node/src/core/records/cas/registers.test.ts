/** Registers over replicas that are gone, cut off, restarted and moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { fickle } from '../testing/faults.ts';
import { createTestbed, decode, type Testbed, type TestbedConfig } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
export const registerName = (key: string) => ({
  namespace: 'default/kv-cas',
  partition: bytes(key),
  key: bytes(key),
});

async function openBed(config: Partial<TestbedConfig> = {}): Promise<Testbed> {
  return createTestbed({ nodes: 5, registers: true, ...config });
}

function change(
  bed: Testbed,
  index: number,
  key: string,
  value: string | null,
  expect: string = 'any',
  more: { readonly ttlMs?: number; readonly idempotencyKey?: string } = {},
) {
  const condition =
    expect === 'any' || expect === 'absent'
      ? { kind: expect as 'any' }
      : { kind: 'version' as const, version: expect };
  const { registers } = bed.node(index).records;
  return bed.run(
    registers.change({
      ...registerName(key),
      value: value === null ? null : bytes(value),
      condition,
      ...more,
    }),
  );
}

async function read(bed: Testbed, index: number, key: string): Promise<string | undefined> {
  const found = await bed.run(bed.node(index).records.registers.read(registerName(key)));
  return found && decode(found.value);
}

const conditionFailed = (error: unknown) => isP2posError(error, 'CAS_CONDITION_FAILED');

test('conditions hold or are refused with what is there', async () => {
  await using bed = await openBed();
  const first = await change(bed, 0, 'a', 'one', 'absent');
  assert.equal(first.previous, undefined);
  assert.ok(first.durable >= 2);
  await assert.rejects(change(bed, 1, 'a', 'two', 'absent'), (error) => {
    assert.ok(isP2posError(error, 'CAS_CONDITION_FAILED'));
    return error.details['version'] === first.version;
  });
  const second = await change(bed, 2, 'a', 'two', first.version);
  assert.equal(decode(second.previous?.value as Uint8Array), 'one');
  assert.ok(second.version > first.version);
  await assert.rejects(change(bed, 3, 'a', 'three', first.version), conditionFailed);
  assert.equal(await read(bed, 4, 'a'), 'two');
  await change(bed, 0, 'a', null, second.version);
  assert.equal(await read(bed, 1, 'a'), undefined);
  await assert.rejects(change(bed, 2, 'a', 'x', second.version), conditionFailed);
  const again = await change(bed, 3, 'a', 'anew', 'absent');
  assert.ok(again.version > second.version, 'a deleted register does not start over');
});

test('of many that create one key at once through all nodes, one succeeds', async () => {
  await using bed = await openBed();
  const tries = Array.from({ length: 20 }, (_, i) =>
    bed
      .node(i % 5)
      .records.registers.change({
        ...registerName('one'),
        value: bytes(`${i}`),
        condition: { kind: 'absent' },
      })
      .then(
        () => i,
        (error) => {
          assert.ok(conditionFailed(error), String(error));
          return undefined;
        },
      ),
  );
  const winners = (await bed.run(Promise.all(tries))).filter((i) => i !== undefined);
  assert.equal(winners.length, 1);
  assert.equal(await read(bed, 0, 'one'), `${winners[0]}`);
});

test('counting through all nodes at once loses no count', async () => {
  await using bed = await openBed();
  const count = async (index: number) => {
    const { registers } = bed.node(index).records;
    for (let done = 0; done < 5; ) {
      const found = await registers.read(registerName('n'));
      const value = bytes(String(Number(found ? decode(found.value) : '0') + 1));
      const condition = found
        ? { kind: 'version' as const, version: found.version }
        : { kind: 'absent' as const };
      try {
        await registers.change({ ...registerName('n'), value, condition });
        done++;
      } catch (error) {
        assert.ok(conditionFailed(error), String(error));
      }
    }
  };
  await bed.run(Promise.all([0, 1, 2, 3, 4].map(count)));
  assert.equal(await read(bed, 2, 'n'), '25');
});

test('a repeat under its idempotency key has no second effect, through whichever node', async () => {
  await using bed = await openBed();
  const first = await change(bed, 0, 'a', 'one', 'absent', { idempotencyKey: 'k1' });
  const again = await change(bed, 1, 'a', 'one', 'absent', { idempotencyKey: 'k1' });
  assert.equal(again.version, first.version);
  const second = await change(bed, 2, 'a', 'two', first.version, { idempotencyKey: 'k2' });
  assert.equal((await change(bed, 3, 'a', 'one', 'absent', { idempotencyKey: 'k1' })).version, first.version);
  assert.equal(
    (await change(bed, 3, 'a', 'two', first.version, { idempotencyKey: 'k2' })).version,
    second.version,
  );
  assert.equal(await read(bed, 4, 'a'), 'two');
});

test('it expires, and may then be created anew', async () => {
  await using bed = await openBed();
  await change(bed, 0, 'a', 'short', 'absent', { ttlMs: 5_000 });
  assert.equal(await read(bed, 1, 'a'), 'short');
  await bed.clock.advance(5_001);
  assert.equal(await read(bed, 1, 'a'), undefined);
  await change(bed, 2, 'a', 'long', 'absent');
  await bed.clock.advance(10_000);
  assert.equal(await read(bed, 3, 'a'), 'long');
});

test('one replica gone: all goes on; two gone: refused, nothing changed, and back with them', async () => {
  await using bed = await openBed({ nodes: 3, records: { writeTimeoutMs: 1_000 } });
  const { version } = await change(bed, 0, 'a', 'one', 'absent');
  await bed.crash(2);
  const second = await change(bed, 0, 'a', 'two', version);
  await bed.crash(1);
  const lost = (error: unknown) => isP2posError(error, 'RECORDS_QUORUM_LOST');
  await assert.rejects(change(bed, 0, 'a', 'three', second.version), lost);
  await assert.rejects(read(bed, 0, 'a'), lost);
  await bed.start(1);
  await bed.start(2);
  assert.equal(await read(bed, 2, 'a'), 'two');
  await change(bed, 2, 'a', 'four', second.version);
  assert.equal(await read(bed, 1, 'a'), 'four');
});

test('a promise outlives its acceptor: what was proposed under a smaller ballot is not taken after a restart', async () => {
  await using bed = await openBed({ nodes: 3, records: { writeTimeoutMs: 1_000 } });
  await change(bed, 0, 'a', 'one', 'absent');
  // Node 1 gets its ballot promised everywhere and is cut off before it proposes.
  const { registers } = bed.node(1).records;
  const slow = registers
    .change({ ...registerName('a'), value: bytes('slow'), condition: { kind: 'any' } })
    .then(
      () => 'done',
      (error) => (error as { code: string }).code,
    );
  await bed.clock.advance(2);
  bed.partition([1], [0, 2]);
  await bed.crash(0);
  await bed.start(0);
  bed.partition([1], [0, 2]);
  await change(bed, 2, 'a', 'two');
  await bed.heal();
  assert.equal(await read(bed, 0, 'a'), 'two');
  await bed.run(slow);
  const after = await read(bed, 0, 'a');
  assert.ok(after === 'two' || after === 'slow');
  assert.equal(await read(bed, 2, 'a'), after);
});

test('what a minority accepted is either finished or gone for ever, never seen and then unseen', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const failing = new Set<number>();
    await using bed = await openBed({
      nodes: 3,
      seed: `minority ${seed}`,
      latencyMs: (from, to) => 1 + ((from * 7 + to * 3 + seed) % 5),
      records: { writeTimeoutMs: 500 },
      wrapStore: (index, store) => fickle(store, () => failing.has(index)),
    });
    await change(bed, 0, 'a', 'one', 'absent');
    const writing = bed
      .node(0)
      .records.registers.change({ ...registerName('a'), value: bytes('two'), condition: { kind: 'any' } })
      .catch(() => {});
    await bed.clock.advance(2 + (seed % 10));
    failing.add(1).add(2);
    await bed.run(writing);
    failing.clear();
    let seen = await read(bed, 1, 'a');
    for (const index of [2, 0, 1, 2, 0, 1]) {
      await bed.crash((index + 1) % 3);
      const now = await read(bed, index, 'a');
      assert.ok(now === 'two' || seen === 'one', `seed ${seed}: ${now} after ${seen}`);
      seen = now;
      await bed.start((index + 1) % 3);
    }
  }
});

test('registers move with their slots', async () => {
  await using bed = await openBed({ nodes: 6, members: [0, 1, 2] });
  const keys = Array.from({ length: 30 }, (_, i) => `key${i}`);
  for (const key of keys) await change(bed, 0, key, `of ${key}`, 'absent');
  const next = await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5));
  await bed.giveAll(next);
  for (const key of keys.slice(0, 10)) await change(bed, 3, key, `new ${key}`);
  await bed.clock.advanceUntil(
    () => bed.nodes().every(({ records }) => records.moves().open === 0 && records.moves().unsettled === 0),
    { stepMs: 50, limitMs: 120_000 },
  );
  // One at a time: who takes away a majority of a slot's replicas at once needs force.
  for (const members of [
    [1, 2, 3, 4, 5],
    [2, 3, 4, 5],
  ]) {
    await bed.giveAll(await bed.snapshot(bed.members(...members)));
    await bed.clock.advanceUntil(
      () =>
        members.every((i) => {
          const { open, unsettled } = bed.node(i).records.moves();
          return open === 0 && unsettled === 0;
        }),
      { stepMs: 50, limitMs: 120_000 },
    );
  }
  for (const [i, key] of keys.entries())
    assert.equal(await read(bed, 4, key), i < 10 ? `new ${key}` : `of ${key}`);
});

test('a scan tells what is there, also of keys that were left unfinished', async () => {
  await using bed = await openBed();
  for (const key of ['a', 'b', 'c', 'd']) await change(bed, 0, key, key);
  await change(bed, 1, 'b', null);
  const scan = () =>
    bed.run(
      bed.node(2).records.registers.scanAll({ namespace: 'default/kv-cas', prefix: bytes(''), limit: 10 }),
    );
  assert.deepEqual((await scan()).keys.map(decode), ['a', 'c', 'd']);
});

test('registers and plain records are never mixed in one namespace', async () => {
  await using bed = await openBed();
  const kind = (error: unknown) => isP2posError(error, 'NAMESPACE_KIND');
  const { records } = bed.node(0);
  const plain = { namespace: 'default/kv', partition: bytes('a'), key: bytes('a') };
  await assert.rejects(records.registers.read(plain), kind);
  await assert.rejects(records.put({ ...registerName('a'), value: bytes('v') }), kind);
  await assert.rejects(records.get({ ...registerName('a'), consistency: 'quorum' }), kind);
  await assert.rejects(records.scanAll({ namespace: 'default/kv-cas', prefix: bytes(''), limit: 1 }), kind);
});

test('expired for one clock is expired for all, however far they are apart', async () => {
  await using bed = await openBed({ skewMs: (index) => (index === 1 ? 1_500 : 0) });
  await change(bed, 0, 'a', 'v', 'absent', { ttlMs: 5_000 });
  await bed.clock.advance(4_000);
  assert.equal(await read(bed, 1, 'a'), undefined);
  assert.equal(await read(bed, 0, 'a'), undefined);
});

test('a repeat answers what the first answered, what was replaced included', async () => {
  await using bed = await openBed();
  const before = 'x'.repeat(60_000);
  await change(bed, 0, 'a', before);
  await change(bed, 1, 'a', 'two', 'any', { idempotencyKey: 'k' });
  const again = await change(bed, 2, 'a', 'two', 'any', { idempotencyKey: 'k' });
  assert.equal(again.previous && decode(again.previous.value), before);
  await assert.rejects(change(bed, 3, 'a', 'three', 'any', { idempotencyKey: 'k' }), (error) =>
    isP2posError(error, 'IDEMPOTENCY_KEY_REUSED'),
  );
});

test('a failed condition tells only of what a majority holds', async () => {
  const broken = new Set<number>();
  await using bed = await openBed({
    nodes: 3,
    records: { writeTimeoutMs: 300 },
    wrapStore: (index, store) => ({
      ...fickle(store, () => false),
      write: async (statements) => {
        const accepts = statements.some(({ sql }) => sql.includes('INTO records '));
        if (accepts && broken.has(index)) throw new Error('told to');
        return store.write(statements);
      },
    }),
  });
  broken.add(1).add(2);
  // On the disk of node 0 alone: whoever asked must not be told that nothing came of it.
  await assert.rejects(
    change(bed, 0, 'a', 'mine', 'absent'),
    (error) => isP2posError(error, 'RECORDS_QUORUM_LOST') && error.details['outcome'] === 'unknown',
  );
  await assert.rejects(change(bed, 0, 'a', 'other', 'absent'), (error) => {
    assert.ok(!conditionFailed(error), 'it told of what nobody else has');
    return true;
  });
  broken.clear();
  // It is under way until somebody brings it to an end: it may take effect once, at any later moment, and then it stays. The
  // other was never proposed to anyone, and never shows.
  let value = await read(bed, 1, 'a');
  for (let i = 0; i < 12; i++) {
    const next = await read(bed, i % 3, 'a');
    assert.ok(next === value || (value === undefined && next === 'mine'), `${value} became ${next}`);
    value = next;
  }
  assert.equal(value, 'mine');
});

test('a learner has no say in a read: what it has caught up so far is not what a majority holds', async () => {
  await using bed = await openBed({ nodes: 4, records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 } });
  const replicasOf = (key: string) =>
    bed
      .node(0)
      .records.locate(registerName(key))
      .replicas.map((peerId) => bed.nodes().findIndex((node) => node.peerId === peerId));
  const key = bed.findKey((_, key) => !replicasOf(key).includes(3));
  const [a, b, c] = replicasOf(key) as [number, number, number];
  await change(bed, 3, key, 'old');
  bed.partition([a, b, 3], [c]);
  await change(bed, 3, key, 'new');
  await bed.crash(a);
  bed.replaceDisk(a);
  await bed.heal();
  // It learns from the one replica that has missed the change, and hears nothing of the other.
  bed.cut(a, b);
  bed.cut(b, c);
  await bed.start(a);
  const has = async () => {
    const sql = 'SELECT count(*) AS n FROM records WHERE namespace = ?';
    const [row] = await bed.node(a).store.read<{ n: number }>(sql, ['default/kv-cas']);
    return row?.n === 1;
  };
  for (let i = 0; i < 100 && !(await has()); i++) await bed.clock.advance(100);
  assert.ok(await has());
  assert.equal(bed.node(a).records.repair.standing(), 'learner');
  assert.equal(await read(bed, 3, key), 'new');
});
