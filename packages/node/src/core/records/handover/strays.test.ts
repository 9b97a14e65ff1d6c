/** What becomes of records that lie where they belong no more: old copies, members that may not store any more, large slots. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeThrough } from '../../../testing/store-through.ts';
import { createTempFolder } from '../../../testing/temp-folder.ts';
import { copiedDisk } from '../testing/copied-disk.ts';
import { count, DAY_MS, draining, enact, pass, plant, QUICK, recordsOf, without } from '../testing/strays.ts';
import { createTestbed, nameOf, type Testbed, type TestbedConfig } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function isGone(bed: Testbed, key: string, indexes: readonly number[]): Promise<void> {
  for (const index of indexes) assert.equal(await bed.get(index, key), undefined, `node ${index}`);
}

test('a deletion waits for a member that may not store any more, and what it still has does not rise again', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const key = bed.findKey((replicas) => replicas.includes(3));
  await bed.put(0, key, 'v');
  await bed.clock.advance(200);
  await bed.crash(3);
  await enact(bed, without(bed, 3), true);
  await bed.remove(0, key);
  await pass(bed, 4 * DAY_MS);
  for (const index of [0, 1, 2]) {
    assert.equal(await count(bed, index, 'records'), 1, 'the deletion is still known');
    assert.deepEqual(bed.node(index).records.repair.heldBackBy(), [bed.node(3).peerId]);
  }
  // May it store again, it brings back nothing either.
  await enact(bed, bed.members(0, 1, 2, 3));
  await bed.start(3);
  await bed.settleMembership();
  await pass(bed, 1_200_000);
  await isGone(bed, key, [0, 1, 2, 3]);
  for (const index of [0, 1, 2, 3]) assert.equal(await count(bed, index, 'records'), 0, `node ${index}`);
});

test('who never could store holds no deletion back', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2], records: QUICK });
  await enact(bed, without(bed, 3));
  await bed.crash(3);
  await bed.put(0, 'a', 'v');
  await bed.remove(0, 'a');
  await pass(bed, DAY_MS + 1_200_000);
  for (const index of [0, 1, 2]) assert.equal(await count(bed, index, 'records'), 0, `node ${index}`);
});

/** Node 2 will start again from a copy of its disk that is older than a deletion, a change, and the move of some slots. */
async function restored(folder: string, config: Partial<TestbedConfig> = {}) {
  const disk = copiedDisk(folder, 2);
  const bed = await createTestbed({
    nodes: 4,
    members: [0, 1, 2],
    records: QUICK,
    diskFile: disk.file,
    ...config,
  });
  const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);
  for (const key of keys) await bed.put(0, key, 'v');
  await bed.clock.advance(200);
  disk.copy();
  await enact(bed, bed.members(0, 1, 2, 3));
  const moved = keys.filter((key) => !bed.replicasOf(key).includes(2));
  const [deleted, changed, ...kept] = moved as [string, string, ...string[]];
  await bed.remove(0, deleted);
  await bed.put(0, changed, 'w');
  await pass(bed, DAY_MS + 1_200_000);
  await disk.restore(bed);
  return { bed, deleted, changed, kept, staying: keys.length - moved.length };
}

test('an old copy of a disk brings back nothing of a slot that has moved since', async () => {
  await using folder = await createTempFolder();
  const { bed, deleted, changed, kept, staying } = await restored(folder.path);
  await using _bed = bed;
  await bed.start(2);
  await bed.settleStanding();
  await pass(bed, 300_000);
  await isGone(bed, deleted, [0, 1, 2, 3]);
  for (const index of [0, 1, 2, 3]) {
    assert.equal(await bed.get(index, changed), 'w');
    for (const key of kept) assert.equal(await bed.get(index, key), 'v');
  }
  // What others hold, or hold anew, is let go; the one that nobody knows is kept.
  assert.equal(await count(bed, 2, 'repair_aside'), 1);
  assert.equal(await count(bed, 2, 'records'), staying);
});

