/** What becomes of what a former replica offers, by what the present ones answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { createPromises } from '../cas/promises.ts';
import {
  acceptedOf,
  count,
  DAY_MS,
  draining,
  enact,
  pass,
  plant,
  QUICK,
  recordsOf,
  registerOf,
  without,
} from '../testing/strays.ts';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

const rows = (bed: Testbed, table: 'records' | 'repair_aside' = 'records') =>
  Promise.all(bed.nodes().map(({ index }) => count(bed, index, table)));

for (const deleted of [false, true]) {
  const what = deleted ? 'the deletion' : 'what was deleted';
  test(`of two replicas one alone remembers a deletion: on a former one ${what} does not lie for ever`, async () => {
    await using bed = await createTestbed({ nodes: 3, records: QUICK });
    const deletion = await recordsOf(bed, ['a'], 2 * DAY_MS, { deleted: true });
    await enact(bed, without(bed, 2));
    await pass(bed, 1_200_000);
    for (const index of [0, 1]) await plant(bed, index, deletion);
    await pass(bed, 1_200_000);
    assert.deepEqual(await rows(bed), [0, 0, 0], 'forgotten');
    await plant(bed, 0, deletion);
    await plant(bed, 2, deleted ? deletion : await recordsOf(bed, ['a'], 3 * DAY_MS));
    await bed.crash(2);
    await bed.start(2);
    await bed.settleStanding();
    await pass(bed, 1_200_000);
    assert.deepEqual(await rows(bed), [0, 0, 0]);
    assert.deepEqual(await rows(bed, 'repair_aside'), [0, 0, deleted ? 0 : 1]);
    assert.equal(await bed.get(0, 'a'), undefined);
  });
}

test('what one replica accepted below a promise that moved does not lie on it for ever', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2], registers: true });
  const author = bed.node(0).peerId;
  const [accepted, promised] = [-1_000, 0].map((ms) =>
    formatVersion({ ms: bed.clock.now() + ms, counter: 0, author }),
  ) as [string, string];
  for (const other of [0, 1, 3, 4, 5]) bed.cut(2, other);
  for (const index of [0, 1])
    await createPromises(bed.node(index)).promise([{ name: registerOf('k'), ballot: promised }]);
  await plant(bed, 2, [await acceptedOf(bed, 'k', accepted, 'X')]);
  await bed.giveAll(await bed.snapshot(draining(bed, [0, 1, 2, 3, 4, 5], [0, 1, 2])));
  await bed.clock.advance(20_000);
  await bed.heal();
  await bed.settleMembership();
  await pass(bed, 60_000);
  assert.deepEqual(await rows(bed), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(await rows(bed, 'repair_aside'), [0, 0, 1, 0, 0, 0]);
  assert.equal(await bed.run(bed.node(4).records.registers.read(registerOf('k'))), undefined);
});

for (const { losers, changes } of [
  { losers: [0], changes: false },
  { losers: [0], changes: true },
  { losers: [0, 1], changes: false },
  { losers: [0, 1], changes: true },
]) {
  const how = `${losers.length} lost, ${changes ? 'changed since' : 'not asked for since'}`;
  test(`a register that counts for nothing on a disk that was lost holds up nothing on a former replica: ${how}`, async () => {
    await using bed = await createTestbed({ nodes: 4, slots: 1, registers: true, records: QUICK });
    const change = (value: string) =>
      bed.run(
        bed.node(0).records.registers.change({
          ...registerOf('k'),
          value: new TextEncoder().encode(value),
          condition: { kind: 'any' },
        }),
      );
    const deletion = await recordsOf(bed, ['a'], 2 * DAY_MS, { deleted: true });
    await enact(bed, draining(bed, [0, 1, 2, 3], [3]));
    for (const index of [0, 1, 2]) await plant(bed, index, deletion);
    await pass(bed, 1_200_000);
    assert.deepEqual(await rows(bed), [0, 0, 0, 0], 'forgotten');
    const older = await acceptedOf(
      bed,
      'k',
      formatVersion({ ms: bed.clock.now(), counter: 0, author: bed.node(0).peerId }),
      'older',
    );
    await bed.clock.advance(1_000);
    await change('v');
    for (const index of losers) {
      await bed.crash(index);
      bed.replaceDisk(index);
      await bed.start(index);
      await bed.clock.advance(60_000);
      assert.equal(bed.node(index).records.repair.standing(), 'voter');
    }
    if (changes) await change('newer');
    // What decides about the deletion is what one says that has lost its disk.
    for (const index of [0, 1]) await plant(bed, index, deletion);
    await plant(bed, 3, [...deletion, older]);
    await bed.crash(3);
    await bed.start(3);
    await pass(bed, 1_200_000);
    assert.deepEqual(await rows(bed), [1, 1, 1, 0]);
  });
}

test('what is old is given to no replica that came to be a learner since it was asked what it has', async () => {
  await using bed = await createTestbed({ nodes: 4, records: QUICK });
  const key = bed.findKey((replicas) => !replicas.includes(3));
  await plant(bed, 3, await recordsOf(bed, [key], 2 * DAY_MS));
  let learning = true;
  const relayed: string[] = [];
  const { rpc } = bed.node(3);
  const { call } = rpc;
  const hooked = async (...input: Parameters<typeof call>): Promise<unknown> => {
    const [to, , method] = input as unknown as [string, unknown, string];
    if (learning && method === 'digest') return { digests: [false] };
    if (learning && method === 'read') return { answers: [{ result: 'learning' }] };
    if (method === 'relay') relayed.push(to);
    return call(...input);
  };
  Object.assign(rpc, { call: hooked });
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3)));
  await pass(bed, 30_000);
  assert.deepEqual([relayed, await rows(bed)], [[], [0, 0, 0, 1]]);
  learning = false;
  await pass(bed, 30_000);
  assert.deepEqual([relayed, await rows(bed), await count(bed, 3, 'repair_aside')], [[], [0, 0, 0, 0], 1]);
});

test('a learner does not settle by what it holds itself, and does so once it counts', async () => {
  await using bed = await createTestbed({ nodes: 4, members: [0, 1, 2] });
  for (let i = 0; i < 20; i++) await bed.put(0, `key${i}`, 'v');
  await bed.crash(1);
  await bed.crash(0);
  bed.replaceDisk(0);
  await bed.start(0);
  // Of the former replicas one alone can be copied from: what the two others acknowledged may be nowhere else.
  await bed.giveAll(await bed.snapshot(draining(bed, [0, 1, 2, 3], [1])));
  await bed.clock.advance(30_000);
  assert.equal(bed.node(0).records.repair.standing(), 'learner');
  assert.equal(bed.node(0).records.moves().unsettled, 64);
  await bed.start(1);
  await bed.settleMembership();
  await bed.clock.advance(60_000);
  for (const index of [0, 1, 2, 3])
    assert.deepEqual(bed.node(index).records.moves(), { open: 0, unsettled: 0 }, `node ${index}`);
});
