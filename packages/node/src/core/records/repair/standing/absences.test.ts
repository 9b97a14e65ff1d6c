/** Who was removed for so long that deletions were forgotten without it brings none of them back, whoever it meets first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '../../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../../testing/seeded-random.ts';
import { storeThrough } from '../../../../testing/store-through.ts';
import { silentLogger } from '../../../log/index.ts';
import type { Absence } from '../../placement/chain.ts';
import { declareRings, everywhere } from '../../testing/rings.ts';
import { count, DAY_MS, pass, QUICK } from '../../testing/strays.ts';
import { createTestbed, type Testbed } from '../../testing/testbed.ts';
import { createAbsences } from './absences.ts';
import { openPeerMemory } from './memory.ts';

const AWAY_MS = 2.5 * 3_600_000;
const KEYS = Array.from({ length: 60 }, (_, i) => `key${i}`);

const bytes = (text: string) => new TextEncoder().encode(text);
const rows = (bed: Testbed, index: number) => count(bed, index, 'records');

async function found(bed: Testbed, by: number): Promise<string[]> {
  const there: string[] = [];
  for (const key of KEYS) if ((await bed.get(by, key)) !== undefined) there.push(key);
  return there;
}

/** Nodes 0 to 3 hold all keys; then 3 is removed and does not hear of it, and all keys are deleted. */
async function removeAndDelete(bed: Testbed): Promise<void> {
  for (const key of KEYS) await bed.put(0, key, 'v');
  await bed.clock.advance(500);
  bed.partition([0, 1, 2, 4], [3]);
  const without = await bed.snapshot(bed.members(0, 1, 2), { force: true });
  for (const index of [0, 1, 2]) await bed.give(index, without);
  await bed.clock.advance(60_000);
  for (const key of KEYS) await bed.remove(0, key);
}

async function allForgotten(bed: Testbed, indexes: readonly number[]): Promise<void> {
  for (const index of indexes) assert.equal(await rows(bed, index), 0, 'the deletions are forgotten');
}

test('not even if one that joined meanwhile, and knows nothing of it, answers first', async () => {
  let far = false;
  await using bed = await createTestbed({
    nodes: 5,
    members: [0, 1, 2, 3],
    records: QUICK,
    latencyMs: (a, b) => (far && (a === 3 || b === 3) && a !== 4 && b !== 4 ? 30 : 1),
  });
  await removeAndDelete(bed);
  await pass(bed, AWAY_MS);
  const joined = await bed.snapshot(bed.members(0, 1, 2, 4));
  for (const index of [0, 1, 2, 4]) await bed.give(index, joined);
  await pass(bed, 2 * DAY_MS);
  await allForgotten(bed, [0, 1, 2, 4]);
  far = true;
  await bed.heal();
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  for (let i = 0; i < 20; i++) {
    for (const key of KEYS) assert.equal(await bed.get(4, key).catch(() => undefined), undefined, key);
    await bed.clock.advance(100);
  }
  await pass(bed, 600_000);
  assert.deepEqual(await found(bed, 0), []);
  assert.equal(bed.node(3).records.repair.standing(), 'voter');
});

test('not even of a slot that moves away from it and back', async () => {
  await using bed = await createTestbed({ nodes: 5, members: [0, 1, 2, 3], records: QUICK });
  await removeAndDelete(bed);
  await pass(bed, AWAY_MS + 2 * DAY_MS);
  await allForgotten(bed, [0, 1, 2]);
  await bed.heal();
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  const { repair } = bed.node(3).records;
  await bed.clock.advanceUntil(() => repair.standing() === 'learner', { stepMs: 1, limitMs: 5_000 });
  await bed.clock.advanceUntil(() => repair.standing() === 'voter', { stepMs: 1, limitMs: 60_000 });
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await pass(bed, 600_000);
  assert.deepEqual(await found(bed, 0), []);
});