test('as long as nobody has told the time, no record is given away for young nor set aside for old', async () => {
  await using folder = await createTempFolder();
  let behindMs = 0;
  let told = true;
  const { bed, deleted } = await restored(folder.path, {
    skewMs: (index) => (index === 2 ? -behindMs : 0),
    clocks: (index) => {
      if (index !== 2) return { answered: 2, offsetMs: 0 };
      return told ? { answered: 2, offsetMs: behindMs } : { answered: 0, offsetMs: 0 };
    },
  });
  await using _bed = bed;
  behindMs = 3 * DAY_MS;
  told = false;
  await bed.start(2);
  await pass(bed, 60_000);
  await isGone(bed, deleted, [0, 1, 3]);
  assert.equal(await count(bed, 2, 'repair_aside'), 0);
  told = true;
  await pass(bed, 60_000);
  await isGone(bed, deleted, [0, 1, 3]);
  assert.equal(await count(bed, 2, 'repair_aside'), 1);
});

test('a member that was removed for long and comes back without storage brings back nothing', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const key = bed.findKey((replicas) => replicas.includes(3));
  await bed.put(0, key, 'v');
  await bed.clock.advance(200);
  await bed.crash(3);
  await enact(bed, bed.members(0, 1, 2), true);
  await bed.remove(0, key);
  await pass(bed, 4 * DAY_MS);
  for (const index of [0, 1, 2]) assert.equal(await count(bed, index, 'records'), 0, `node ${index}`);
  await enact(bed, without(bed, 3));
  await bed.start(3);
  await bed.settleMembership();
  await pass(bed, 300_000);
  await isGone(bed, key, [0, 1, 2]);
  assert.equal(await count(bed, 3, 'records'), 0);
  assert.equal(await count(bed, 3, 'repair_aside'), 1);
});

test('an old record is not set aside while those who hold its slot now have yet to copy it', async () => {
  await using bed = await createTestbed({ nodes: 7, members: [0, 1, 2], records: QUICK });
  await bed.put(0, 'a', 'v');
  await bed.clock.advance(200);
  await bed.crash(2);
  // It moves from node 2 to node 3, then away from all that have it.
  await enact(bed, draining(bed, [0, 1, 2, 3], [2]));
  await pass(bed, 2 * DAY_MS);
  for (const former of [0, 1, 3]) for (const index of [4, 5, 6]) bed.cut(former, index);
  await enact(bed, draining(bed, [0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3]));
  await bed.start(2);
  await bed.settleMembership();
  await pass(bed, 60_000);
  assert.deepEqual(bed.replicasOf('a').sort(), [4, 5, 6]);
  assert.equal(await count(bed, 2, 'repair_aside'), 0);
  assert.equal(await count(bed, 2, 'records'), 1);
  await bed.heal();
  await pass(bed, 60_000);
  for (const index of [0, 1, 2, 3]) assert.equal(await count(bed, index, 'records'), 0, `node ${index}`);
  assert.equal(await count(bed, 2, 'repair_aside'), 0);
  assert.equal(await bed.get(5, 'a'), 'v');
});

test('an old record that one of its replicas knows is neither set aside nor let go before a majority does', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  const [first, ...others] = bed.replicasOf(key) as [number, number, number];
  const records = await recordsOf(bed, [key], 2 * DAY_MS);
  for (const index of [first, 3]) await plant(bed, index, records);
  // Its other replicas do not hear of it.
  for (const index of others) bed.cut(first, index);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await pass(bed, 30_000);
  assert.equal(await count(bed, 3, 'records'), 1);
  await bed.heal();
  await pass(bed, 120_000);
  assert.equal(await count(bed, 3, 'records'), 0);
  assert.equal(await count(bed, 3, 'repair_aside'), 0);
  for (const index of [first, ...others]) assert.equal(await count(bed, index, 'records'), 1);
});

