/** Nodes whose clock is hours off, as after a dead battery or a summer time too many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, type P2posError, parseVersion } from '@p2pos/protocol';
import { createTestbed, NAMESPACE, type Testbed } from '../testing/testbed.ts';

const AHEAD_MS = 7_200_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const register = { namespace: 'default/kv-cas', partition: bytes('r'), key: bytes('r') };

function change(bed: Testbed, index: number, value: string) {
  const condition = { kind: 'any' } as const;
  return bed.run(bed.node(index).records.registers.change({ ...register, value: bytes(value), condition }));
}

async function failure(work: Promise<unknown>): Promise<P2posError> {
  const error = await work.then(
    () => assert.fail('it went well'),
    (reason) => reason,
  );
  assert.ok(isP2posError(error));
  return error;
}

/** Of three nodes the first starts again with a wrong clock. */
async function withWrongClock(wrongMs: number, meanwhile: (bed: Testbed) => Promise<void> | void) {
  let skewMs = 0;
  const bed = await createTestbed({
    nodes: 3,
    registers: true,
    pings: true,
    skewMs: (i) => (i === 0 ? skewMs : 0),
  });
  await bed.put(1, 'k', 'one');
  await change(bed, 1, 'one');
  await bed.crash(0);
  await meanwhile(bed);
  const restart = async (ms: number) => {
    if (bed.node(0).isUp()) await bed.crash(0);
    skewMs = ms;
    await bed.start(0);
    await bed.clock.advance(100);
  };
  await restart(wrongMs);
  return { bed, restart, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

test('a node that starts hours ahead or behind of two others writes by their time', async () => {
  for (const wrongMs of [AHEAD_MS, -AHEAD_MS]) {
    await using wrong = await withWrongClock(wrongMs, () => {});
    const { bed } = wrong;
    const { version } = await bed.put(0, 'k', 'two', { ttlMs: 60_000 });
    const isTrue = (text: string) => Math.abs(parseVersion(text).ms - bed.clock.now()) < 5_000;
    assert.ok(isTrue(version));
    assert.ok(isTrue((await change(bed, 0, 'two')).version));
    assert.equal(await bed.get(1, 'k'), 'two');
    await bed.clock.advance(61_000);
    assert.equal(await bed.get(1, 'k'), undefined);
  }
});

test('what a clock hours ahead would stamp is on no disk, and nothing is refused once the clock is right', async () => {
  await using wrong = await withWrongClock(AHEAD_MS, (bed) => bed.crash(2));
  const { bed, restart } = wrong;
  const refused = await failure(bed.put(0, 'k', 'two'));
  assert.deepEqual([refused.code, refused.details['outcome']], ['VERSION_AHEAD', 'none']);
  assert.equal((await failure(change(bed, 0, 'two'))).code, 'VERSION_AHEAD');
  assert.equal(await bed.get(1, 'k'), 'one');
  await bed.put(1, 'k', 'three');
  await change(bed, 1, 'three');
  await restart(0);
  await bed.start(2);
  for (const index of [0, 1, 2]) {
    assert.equal(await bed.get(index, 'k'), 'three');
    await bed.put(index, `other${index}`, 'value');
    await change(bed, index, `by ${index}`);
  }
  await bed.put(0, 'k', 'four');
  await bed.clock.advance(AHEAD_MS + 60_000);
  for (const index of [0, 1, 2]) assert.equal(await bed.get(index, 'k'), 'four');
});

test('before another member has told its time nothing is written, and the caller hears that soon', async () => {
  await using wrong = await withWrongClock(AHEAD_MS, async (bed) => {
    await bed.crash(1);
    await bed.crash(2);
  });
  const { bed } = wrong;
  const at = bed.clock.monotonic();
  const { code, details } = await failure(bed.put(0, 'k', 'two'));
  assert.deepEqual([code, details['outcome']], ['RECORDS_QUORUM_LOST', 'none']);
  assert.ok(bed.clock.monotonic() - at < 4_500);
  const rows = 'SELECT count(*) AS written FROM records WHERE version > ?';
  const now = bed.clock.now().toString(16).padStart(12, '0');
  assert.deepEqual(await bed.node(0).store.read(rows, [now]), [{ written: 0 }]);
  const again = bed.clock.monotonic();
  await failure(bed.put(0, 'other', 'two'));
  assert.ok(bed.clock.monotonic() - again < 50, 'who comes later need not wait too');
});

/** Node 0 starts again with a clock that is off, and the others tell it the time half a second later. */
async function corrected(
  wrongMs: number,
  work: (bed: Testbed) => Promise<unknown>,
  before = async (_: Testbed) => {},
) {
  let skewMs = 0;
  let answered = 2;
  const bed = await createTestbed({
    nodes: 3,
    registers: true,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) =>
      i === 0 ? { answered, offsetMs: answered > 0 ? -skewMs : 0 } : { answered: 2, offsetMs: 0 },
  });
  await before(bed);
  await bed.crash(0);
  [skewMs, answered] = [wrongMs, 0];
  await bed.start(0);
  const timer = bed.clock.after(500, () => {
    answered = 2;
  });
  const result = await work(bed).finally(() => timer[Symbol.dispose]());
  return { bed, result, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

test('what is to live for a while does so by the right time, though that be told only while it is written', async () => {
  for (const wrongMs of [AHEAD_MS, -AHEAD_MS]) {
    await using done = await corrected(wrongMs, (bed) => bed.put(0, 'k', 'two', { ttlMs: 60_000 }));
    const { bed } = done;
    assert.equal(await bed.get(1, 'k'), 'two');
    await bed.clock.advance(61_000);
    assert.equal(await bed.get(1, 'k'), undefined);
  }
});

test('what lives for a while is there for who reads and lists by a clock that is still wrong, and no longer than that', async () => {
  const put = async (bed: Testbed) => {
    await bed.put(1, 'k', 'two', { ttlMs: 60_000 });
  };
  for (const read of [
    (bed: Testbed) => bed.get(0, 'k'),
    async (bed: Testbed) => {
      const { keys } = await bed.run(
        bed.node(0).records.scanAll({ namespace: NAMESPACE, prefix: new Uint8Array(), limit: 10 }),
      );
      return keys.length === 1 ? 'two' : undefined;
    },
  ]) {
    await using ahead = await corrected(AHEAD_MS, read, put);
    assert.equal(ahead.result, 'two');
    await using behind = await corrected(-AHEAD_MS, read, async (bed) => {
      await put(bed);
      await bed.clock.advance(61_000);
    });
    assert.equal(behind.result, undefined);
  }
});

test('nobody takes the lease of another by a clock that is still wrong', async () => {
  const wanted = { ...register, ttlMs: 60_000 };
  const take = (bed: Testbed, index: number, holder: string) =>
    bed.run(bed.node(index).records.leases.take({ ...wanted, holder }));
  await using ahead = await corrected(
    AHEAD_MS,
    (bed) => take(bed, 0, 'late'),
    async (bed) => void (await take(bed, 1, 'first')),
  );
  assert.equal(ahead.result, undefined);
  await using behind = await corrected(-AHEAD_MS, (bed) => take(bed, 0, 'first'));
  assert.ok(behind.result);
  assert.equal(await take(behind.bed, 1, 'late'), undefined);
});

test('by a clock that is ahead of the one other that is known, no deletion is old', async () => {
  const keepDeletedMs = 3_600_000;
  await using bed = await createTestbed({
    nodes: 3,
    records: { keepDeletedMs },
    skewMs: (i) => (i === 0 ? AHEAD_MS : 0),
    clocks: (i) => (i === 0 ? { answered: 1, offsetMs: -AHEAD_MS } : { answered: 2, offsetMs: 0 }),
  });
  await bed.put(1, 'k', 'one');
  await bed.remove(1, 'k');
  const rows = async () => (await bed.node(0).store.read('SELECT id FROM records')).length;
  await bed.clock.advance(keepDeletedMs / 2);
  assert.equal(await rows(), 1);
  await bed.clock.advance(keepDeletedMs);
  assert.equal(await rows(), 0);
});

test('nothing is read or written for a while by a clock that is behind the one other that is heard', async () => {
  let skewMs = 0;
  let answered = 1;
  await using bed = await createTestbed({
    nodes: 3,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) => (i === 0 ? { answered, offsetMs: -skewMs } : { answered: 2, offsetMs: 0 }),
  });
  await bed.put(1, 'k', 'v', { ttlMs: 60_000 });
  await bed.clock.advance(61_000);
  await bed.crash(0);
  skewMs = -AHEAD_MS;
  await bed.start(0);
  assert.equal((await failure(bed.get(0, 'k'))).code, 'VERSION_AHEAD');
  assert.equal((await failure(bed.put(0, 'k', 'w', { ttlMs: 60_000 }))).code, 'VERSION_AHEAD');
  answered = 2;
  assert.equal(await bed.get(0, 'k'), undefined);
});
