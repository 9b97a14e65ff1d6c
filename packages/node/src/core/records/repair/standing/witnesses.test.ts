/** Who is no witness of what a lost disk had acknowledged, and who is none less: nothing acknowledged escapes who catches up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { storeThrough } from '../../../../testing/store-through.ts';
import { createTempFolder } from '../../../../testing/temp-folder.ts';
import { sleep } from '../../../clock/index.ts';
import { copiedDisk } from '../../testing/copied-disk.ts';
import { count } from '../../testing/strays.ts';
import { createTestbed, nameOf, type Testbed } from '../../testing/testbed.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };

/** A refusal tells nothing wrong. */
const seenBy = (bed: Testbed, index: number, key: string) => bed.get(index, key).catch(() => undefined);

async function loseDisk(bed: Testbed, index: number): Promise<void> {
  await bed.crash(index);
  bed.replaceDisk(index);
}

test('who never counted in all its slots, and was only restarted, is no witness less', async () => {
  await using bed = await createTestbed({ nodes: 5, members: [0, 1, 2, 3], records: QUICK });
  await bed.crash(2);
  await bed.crash(3);
  // Joins while two are away: it counts in some slots, not in all.
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4)));
  await bed.clock.advance(60_000);
  const key = bed.findKey((replicas) => [0, 1, 4].every((index) => replicas.includes(index)));
  await bed.put(0, key, 'old');
  await bed.clock.advance(1_000);
  bed.partition([0, 4], [1]);
  await bed.put(0, key, 'acknowledged'); // by 0 and 4
  await loseDisk(bed, 0);
  await bed.crash(4);
  await bed.heal();
  for (const index of [4, 0]) {
    bed.cut(4, 1);
    await bed.start(index);
  }
  bed.cut(4, 1);
  await bed.clock.advance(20_000);
  bed.partition([0, 1], [4]);
  assert.notEqual(await seenBy(bed, 1, key), 'old');
});

/** What node 2 reads together with a learner that met another, which had caught up, `offsetMs` after a restart of it. */
async function meetRestarted(offsetMs: number): Promise<string | undefined> {
  let slow = false;
  const isLink = (a: number, b: number, x: number, y: number) => (a === x && b === y) || (a === y && b === x);
  await using bed = await createTestbed({
    nodes: 4,
    records: QUICK,
    latencyMs: (a, b) => {
      if (!slow) return 1;
      if (isLink(a, b, 1, 2)) return 300;
      return isLink(a, b, 0, 1) ? 60 : 1;
    },
  });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  await bed.put(0, key, 'old');
  await bed.clock.advance(500);
  await bed.crash(3); // so that nobody can catch up in all slots
  await loseDisk(bed, 1);
  await bed.start(1);
  await bed.clock.advance(20_000);
  bed.partition([0, 1], [2]);
  await bed.put(0, key, 'acknowledged'); // by 0 and 1, which has caught up in that slot
  await loseDisk(bed, 0);
  await bed.heal();
  slow = true;
  await bed.crash(1);
  await bed.start(0);
  await bed.clock.advance(800 + offsetMs);
  await bed.start(1);
  for (let i = 0; i < 200 && (await count(bed, 0, 'repair_caught')) === 0; i++) await bed.clock.advance(5);
  bed.partition([0, 2], [1]);
  slow = false;
  return seenBy(bed, 2, key);
}

test('whether a replica has lost its disk is said of the slot and in the same breath as what it holds', async () => {
  for (const offsetMs of [60, 120, 180, 240, 1_380, 1_440, 1_500])
    assert.notEqual(await meetRestarted(offsetMs), 'old', `${offsetMs} ms`);
});

test('two that caught up, restarted while others are away, do not wait for each other', async () => {
  await using bed = await createTestbed({ nodes: 5, records: QUICK });
  const key = bed.findKey((replicas) => [0, 1, 2].every((index) => replicas.includes(index)));
  // There are slots that they share with those who go away.
  for (const one of [0, 1]) bed.findKey((replicas) => [one, 3, 4].every((index) => replicas.includes(index)));
  await bed.put(0, key, 'v');
  await bed.clock.advance(500);
  await bed.crash(2);
  for (const index of [0, 1]) await loseDisk(bed, index);
  for (const index of [0, 1]) await bed.start(index);
  await bed.clock.advance(30_000);
  for (const index of [3, 4, 0, 1]) await bed.crash(index);
  for (const index of [0, 1, 2]) await bed.start(index);
  await bed.clock.advance(300_000);
  assert.equal(await bed.get(0, key), 'v');
});

