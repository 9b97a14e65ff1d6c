/** What replicas promised goes with the slot, so that a ballot of before a move can undo nothing that was changed after it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { createTestbed } from '../testing/testbed.ts';
import { createPromises } from './promises.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const nameOf = (key: string) => ({ namespace: 'default/kv-cas', partition: bytes(key), key: bytes(key) });

test('new replicas of a register keep the promises of the former ones', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2], registers: true });
  const keys = Array.from({ length: 300 }, (_, i) => `key${i}`);
  const peer = (index: number) => bed.node(index).peerId;
  const ballot = formatVersion({ ms: bed.clock.now() + 5_000, counter: 0, author: peer(0) });
  // A majority gave them, for changes that were accepted nowhere yet.
  for (const index of [0, 1])
    await createPromises(bed.node(index)).promise(keys.map((key) => ({ name: nameOf(key), ballot })));
  const draining = [0, 1, 2].map(peer);
  await bed.giveAll(
    await bed.snapshot(
      bed
        .members(0, 1, 2, 3, 4, 5)
        .map((member) => ({ ...member, draining: draining.includes(member.peerId) })),
    ),
  );
  await bed.clock.advance(20_000);
  for (const key of keys) {
    const { replicas } = bed.node(3).records.locate(nameOf(key));
    assert.deepEqual([...replicas].sort(), [3, 4, 5].map(peer).sort());
  }
  for (const index of [3, 4, 5]) {
    assert.deepEqual(bed.node(index).records.moves(), { open: 0, unsettled: 0 });
    const { find } = createPromises(bed.node(index));
    for (const key of keys) assert.equal(await find(nameOf(key)), ballot, `${key} at ${index}`);
  }
});