/** A deletion that all replicas of its key have forgotten; node 3 is none of them. */
async function forgotten(bed: Testbed) {
  const key = bed.findKey((replicas) => !replicas.includes(3));
  const replicas = bed.replicasOf(key) as [number, number, number];
  const deletion = await recordsOf(bed, [key], 2 * DAY_MS, { deleted: true });
  for (const index of replicas) await plant(bed, index, deletion);
  await pass(bed, 1_200_000);
  for (const index of replicas) assert.equal(await count(bed, index, 'records'), 0, 'forgotten');
  return { key, first: replicas[0], deletion };
}

test('what was deleted and is still remembered by one alone does not lie on a former replica for ever', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const { key, first, deletion } = await forgotten(bed);
  // One had not forgotten it yet when a former replica came back with what was deleted: each waits for the other.
  await plant(bed, first, deletion);
  await plant(bed, 3, await recordsOf(bed, [key], 3 * DAY_MS));
  await bed.crash(3);
  await bed.start(3);
  await bed.settleStanding();
  await pass(bed, 1_200_000);
  await isGone(bed, key, [0, 1, 2, 3]);
  for (const index of [0, 1, 2, 3]) assert.equal(await count(bed, index, 'records'), 0, `node ${index}`);
  assert.equal(await count(bed, 3, 'repair_aside'), 1);
});

test('a deletion that one replica alone remembers does not lie on a former replica for ever', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const { first, deletion } = await forgotten(bed);
  for (const index of [first, 3]) await plant(bed, index, deletion);
  await bed.crash(3);
  await bed.start(3);
  await bed.settleStanding();
  await pass(bed, 1_200_000);
  for (const index of [0, 1, 2, 3]) assert.equal(await count(bed, index, 'records'), 0, `node ${index}`);
  assert.equal(await count(bed, 3, 'repair_aside'), 0);
});

test('of a slot with more records than one answer names, a former replica lets go all', async () => {
  await using bed = await createTestbed({
    nodes: 4,
    slots: 1,
    records: { ...QUICK, readTimeoutMs: 5_000 },
  });
  const keys = Array.from({ length: 16_500 }, (_, i) => `k${i}`);
  const records = await recordsOf(bed, keys, 0);
  const replicas = bed.replicasOf('k');
  const [leaver] = replicas as [number];
  for (const index of [0, 1, 2, 3]) await plant(bed, index, records);
  await enact(bed, draining(bed, [0, 1, 2, 3], [leaver]));
  assert.equal(await count(bed, leaver, 'records'), 0);
  for (const index of [0, 1, 2, 3])
    if (index !== leaver) assert.equal(await count(bed, index, 'records'), records.length);
});

test('what a removed member dates later, at a former replica, is let go for what is newer and else set aside', async () => {
  await using bed = await createTestbed({ nodes: 5, records: QUICK });
  await enact(bed, bed.members(0, 1, 2, 3));
  await pass(bed, 600_000);
  const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);
  const [outdone, unknown] = keys.filter((key) => !bed.replicasOf(key).includes(2)) as [string, string];
  await plant(bed, 2, await recordsOf(bed, [outdone, unknown], 1_000, { by: 4 }));
  await bed.crash(2);
  await bed.put(0, outdone, 'newer');
  await bed.start(2);
  await bed.settleStanding();
  await pass(bed, 60_000);
  assert.equal(await count(bed, 2, 'records'), 0);
  assert.equal(await count(bed, 2, 'repair_aside'), 1);
  assert.equal(await bed.get(1, outdone), 'newer');
  assert.equal(await bed.get(1, unknown), undefined);
});

test('a damaged record on a former replica holds back none of the others, and is kept aside', async () => {
  await using bed = await createTestbed({ nodes: 4, slots: 1, records: QUICK });
  const former = [0, 1, 2, 3].find((index) => !bed.replicasOf('k').includes(index)) as number;
  await plant(bed, former, await recordsOf(bed, ['damaged', 'whole'], 0));
  const damage = "UPDATE records SET value = x'00' WHERE key = ?";
  await bed.node(former).store.write([{ sql: damage, params: [bytes('damaged')] }]);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await pass(bed, 60_000);
  assert.equal(await bed.get(former, 'whole'), 'v');
  assert.equal(await count(bed, former, 'records'), 0);
  assert.equal(await count(bed, former, 'repair_aside'), 1);
});

