import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, type P2posError, parseVersion } from '@p2pos/protocol';
import { createTestbed, decode, nameOf, type Testbed } from './testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function failure(work: Promise<unknown>): Promise<P2posError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isP2posError(error)) throw new Error(`no P2posError but ${String(error)}`);
  return error;
}

/** What each node has on its disk under the key, as text; undefined: nothing. */
async function onDisks(bed: Testbed, key: string): Promise<(string | undefined)[]> {
  return Promise.all(
    Array.from({ length: bed.size }, async (_, index) => {
      const rows = await bed
        .node(index)
        .store.read<{ value: Uint8Array | null }>('SELECT value FROM records WHERE key = ?', [bytes(key)]);
      return rows[0] && (rows[0].value ? decode(rows[0].value) : '');
    }),
  );
}

test('what is written through one node is read through every other', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const written = await bed.put(0, 'greeting', 'hello');
  assert.ok(written.durable >= 2);
  assert.equal(written.replicas.length, written.durable);
  for (let i = 0; i < 5; i++) assert.equal(await bed.get(i, 'greeting'), 'hello');
  assert.equal(await bed.get(1, 'nothing'), undefined);
  await bed.clock.advance(100);
  const replicas = bed.replicasOf('greeting');
  const held = await onDisks(bed, 'greeting');
  for (let i = 0; i < 5; i++) assert.equal(held[i], replicas.includes(i) ? 'hello' : undefined);
});

test('a later write wins, through whichever node', async () => {
  await using bed = await createTestbed({ nodes: 4 });
  for (let i = 0; i < 20; i++) {
    await bed.put(i % 4, 'k', `v${i}`);
    assert.equal(await bed.get((i + 1) % 4, 'k'), `v${i}`);
  }
});

test('a delete tells whether there was something, and stays', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  assert.equal((await bed.remove(0, 'k')).existed, false);
  await bed.put(1, 'k', 'v');
  assert.equal((await bed.remove(2, 'k')).existed, true);
  assert.equal((await bed.remove(3, 'k')).existed, false);
  assert.equal(await bed.get(4, 'k'), undefined);
  await bed.put(0, 'k', 'again', { ttlMs: 1_000 });
  await bed.clock.advance(1_500);
  assert.equal((await bed.remove(1, 'k')).existed, false);
});

test('R4: after its time to live a record is gone for every reader, and its value from every disk', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'short', 'v', { ttlMs: 60_000 });
  await bed.put(0, 'long', 'v');
  await bed.clock.advance(58_000);
  const { found } = await bed.run(bed.node(1).records.get({ ...nameOf('short'), consistency: 'all' }));
  assert.ok(found?.expiresAt);
  await bed.clock.advance(2_100);
  for (let i = 0; i < 3; i++) assert.equal(await bed.get(i, 'short'), undefined);
  const list = await bed.run(
    bed.node(0).records.scanAll({ namespace: 'default/kv', prefix: bytes(''), limit: 10 }),
  );
  assert.deepEqual(list.keys.map(decode), ['long']);
  await bed.clock.advance(200_000);
  assert.deepEqual(await onDisks(bed, 'short'), ['', '', '']);
  assert.deepEqual(await onDisks(bed, 'long'), ['v', 'v', 'v']);
  await bed.put(2, 'short', 'new life');
  assert.equal(await bed.get(0, 'short'), 'new life');
});

test('one of three replicas killed: reads and writes go on, and it catches up by reads when it is back', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'k', 'before');
  await bed.crash(2);
  assert.equal(await bed.get(0, 'k'), 'before');
  await bed.put(1, 'k', 'during');
  assert.equal(await bed.get(0, 'k'), 'during');
  await bed.start(2);
  assert.equal((await onDisks(bed, 'k'))[2], 'before');
  assert.equal(await bed.get(2, 'k'), 'during');
  await bed.clock.advance(100);
  assert.equal((await onDisks(bed, 'k'))[2], 'during');
});

test('two of three replicas dead: an error that says what is known, never a false success', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const key = bed.findKey((replicas) => !replicas.includes(0));
  const other = bed.findKey((replicas) => replicas.includes(0));
  const [a, b, c] = bed.replicasOf(key) as [number, number, number];
  await bed.put(0, key, 'v');
  await bed.crash(a);
  await bed.crash(b);
  const error = await failure(bed.put(0, key, 'w'));
  assert.equal(error.code, 'RECORDS_QUORUM_LOST');
  assert.equal(error.details['outcome'], 'unknown');
  assert.equal(error.details['needed'], 2);
  assert.ok(error.details['retryAfterMs']);
  assert.equal((await failure(bed.get(0, key))).code, 'RECORDS_QUORUM_LOST');
  const survivors = bed.replicasOf(other).filter((index) => index !== a && index !== b);
  if (survivors.length >= 2) await bed.put(c, other, 'v');
  await bed.start(a);
  assert.ok(['v', 'w'].includes((await bed.get(0, key)) as string));
  await bed.put(0, key, 'x');
  assert.equal(await bed.get(c, key), 'x');
});