test('not even of a slot that comes back while records of another ring are set aside', async () => {
  let gate: PromiseWithResolvers<void> | undefined;
  let reached = false;
  await using bed = await createTestbed({
    nodes: 5,
    members: [0, 1, 2, 3],
    records: { ...QUICK, keepDeletedMs: 120_000, replicaCounts: [3, 7] },
    declare: false,
    wrapStore: (index, store) =>
      storeThrough(store, {
        async write(statements) {
          // The disk of node 3 stands still for some seconds.
          if (index === 3 && gate && statements.some(({ sql, params }) => isAside(sql, params?.[0]))) {
            reached = true;
            await gate.promise;
          }
          return store.write(statements);
        },
      }),
  });
  const isAside = (sql: string, count: unknown) => sql.includes('repair_aside') && count === 7;
  declareRings(bed, [3, 7]);
  await bed.run(bed.node(0).records.put({ ...everywhere, value: bytes('v') }));
  await removeAndDelete(bed);
  await bed.run(bed.node(0).records.delete(everywhere));
  await pass(bed, 900_000);
  await allForgotten(bed, [0, 1, 2]);
  await bed.heal();
  gate = Promise.withResolvers();
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  await bed.clock.advanceUntil(() => reached, { stepMs: 1, limitMs: 60_000 });
  // Some slots go back to 3, of which it holds what was deleted.
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await bed.clock.advance(3_000);
  gate.resolve();
  gate = undefined;
  await pass(bed, 300_000);
  assert.deepEqual(await found(bed, 0), []);
});

test('an absence is seen once, by any branch, and only then kept, with the slots of what is held', async () => {
  const store = createMemoryStore(createSeededRandom('absences'));
  let full = false;
  const memory = await openPeerMemory({
    store: storeThrough(store, {
      write: (statements) => (full ? Promise.reject(new Error('full')) : store.write(statements)),
    }),
  });
  await store.write([{ sql: 'CREATE TABLE records (replicas INTEGER, slot INTEGER)' }]);
  const seen: unknown[] = [];
  let all: Absence[] = [];
  const deps = {
    self: 'me',
    topology: { absencesOf: () => all, placedNow: () => ({ epoch: 1, placement: new Uint8Array(32) }) },
    memory,
    store,
    log: silentLogger,
    standing: {
      returns: {
        suspend: () => void seen.push('suspend'),
        expect: (slots: unknown) => void seen.push(slots),
      },
    },
  };
  const kept = async () => (await openPeerMemory({ store })).returning;
  all = [{ epoch: 3, listedBy: 'before' }];
  const first = createAbsences(deps);
  first.look();
  first.look();
  assert.equal(await first.conclude(), true);
  // On a disk that is new there is nothing that could be deleted.
  assert.deepEqual(seen.splice(0), ['suspend', []]);
  await store.write([{ sql: 'INSERT INTO records VALUES (3, 1), (3, 1)' }]);
  all = [{ epoch: 8, listedBy: 'a' }];
  first.look();
  full = true;
  assert.equal(await first.conclude(), false);
  // What it has to come back to is known, though the disk cannot keep it.
  assert.deepEqual(seen.splice(0), ['suspend', [{ count: 3, slot: 1, epoch: 8 }]]);
  full = false;
  assert.equal(await first.conclude(), true);
  assert.deepEqual(await kept(), [{ count: 3, slot: 1, epoch: 8 }]);
  // Another branch won, on which it was away twice; the process ended before that was concluded from.
  all = [7, 9].map((epoch) => ({ epoch, listedBy: `b${epoch}` }));
  first.look();
  const second = createAbsences(deps);
  second.look();
  assert.equal(await second.conclude(), true);
  assert.deepEqual(seen.splice(0), ['suspend', 'suspend', [{ count: 3, slot: 1, epoch: 7 }]]);
  assert.deepEqual(await kept(), [{ count: 3, slot: 1, epoch: 7 }]);
  createAbsences(deps).look();
  assert.deepEqual(seen, []);
});