test('a write that reaches the disk after its slot was closed here does not outlive its deletion', async () => {
  let late = false;
  let clock: Testbed['clock'] | undefined;
  await using bed = await createTestbed({
    nodes: 4,
    records: QUICK,
    wrapStore: (index, store) =>
      storeThrough(store, {
        async write(statements) {
          if (index === 0 && late && statements.some(({ sql }) => sql.includes('INTO records ('))) {
            late = false;
            await new Promise<void>((resolve) => clock?.after(4_000, resolve));
          }
          return store.write(statements);
        },
      }),
  });
  ({ clock } = bed);
  const key = bed.findKey((replicas) => replicas.includes(0));
  const members = draining(bed, [0, 1, 2, 3], [0]);
  await bed.giveAll(await bed.snapshot(members));
  late = true;
  await bed.put(1, key, 'v');
  await bed.clock.advance(3_000);
  assert.deepEqual(bed.node(0).records.moves(), { open: 0, unsettled: 0 });
  assert.equal(late, false);
  assert.equal(await count(bed, 0, 'records'), 0);
  await bed.clock.advance(7_000);
  assert.equal(await count(bed, 0, 'records'), 0, 'it was offered to the others and let go');
  await bed.remove(1, key);
  await pass(bed, DAY_MS + 300_000);
  await enact(bed, bed.members(0, 1, 2, 3));
  await pass(bed, 180_000);
  await isGone(bed, key, [0, 1, 2, 3]);
});

test('slots that cannot be let go put off no others, however many', async () => {
  await using bed = await createTestbed({ nodes: 4, slots: 1_024, members: [0, 1, 2], records: QUICK });
  const keys = Array.from({ length: 1_000 }, (_, i) => `key${i}`);
  const slots = keys.map((key) => bed.node(0).records.locate(nameOf(key)).slot).sort((a, b) => a - b);
  const stuckUpTo = slots[700] as number;
  await enact(bed, draining(bed, [0, 1, 2, 3], [3]));
  await plant(bed, 3, await recordsOf(bed, keys, 0));
  const { rpc } = bed.node(3);
  const { call } = rpc;
  const hooked = async (...input: Parameters<typeof call>): Promise<unknown> => {
    const [, , method, { slots = [] } = {}] = input as unknown as [
      string,
      unknown,
      string,
      { slots?: number[] },
    ];
    if (method === 'inventory' && slots.some((slot) => slot <= stuckUpTo)) throw new Error('of no use');
    return call(...input);
  };
  Object.assign(rpc, { call: hooked });
  await bed.giveAll(await bed.snapshot(draining(bed, [0, 1, 2, 3], [3])));
  await pass(bed, 60_000);
  const left = await bed.node(3).store.read<{ slot: number }>('SELECT DISTINCT slot FROM records');
  assert.deepEqual(
    left.filter(({ slot }) => slot > stuckUpTo),
    [],
  );
  assert.ok(left.length > 256);
});

test('what lies in no slot, since a bit of its row has flipped, holds back no deletions of other slots', async () => {
  await using bed = await createTestbed({ nodes: 4, records: { ...QUICK, keepDeletedMs: 300_000 } });
  const own = bed.findKey((replicas) => replicas.includes(1));
  const other = bed.findKey((replicas) => !replicas.includes(1));
  // Among so many that it takes hours until reading through the disk comes to it.
  for (let i = 0; i < 300; i++) await bed.put(0, `k${i}`, 'v');
  for (const key of [own, other]) await bed.put(0, key, 'v');
  await bed.remove(0, other);
  await bed.clock.advance(1_000);
  const params = [new TextEncoder().encode(own)];
  await bed.node(1).store.write([{ sql: 'UPDATE records SET slot = slot + 4096 WHERE key = ?', params }]);
  await bed.crash(1);
  await bed.start(1);
  await pass(bed, 1_500_000);
  for (const index of [0, 2, 3])
    assert.deepEqual(await bed.node(index).store.read('SELECT 1 FROM records WHERE tombstone = 1'), []);
});