test('a restart of all nodes at once loses nothing that was acknowledged', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  for (let i = 0; i < 30; i++) await bed.put(i % 5, `k${i}`, `v${i}`);
  await bed.remove(0, 'k3');
  for (let i = 0; i < 5; i++) await bed.crash(i);
  for (let i = 0; i < 5; i++) await bed.start(i);
  for (let i = 0; i < 30; i++)
    assert.equal(await bed.get((i + 2) % 5, `k${i}`), i === 3 ? undefined : `v${i}`);
  const again = await bed.put(0, 'k0', 'newer');
  assert.equal(await bed.get(1, 'k0'), 'newer');
  assert.ok(again.version > '0');
});

test('in a partition the side with a majority goes on, the other says so; after healing both agree', async () => {
  await using bed = await createTestbed({
    nodes: 3,
    records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 },
  });
  await bed.put(0, 'k', 'before');
  bed.partition([0], [1, 2]);
  const error = await failure(bed.put(0, 'k', 'minority'));
  assert.equal(error.code, 'RECORDS_QUORUM_LOST');
  assert.equal(error.details['outcome'], 'unknown'); // node 0 itself has it
  await bed.put(1, 'k', 'majority');
  assert.equal(await bed.get(2, 'k'), 'majority');
  await bed.heal();
  const values = new Set([await bed.get(0, 'k'), await bed.get(1, 'k'), await bed.get(2, 'k')]);
  assert.equal(values.size, 1);
  await bed.clock.advance(100);
  assert.equal(new Set(await onDisks(bed, 'k')).size, 1);
});

test('a clock that lags writes over what a faster one wrote: the version is moved past it', async () => {
  await using bed = await createTestbed({ nodes: 3, skewMs: (index) => (index === 0 ? 4_000 : 0) });
  const fast = await bed.put(0, 'k', 'from the fast clock');
  const slow = await bed.put(1, 'k', 'from the slow clock');
  assert.ok(slow.version > fast.version);
  assert.equal(await bed.get(2, 'k'), 'from the slow clock');
  const late = await bed.run(bed.node(2).records.put({ ...nameOf('k'), value: bytes('third') }));
  assert.ok(late.version > slow.version);
});

test('a replica that holds something newer counts for nothing, even when the others make a majority with it', async () => {
  await using bed = await createTestbed({
    nodes: 3,
    skewMs: (index) => (index === 0 ? 4_000 : 0),
    records: { writeTimeoutMs: 500 },
  });
  await bed.put(1, 'k', 'first');
  bed.partition([0], [1, 2]);
  await failure(bed.put(0, 'k', 'only on node 0, dated ahead'));
  await bed.heal();
  await bed.crash(2);
  const written = await bed.put(1, 'k', 'acknowledged'); // node 1 takes it at once, node 0 is ahead
  const [newest] = await bed
    .node(0)
    .store.read<{ version: string }>('SELECT version FROM records WHERE key = ?', [bytes('k')]);
  assert.equal(newest?.version, written.version);
  assert.equal(await bed.get(0, 'k'), 'acknowledged');
});

test('after a restart no version repeats or goes back, whatever the clock says', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const before = await bed.put(0, 'a', 'v');
  await bed.crash(0);
  bed.clock.jump(-8_000);
  await bed.start(0);
  const after = await bed.put(0, 'b', 'v');
  assert.ok(after.version > before.version);
});

test('a version far in the future is refused by the others, and says why', async () => {
  await using bed = await createTestbed({ nodes: 3, skewMs: (index) => (index === 0 ? 60_000 : 0) });
  await bed.put(1, 'k', 'true');
  assert.equal((await failure(bed.put(0, 'k', 'from the future'))).code, 'VERSION_AHEAD');
  await bed.put(1, 'other', 'fine');
  assert.equal(await bed.get(2, 'other'), 'fine');
});

