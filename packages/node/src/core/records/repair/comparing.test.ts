/** Two that compare while the one is changing, or what they hold is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, NAMESPACE } from '../testing/testbed.ts';
import { type ComparingDeps, createComparing } from './comparing.ts';

test('who catches up while its digest is worked out is no witness by that digest', async () => {
  let counts = false;
  const read = Promise.withResolvers<Uint8Array>();
  const deps = {
    replica: { admit: () => ({ confirm() {} }) },
    topology: {
      moves: { held: () => [0, 1], isHolder: () => true, ring: () => ({ closed: [0, 0] }) },
    },
    contents: { combined: () => read.promise },
    standing: { votes: () => counts, isLost: () => !counts },
  } as unknown as ComparingDeps;
  const placed = { epoch: 1, placement: new Uint8Array(32) };
  const answer = createComparing(deps).compare({ ...placed, count: 3, ranges: [[0, 1]] }, 'peer');
  counts = true;
  read.resolve(new Uint8Array(32));
  const { learning, lost } = await answer;
  assert.deepEqual([learning, lost], [[0], [0]]);
});

test('replicas are found alike though a few keys are overwritten all the time', async () => {
  await using bed = await createTestbed({
    nodes: 3,
    records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 },
    latencyMs: 10,
  });
  await bed.clock.advance(2_000);
  const bytes = (text: string) => new TextEncoder().encode(text);
  let isOver = false;
  const overwrite = () => {
    if (isOver) return;
    for (const writer of [0, 1, 2])
      for (const key of ['a', 'b', 'c', 'd'])
        void bed
          .node(writer)
          .records.put({ namespace: NAMESPACE, partition: bytes('hot'), key: bytes(key), value: bytes(key) })
          .catch(() => {});
    bed.clock.after(20, overwrite);
  };
  overwrite();
  await bed.clock.advance(1_000);
  let alike = 0;
  for (let i = 0; i < 4; i++) {
    let same: boolean | undefined;
    void bed
      .node(0)
      .records.repair.round()
      .then((all) => {
        same = all;
      });
    await bed.clock.advanceUntil(() => same !== undefined, { stepMs: 1, limitMs: 20_000 });
    if (same) alike++;
  }
  isOver = true;
  assert.ok(alike > 0);
});
