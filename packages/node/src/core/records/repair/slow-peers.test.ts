/** A member whose answers come slowly, and never to an end, keeps no two others apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../clock/index.ts';
import { createTestbed, nameOf, type Testbed, type TestNode } from '../testing/testbed.ts';

async function leaves(bed: Testbed, index: number): Promise<string[]> {
  const rows = await bed
    .node(index)
    .store.read<{ leaf: Uint8Array }>('SELECT leaf FROM records ORDER BY leaf LIMIT 100000');
  return rows.map(({ leaf }) => Buffer.from(leaf).toString('hex'));
}

/** It differs in all slots, says of each message that there is more to compare, and takes its time. */
function drag(bed: Testbed, index: number, slow: string): void {
  const rpc: { call: unknown } = bed.node(index).rpc;
  const call = bed.node(index).rpc.call as (...args: unknown[]) => Promise<unknown>;
  const answers: Record<string, (input: { ranges: unknown[] }) => unknown> = {
    compare: ({ ranges }) => ({ digests: ranges.map(() => bed.random.bytes(32)), learning: [] }),
    reconcile: () => ({ message: Uint8Array.of(0x61, 0, 0, 1, ...bed.random.bytes(16)), learning: false }),
  };
  rpc.call = async (...[peerId, capability, method, input, options]: unknown[]) => {
    const answer = peerId === slow ? answers[method as string] : undefined;
    if (!answer) return call(peerId, capability, method, input, options);
    await sleep(bed.clock, 4_000);
    return answer(input as { ranges: unknown[] });
  };
}

test('a member that answers slowly and without end keeps no two others apart', async () => {
  await using bed = await createTestbed({ nodes: 3, slots: 8 });
  const put = async (from: number, to: number) => {
    for (let i = from; i < to; i++)
      await bed.run(bed.node(0).records.put({ ...nameOf(`key${i}`), value: new Uint8Array(1) }));
  };
  await put(0, 400);
  await bed.clock.advance(130_000);
  // Whom the two others ask first.
  const [slow] = bed.node(0).membership.view().members.keys();
  const [one, other] = bed.nodes().filter(({ peerId }) => peerId !== slow);
  assert.ok(slow && one && other);
  for (const { index } of [one, other]) drag(bed, index, slow);
  // Nor does it compare anything itself.
  const silent = bed.nodes().find(({ peerId }) => peerId === slow) as TestNode;
  for (const { peerId } of [one, other]) drag(bed, silent.index, peerId);
  await bed.clock.advance(130_000);
  await other.store.write([{ sql: 'DELETE FROM records WHERE id % 7 = 0' }]);
  // In every slot, so that all of them are looked at again.
  await put(400, 480);
  await bed.clock.advance(15 * 60_000);
  assert.deepEqual(await leaves(bed, other.index), await leaves(bed, one.index));
});