test('many writers of one key all come through, and all nodes agree on the last', async () => {
  await using bed = await createTestbed({ nodes: 5, latencyMs: (from, to) => 1 + ((from * 7 + to * 3) % 9) });
  const writes = Array.from({ length: 40 }, (_, i) =>
    bed.node(i % 5).records.put({ ...nameOf('hot'), value: bytes(`v${i}`) }),
  );
  const written = await bed.run(Promise.all(writes));
  const versions = written.map(({ version }) => version);
  assert.equal(new Set(versions).size, 40);
  const last = `v${versions.indexOf(versions.toSorted().at(-1) as string)}`;
  for (let i = 0; i < 5; i++) assert.equal(await bed.get(i, 'hot'), last);
});

test('a slow replica does not hold back the answer, nor does a dead link', async () => {
  await using bed = await createTestbed({
    nodes: 3,
    latencyMs: (from, to) => (from === 2 || to === 2 ? 900 : 1),
  });
  await bed.put(0, 'warm', 'up');
  const start = bed.clock.monotonic();
  await bed.put(0, 'k', 'v');
  assert.equal(await bed.get(1, 'k'), 'v');
  assert.ok(bed.clock.monotonic() - start < 100, `${bed.clock.monotonic() - start} ms`);
  bed.partition([2], [0, 1]);
  await bed.put(0, 'k', 'w');
  assert.ok(bed.clock.monotonic() - start < 200);
});

test('a batch of concurrent writes costs few signatures and few commits', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'warm', 'up');
  await bed.clock.advance(100);
  const commits = () => [0, 1, 2].map((index) => bed.node(index).store.position().commits);
  const before = commits();
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
  await bed.run(
    Promise.all(keys.map((key) => bed.node(0).records.put({ ...nameOf(key), value: bytes(key) }))),
  );
  await bed.clock.advance(100);
  for (const [i, count] of commits().entries())
    assert.ok(count - (before[i] as number) <= 3, `${count - (before[i] as number)} commits`);
  const rows = await bed.node(1).store.read<{ proof: Uint8Array }>('SELECT proof FROM records');
  const signatures = new Set(rows.map(({ proof }) => Buffer.from(proof.subarray(0, 67)).toString('hex')));
  assert.ok(signatures.size <= 4, `${signatures.size} signatures`);
  assert.equal(rows.length, 201);
});

test('a repeat with the same idempotency key has no second effect', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { writeTimeoutMs: 1_000 } });
  const first = await bed.put(0, 'k', 'v', { idempotencyKey: 'one' });
  await bed.put(1, 'k', 'later');
  const repeat = await bed.put(0, 'k', 'v', { idempotencyKey: 'one' });
  assert.equal(repeat.version, first.version);
  assert.equal(await bed.get(2, 'k'), 'later');
  assert.equal(
    (await failure(bed.put(0, 'k', 'other', { idempotencyKey: 'one' }))).code,
    'IDEMPOTENCY_KEY_REUSED',
  );
  assert.equal(
    (await failure(bed.put(0, 'k2', 'v', { idempotencyKey: 'one' }))).code,
    'IDEMPOTENCY_KEY_REUSED',
  );
});

test('a write of unknown outcome keeps its version when it is repeated, and undoes nothing newer', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { writeTimeoutMs: 1_000 } });
  bed.partition([0], [1, 2]);
  const error = await failure(bed.put(0, 'k', 'mine', { idempotencyKey: 'one' }));
  assert.equal(error.details['outcome'], 'unknown');
  await bed.heal();
  const rows = await bed.node(0).store.read<{ version: string }>('SELECT version FROM records');
  await bed.clock.advance(50);
  await bed.put(1, 'k', 'newer'); // after the first try began, before its repeat
  const repeat = await bed.put(0, 'k', 'mine', { idempotencyKey: 'one' });
  assert.equal(repeat.version, rows[0]?.version);
  assert.equal(await bed.get(2, 'k'), 'newer');
});

test('consistency one asks one replica, all asks all', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { readTimeoutMs: 1_000 } });
  await bed.put(0, 'k', 'v');
  const get = (consistency: 'one' | 'quorum' | 'all') =>
    bed.run(bed.node(0).records.get({ ...nameOf('k'), consistency }));
  assert.equal((await get('one')).explain.asked.length, 1);
  assert.equal((await get('quorum')).explain.asked.length, 2);
  assert.equal((await get('all')).explain.asked.length, 3);
  await bed.crash(2);
  assert.equal((await failure(get('all'))).code, 'RECORDS_QUORUM_LOST');
  assert.ok((await get('quorum')).found);
  await bed.crash(1);
  assert.ok((await get('one')).found);
  assert.equal((await failure(get('quorum'))).code, 'RECORDS_QUORUM_LOST');
});

