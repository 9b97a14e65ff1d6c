/** Who was removed for so long that deletions were forgotten without it brings none of them back, whoever it meets first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { silentLogger } from '../../log/index.ts';
import type { Absence } from '../placement/chain.ts';
import { count, DAY_MS, draining, pass, QUICK } from '../testing/strays.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';
import { createAbsences } from './absences.ts';
import { openPeerMemory } from './memory.ts';

const AWAY_MS = 2.5 * 3_600_000;
const KEYS = Array.from({ length: 60 }, (_, i) => `key${i}`);

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

test('members that were drained, and so hold nothing, take all replicas of a slot when they come back', async () => {
  await using bed = await createTestbed({ nodes: 6, records: QUICK });
  const all = [0, 1, 2, 3, 4, 5];
  for (const key of KEYS) await bed.put(0, key, 'v');
  await bed.giveAll(await bed.snapshot(draining(bed, all, [3, 4, 5])));
  await pass(bed, 60_000);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2)));
  await pass(bed, AWAY_MS);
  await bed.giveAll(await bed.snapshot(draining(bed, all, [0, 1, 2])));
  await pass(bed, 600_000);
  for (const key of KEYS) assert.deepEqual(bed.replicasOf(key).sort(), [3, 4, 5]);
  assert.equal((await found(bed, 1)).length, KEYS.length);
  for (const index of [3, 4, 5]) {
    assert.equal(bed.node(index).records.repair.standing(), 'voter');
    assert.equal(await rows(bed, index), KEYS.length);
  }
});

/** The replicas of some slots, removed without being drained and listed again: what they held is nowhere else. */
async function undo(bed: Testbed, awayMs: number): Promise<string[]> {
  const keys = KEYS.filter((key) => bed.replicasOf(key).every((index) => index >= 3));
  assert.ok(keys.length > 0);
  for (const key of keys) await bed.put(0, key, 'v');
  await pass(bed, 2 * DAY_MS);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2)));
  await pass(bed, awayMs);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  await pass(bed, 600_000);
  return keys;
}

test('a removal of all replicas that is undone soon leaves everything as it was', async () => {
  await using bed = await createTestbed({ nodes: 6, records: { ...QUICK, leaversKeepMs: 120_000 } });
  for (const key of await undo(bed, 60_000)) assert.equal(await bed.get(0, key), 'v');
});

test('undone late, nothing is served, and nothing set aside, before an operator takes it for all there is', async () => {
  await using bed = await createTestbed({ nodes: 6, records: { ...QUICK, leaversKeepMs: 120_000 } });
  const keys = await undo(bed, 120_000);
  for (const key of keys) await assert.rejects(bed.get(0, key), { code: 'RECORDS_QUORUM_LOST' });
  for (const index of [3, 4, 5]) await bed.node(index).records.repair.acceptLoss();
  await pass(bed, 60_000);
  for (const key of keys) assert.equal(await bed.get(0, key), 'v');
});

test('a short absence is nothing, a long one is seen once, by any branch, and only then kept', async () => {
  const store = createMemoryStore(createSeededRandom('absences'));
  const memory = await openPeerMemory({ store });
  await store.write([{ sql: 'CREATE TABLE records (id INTEGER)' }]);
  const seen: string[] = [];
  let all: Absence[] = [];
  const tell = (what: string) => () => void seen.push(what);
  const deps = {
    self: 'me',
    topology: { absencesOf: () => all, placedNow: () => ({ epoch: 1, placement: new Uint8Array(32) }) },
    memory,
    store,
    log: silentLogger,
    standing: {
      suspend: tell('suspend'),
      resume: tell('resume'),
      relearn: tell('relearn'),
      doubt: tell('doubt'),
      mark: async () => void seen.push('mark'),
    },
  };
  const start = () => createAbsences(deps, { harmlessMs: 1_000 });
  all = [{ ms: 7_000, listedBy: 'before' }];
  const first = start();
  first.look();
  assert.equal(await first.conclude(), true);
  // On a disk that is new there is nothing that could be deleted.
  assert.deepEqual(seen.splice(0), ['suspend', 'resume', 'mark']);
  all = [{ ms: 999, listedBy: 'a' }];
  first.look();
  first.look();
  assert.deepEqual(seen.splice(0), ['doubt']);
  // Another branch won, on which it was away for long.
  all = [{ ms: 1_000, listedBy: 'b' }];
  first.look();
  assert.deepEqual(seen.splice(0), ['suspend']);
  // The process ended before that was concluded from.
  const second = start();
  second.look();
  await second.conclude();
  assert.deepEqual(seen.splice(0), ['suspend', 'resume', 'mark']);
  all = [...all, { ms: 5_000, listedBy: 'c' }];
  await store.write([{ sql: 'INSERT INTO records VALUES (1)' }]);
  second.look();
  await second.conclude();
  assert.deepEqual(seen.splice(0), ['suspend', 'relearn', 'mark']);
  start().look();
  assert.deepEqual(seen, []);
});
