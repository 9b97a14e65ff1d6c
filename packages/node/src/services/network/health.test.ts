import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Health, type NetworkStatus, P2posError } from '@p2pos/protocol';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMemoryDisk } from '../../testing/memory-store.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createNodeChecks } from './checks.ts';
import { createHealth, FRESH_MS } from './health.ts';

function createBench({ maxBytes = 0 } = {}) {
  const clock = createManualClock();
  const disk = createMemoryDisk(createSeededRandom('health'), { maxBytes });
  const store = disk.open();
  const status = { state: 'healthy', members: 3, online: 3, clockOffsetMs: 0 } as NetworkStatus;
  const own = {
    status,
    duplicate: undefined as P2posError | undefined,
    standing: 'voter' as 'voter' | 'learner',
    holding: [] as string[],
  };
  const checks = createNodeChecks({
    network: { status: () => own.status },
    store,
    presence: { duplicate: () => own.duplicate },
    clock,
    records: {
      standing: () => own.standing,
      heldBackBy: () => own.holding,
      hintsFor: () => [],
    },
  });
  const health = createHealth({ clock }, checks);
  const found = async () => {
    await clock.advance(FRESH_MS);
    const answer = Health.parse(await health.check());
    return [answer.status, ...answer.checks.filter((check) => check.status !== 'ok').map(({ name }) => name)];
  };
  return { clock, disk, store, own, health, found };
}

test('a healthy node passes all checks', async () => {
  const { health, found } = createBench();
  assert.deepEqual(await found(), ['ok']);
  const names = (await health.check()).checks.map(({ name }) => name);
  assert.deepEqual(names, ['store', 'records', 'identity', 'membership', 'majority', 'clock']);
});

test('each fault shows in its check, with the worst as the whole', async () => {
  const { own, found } = createBench();
  own.status = { ...own.status, state: 'degraded', reason: 'Only 1 of 3 members answer.' };
  assert.deepEqual(await found(), ['degraded', 'majority']);
  own.status = { ...own.status, state: 'unconfigured' };
  assert.deepEqual(await found(), ['degraded', 'membership']);
  own.status = { ...own.status, state: 'healthy', clockOffsetMs: -61_000 };
  assert.deepEqual(await found(), ['degraded', 'clock']);
  own.duplicate = new P2posError('IDENTITY_DUPLICATE', { peerId: 'p' });
  assert.deepEqual(await found(), ['failing', 'identity', 'clock']);
});

test('a lost disk, and members that hold back deletions, show', async () => {
  const { own, found, health } = createBench();
  own.standing = 'learner';
  assert.deepEqual(await found(), ['degraded', 'records']);
  own.standing = 'voter';
  own.holding = ['12D3KooWaway'];
  assert.deepEqual(await found(), ['degraded', 'records']);
  assert.match((await health.check()).checks[1]?.detail ?? '', /12D3KooWaway/);
});

test('a store that takes no writes is found; asking often costs one write in ten seconds', async () => {
  const { clock, store, found } = createBench();
  await found();
  const before = store.position().commits;
  for (let i = 0; i < 10_000 / FRESH_MS - 1; i++) await found();
  assert.equal(store.position().commits, before);
  await clock.advance(10_000);
  await found();
  assert.equal(store.position().commits, before + 1);
  await store[Symbol.asyncDispose]();
  assert.deepEqual(await found(), ['failing', 'store']);
});

test('a full disk degrades, since reads go on', async () => {
  const { store, found } = createBench({ maxBytes: 60_000 });
  await store.migrate('fill', ['CREATE TABLE fill (data BLOB)']);
  for (const size of [20_000, 4_000, 4_000, 4_000, 1_000, 1_000, 1_000, 100, 100]) {
    await store
      .write([{ sql: 'INSERT INTO fill VALUES (?)', params: [new Uint8Array(size)] }])
      .catch(() => {});
  }
  assert.deepEqual(await found(), ['degraded', 'store']);
});

test('what was found serves others for a quarter of a second, and not longer', async () => {
  const clock = createManualClock();
  let runs = 0;
  const health = createHealth({ clock }, [
    { name: 'one', run: () => ({ status: 'ok', detail: `${++runs}` }) },
  ]);
  const detail = async () => (await health.check()).checks[0]?.detail;
  assert.deepEqual([await detail(), await detail()], ['1', '1']);
  await clock.advance(FRESH_MS - 1);
  assert.equal(await detail(), '1');
  await clock.advance(1);
  assert.deepEqual([await detail(), await detail()], ['2', '2']);
});

test('a check that hangs or throws fails alone and in time, and many who ask wait for one round', async () => {
  const clock = createManualClock();
  let runs = 0;
  const health = createHealth({ clock }, [
    { name: 'fine', run: () => ({ status: 'ok', detail: '' }) },
    {
      name: 'hanging',
      run() {
        runs++;
        return new Promise(() => {});
      },
    },
    {
      name: 'broken',
      run() {
        throw new Error('boom');
      },
    },
  ]);
  const answers = Promise.all([health.check(), health.check()]);
  await clock.advance(5_000);
  const [answer] = await answers;
  assert.equal(runs, 1);
  assert.deepEqual(
    answer.checks.map(({ name, status }) => [name, status]),
    [
      ['fine', 'ok'],
      ['hanging', 'failing'],
      ['broken', 'failing'],
    ],
  );
  assert.match(answer.checks[1]?.detail ?? '', /did not answer within 5000 ms/);
  assert.match(answer.checks[2]?.detail ?? '', /boom/);
});
