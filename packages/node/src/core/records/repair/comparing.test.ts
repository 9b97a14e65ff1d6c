/** Two that compare while the one is changing, or what they hold is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
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

test('no slot is compared twice for one call', async () => {
  let slots = 0;
  const all = Array.from({ length: 4_096 }, (_, slot) => slot);
  const deps = {
    replica: { admit: () => ({ confirm() {} }) },
    topology: { moves: { held: () => all, isHolder: () => true, ring: () => ({ closed: all }) } },
    contents: {
      async combined(_: number, some: readonly number[]) {
        slots += some.length;
        return new Uint8Array(32);
      },
    },
    standing: { votes: () => true, isLost: () => false },
  } as unknown as ComparingDeps;
  const { compare } = createComparing(deps);
  const ask = { epoch: 1, placement: new Uint8Array(32), count: 3 };
  const ranges = Array.from({ length: 256 }, () => [0, 4_095] as const);
  await assert.rejects(compare({ ...ask, ranges }, 'peer'), (error) => isP2posError(error, 'BAD_REQUEST'));
  assert.ok(slots <= 4_096, `${slots} slots`);
  // As who compares asks: first what differs, then what only learns.
  const { digests } = await compare(
    {
      ...ask,
      ranges: [
        [64, 4_095],
        [0, 63],
      ],
    },
    'peer',
  );
  assert.equal(digests.length, 2);
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
