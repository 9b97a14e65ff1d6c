import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMemoryDisk } from '../../testing/memory-store.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createTestLogger } from '../../testing/test-membership.ts';
import { openPresenceHistory } from './history.ts';

const document = Uint8Array.of(1);

function createBench(maxBytes = 0) {
  const clock = createManualClock();
  const disk = createMemoryDisk(createSeededRandom('history'), { maxBytes });
  const log = createTestLogger();
  return { clock, disk, log };
}

test('an incarnation is durable before it is used, above the one before, and not below the time', async () => {
  const { clock, disk, log } = createBench();
  using _ = disk;
  const first = await (await openPresenceHistory({ store: disk.open(), clock, log })).nextIncarnation(100);
  assert.equal(first, 100);
  const history = await openPresenceHistory({ store: disk.open(), clock, log });
  assert.equal(await history.nextIncarnation(50), 101);
  assert.equal(await history.nextIncarnation(500.7), 500);
});

test('nothing is written before the flush, then all in one commit', async () => {
  const { clock, disk, log } = createBench();
  using _ = disk;
  const store = disk.open();
  const history = await openPresenceHistory({ store, clock, log });
  const before = store.position().commits;
  for (let i = 0; i < 100; i++) history.note(`peer${i}`, 'connected');
  history.keep({ peerId: 'a', receivedAt: 1, document });
  history.keep({ peerId: 'a', receivedAt: 2, document });
  history.keep({ peerId: 'b', receivedAt: 3, document });
  history.forget('b');
  assert.equal(store.position().commits, before);
  await history.flush();
  await history.flush();
  assert.equal(store.position().commits, before + 1);
  assert.deepEqual(await history.heartbeats(), [{ peerId: 'a', receivedAt: 2, document }]);
});

test('the log is bounded by rows and by age', async () => {
  const { clock, disk, log } = createBench();
  using _ = disk;
  const store = disk.open();
  const limits = { maxLogRows: 50, maxAgeMs: 60_000, maxPending: 1_000 };
  const history = await openPresenceHistory({ store, clock, log }, limits);
  const rows = async () => (await store.read('SELECT id FROM presence_log')).length;
  for (let i = 0; i < 120; i++) history.note('a', 'round_trip', i);
  await history.flush();
  assert.equal(await rows(), 50);
  await clock.advance(60_001);
  history.note('a', 'connected');
  await history.flush();
  assert.equal(await rows(), 1);
});

test('what waits for a flush is bounded, the newest stay', async () => {
  const { clock, disk, log } = createBench();
  using _ = disk;
  const store = disk.open();
  const history = await openPresenceHistory({ store, clock, log }, { maxPending: 100 });
  for (let i = 0; i < 10_000; i++) history.note('a', 'round_trip', i);
  await history.flush();
  const values = (await store.read('SELECT value FROM presence_log ORDER BY id')).map((row) => row['value']);
  assert.ok(values.length <= 100);
  assert.equal(values.at(-1), 9_999);
});

test('a full disk loses a batch and nothing else', async () => {
  const { clock, disk, log } = createBench(300_000);
  using _ = disk;
  const history = await openPresenceHistory({ store: disk.open(), clock, log });
  history.keep({ peerId: 'a', receivedAt: 1, document: new Uint8Array(500_000) });
  await history.flush();
  assert.deepEqual(
    log.lines.map(({ level, action }) => [level, action]),
    [['warn', 'presence_flush']],
  );
  history.keep({ peerId: 'a', receivedAt: 1, document });
  await history.flush();
  assert.equal((await history.heartbeats()).length, 1);
});
