/** Two of five replicas that are removed by force: what the other three hold between them is neither lost nor overlooked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining, pass, QUICK } from '../../testing/strays.ts';
import { createTestbed, decode, type Testbed } from '../../testing/testbed.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const name = { namespace: 'default/five', partition: encode('k'), key: encode('k') };
const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

const put = (bed: Testbed, index: number, value: string) =>
  bed.run(bed.node(index).records.put({ ...name, value: encode(value) }));

async function get(bed: Testbed, index: number): Promise<string | undefined> {
  const { found } = await bed.run(bed.node(index).records.get({ ...name, consistency: 'quorum' }));
  return found && decode(found.value);
}

/** `new` was acknowledged by one replica that stays, `a`, which is away, and by two whose disks are lost and who are removed by force. */
async function begin(bed: Testbed, { drains = false } = {}) {
  const common = { kind: 'lww', author: 'member', maxValueBytes: 1_000 } as const;
  const declare = (index: number) =>
    bed.node(index).records.declare({ suffix: '/five', replicas: 5, ...common });
  for (const index of ALL) declare(index);
  const { replicas } = bed.node(0).records.locate(name);
  const five = replicas.map((peerId) => ALL.find((i) => bed.node(i).peerId === peerId) as number);
  const [a, b, c, d, e] = five as [number, number, number, number, number];
  const others = ALL.filter((index) => !five.includes(index));
  if (!drains) await put(bed, a, 'old');
  await bed.clock.advance(1_000);
  bed.partition([a, d, e], [b, c, ...others]);
  await put(bed, a, 'new');
  for (const index of [a, d, e]) await bed.crash(index);
  await bed.heal();
  await bed.clock.advance(1_000);
  // As long as those two are members, nobody is told what was before.
  await assert.rejects(get(bed, b), { code: 'RECORDS_QUORUM_LOST' });
  const loss = await bed.run(bed.node(b).records.repair.lossOf([d, e].map((i) => bed.node(i).peerId)));
  assert.deepEqual({ slots: loss.slots, records: loss.records }, { slots: 0, records: 0 });
  const stays = ALL.filter((index) => index !== d && index !== e);
  const without = await bed.snapshot(draining(bed, stays, drains ? [a] : []), { force: true });
  for (const index of stays) if (index !== a) await bed.give(index, without);
  await bed.clock.advance(20_000);
  const comeBack = async () => {
    await bed.start(a);
    declare(a);
    await pass(bed, 120_000);
  };
  return { b, stays, comeBack };
}

const config = { nodes: 8, slots: 4, declare: false, records: { ...QUICK, replicaCounts: [5] } };

test('as long as one of the three is away nobody reads what was before', async () => {
  await using bed = await createTestbed(config);
  const { b } = await begin(bed);
  await assert.rejects(get(bed, b), { code: 'RECORDS_QUORUM_LOST' });
});

test('what the third holds is read when it is back, though it is drained and was away for long', async () => {
  await using bed = await createTestbed(config);
  const { comeBack, stays } = await begin(bed, { drains: true });
  await pass(bed, 2 * QUICK.keepDeletedMs);
  await comeBack();
  for (const index of stays) assert.equal(await get(bed, index), 'new');
});