test('a witness that replaced what it had named before it gave it is asked once more', async () => {
  let armed = false;
  let replaced = false;
  let bed: Testbed | undefined;
  let key = '';
  const value = new TextEncoder().encode('later');
  await using opened = await createTestbed({
    nodes: 4,
    records: QUICK,
    wrapStore: (index, store) =>
      storeThrough(store, {
        async read(sql, params) {
          if (bed && armed && index === 1 && sql.includes('AND leaf = ?')) {
            armed = false;
            replaced = true;
            void bed
              .node(3)
              .records.put({ ...nameOf(key), value })
              .catch(() => {});
            await sleep(bed.clock, 30);
          }
          return store.read(sql, params);
        },
      }),
  });
  bed = opened;
  key = bed.findKey((replicas) => !replicas.includes(3));
  await bed.put(0, key, 'old');
  await bed.clock.advance(500);
  bed.partition([0, 1], [2], [3]);
  await bed.put(0, key, 'acknowledged'); // by 0 and 1
  await loseDisk(bed, 0);
  await bed.heal();
  await bed.start(0);
  // The later one reaches 1 alone, and nobody acknowledges it.
  bed.cut(3, 0);
  bed.cut(3, 2);
  armed = true;
  await bed.clock.advanceUntil(() => replaced, { stepMs: 1, limitMs: 30_000 });
  await bed.clock.advance(20_000);
  assert.ok((await count(bed, 0, 'repair_caught')) > 0);
  bed.partition([0, 2], [1], [3]);
  assert.notEqual(await seenBy(bed, 2, key), 'old');
});

test('two that lost their disks learn of a register though all three promised against what it holds', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true, records: QUICK });
  const bytes = (text: string) => new TextEncoder().encode(text);
  const name = { namespace: 'default/kv-cas', partition: bytes('r'), key: bytes('r') };
  const { registers } = bed.node(0).records;
  await bed.run(registers.change({ ...name, value: bytes('v'), condition: { kind: 'absent' } }));
  await bed.clock.advance(500);
  for (const index of [1, 2]) await loseDisk(bed, index);
  for (const index of [1, 2]) await bed.start(index);
  // Of a proposer that then fell silent; from the one that is whole they would have it with a slot that moves.
  const ballot = formatVersion({ ms: bed.clock.now() + 9_000, counter: 0, author: bed.node(0).peerId });
  const params = [name.namespace, name.key, '', ballot];
  const sql =
    'INSERT INTO register_promises (namespace, key, partition, ballot) VALUES (?, ?, CAST(? AS BLOB), ?)';
  for (const index of [0, 1, 2]) await bed.node(index).store.write([{ sql, params }]);
  await bed.clock.advance(30_000);
  for (const index of [1, 2]) assert.equal(bed.node(index).records.repair.standing(), 'voter');
  const found = await bed.run(registers.read(name));
  assert.equal(found && new TextDecoder().decode(found.value), 'v');
});

test('what was set aside hides nothing that was acknowledged before it', async () => {
  await using folder = await createTempFolder();
  const disk = copiedDisk(folder.path, 2);
  await using bed = await createTestbed({
    nodes: 3,
    records: { ...QUICK, keepDeletedMs: 120_000 },
    diskFile: disk.file,
  });
  const { peerId } = bed.node(2);
  await bed.clock.advance(500);
  bed.partition([0, 2], [1]);
  await bed.put(0, 'k', 'acknowledged');
  await bed.clock.advance(500);
  bed.partition([0], [1], [2]);
  await assert.rejects(bed.put(2, 'k', 'by one alone'), { code: 'RECORDS_QUORUM_LOST' });
  await bed.clock.advance(500);
  disk.copy();
  // A heartbeat tells 0 how far it has come since; then its disk dies.
  const { storeId, commits } = bed.node(2).store.position();
  bed.node(0).records.repair.notePosition(peerId, { storeId, commits: commits + 5 });
  await disk.restore(bed);
  await bed.clock.advance(900_000);
  // It comes back from its backup, 1 from its partition, but 0 and 1 do not reach each other yet.
  await bed.start(2);
  await bed.heal();
  bed.cut(0, 1);
  const { repair } = bed.node(2).records;
  await bed.clock.advanceUntil(() => repair.standing() === 'learner', { stepMs: 1, limitMs: 5_000 });
  await bed.clock.advanceUntil(() => repair.standing() === 'voter', { stepMs: 1, limitMs: 300_000 });
  bed.partition([0], [1, 2]);
  assert.equal(await bed.get(1, 'k'), 'acknowledged');
});