test('a flipped bit on one disk is never read, and mended from the others', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'k', 'content');
  await bed.clock.advance(100);
  await bed.node(0).store.write([{ sql: "UPDATE records SET value = CAST('contend' AS BLOB)" }]);
  const { found, explain } = await bed.run(
    bed.node(0).records.get({ ...nameOf('k'), consistency: 'quorum' }),
  );
  assert.equal(found && decode(found.value), 'content');
  assert.ok(explain.answered.some(({ result }) => result === 'damaged'));
  await bed.clock.advance(100);
  assert.deepEqual(await onDisks(bed, 'k'), ['content', 'content', 'content']);
});

test('a read writes back before it answers, so what was read once is not unread', async () => {
  await using bed = await createTestbed({ nodes: 3, records: { writeTimeoutMs: 500, readTimeoutMs: 1_000 } });
  await bed.put(0, 'k', 'old');
  bed.partition([0], [1, 2]);
  await failure(bed.put(0, 'k', 'reached one replica only'));
  await bed.heal();
  bed.partition([0, 1], [2]);
  assert.equal(await bed.get(1, 'k'), 'reached one replica only');
  bed.partition([0], [1, 2]);
  assert.equal(await bed.get(2, 'k'), 'reached one replica only');
});

test('the explanation names who was asked and what each said', async () => {
  await using bed = await createTestbed({ nodes: 3, latencyMs: 5 });
  const { explain, version } = await bed.put(0, 'k', 'v');
  assert.equal(explain.asked.length, 3);
  assert.ok(explain.answered.length >= 2);
  for (const { peerId, ms, result } of explain.answered) {
    assert.equal(result, 'taken');
    assert.ok(peerId === bed.node(0).peerId ? ms === 0 : ms >= 10);
  }
  assert.equal(parseVersion(version).author, bed.node(0).peerId);
  const { slot, replicas, previous } = bed.node(1).records.locate(nameOf('k'));
  assert.equal(slot, explain.slot);
  assert.deepEqual(replicas.toSorted(), explain.asked.toSorted());
  assert.deepEqual(previous, []);
});

test('what no declaration covers, and what is too large, is refused before anything is sent', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const { records } = bed.node(0);
  const big = new Uint8Array(65_537);
  assert.equal((await failure(records.put({ ...nameOf('k'), value: big }))).code, 'RECORD_TOO_LARGE');
  const foreign = { ...nameOf('k'), namespace: 'default/unheard-of', value: big };
  assert.equal((await failure(records.put(foreign))).code, 'NAMESPACE_UNKNOWN');
  const keyless = { ...nameOf('k'), key: new Uint8Array(0), value: bytes('v') };
  assert.equal((await failure(records.put(keyless))).code, 'BAD_REQUEST');
  const full = new Uint8Array(65_536).fill(7);
  await bed.run(records.put({ ...nameOf('k'), value: full }));
  const { found } = await bed.run(bed.node(1).records.get({ ...nameOf('k'), consistency: 'quorum' }));
  assert.deepEqual(found?.value, full);
  assert.throws(() =>
    records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas: 3, maxValueBytes: 1 }),
  );
  assert.throws(() =>
    records.declare({ suffix: '/x', kind: 'lww', author: 'member', replicas: 4, maxValueBytes: 1 }),
  );
});

test('many large values at once are read and written in several answers', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const value = new Uint8Array(60_000).fill(3);
  const keys = Array.from({ length: 60 }, (_, i) => `big${i}`);
  await bed.run(Promise.all(keys.map((key) => bed.node(0).records.put({ ...nameOf(key), value }))));
  const got = await bed.run(
    Promise.all(keys.map((key) => bed.node(1).records.get({ ...nameOf(key), consistency: 'quorum' }))),
  );
  assert.ok(got.every(({ found }) => found?.value.length === 60_000));
});

test('a node outside the membership serves nothing', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2] });
  assert.equal((await failure(bed.put(3, 'k', 'v'))).code, 'STATE_UNCONFIGURED');
  assert.equal((await failure(bed.get(3, 'k'))).code, 'STATE_UNCONFIGURED');
});

test('a caller that gives up is let go', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  bed.partition([0], [1], [2]);
  const gone = new AbortController();
  const write = bed.node(0).records.put({ ...nameOf('k'), value: bytes('v') }, { signal: gone.signal });
  const read = bed.node(0).records.get({ ...nameOf('k'), consistency: 'quorum' }, { signal: gone.signal });
  const ends = Promise.all([assert.rejects(write, /gave up/), assert.rejects(read, /gave up/)]);
  await bed.clock.advance(50);
  gone.abort(new Error('gave up'));
  await bed.run(ends, 10);
});
