/** A corpus of seeds in short, and a planted fault that must be found. Long runs: `npm run sim -- pubsub --seeds 200`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScenarioInput } from '../scenario.ts';
import { pubsub } from './index.ts';

const small = { nodes: 6, hours: 1 / 60, rate: 2, progress: () => {} };

for (const seed of [1, 2, 7]) {
  test(`seed ${seed}: subscribers miss nothing that they are not told of through a minute of faults`, async () => {
    const { violations, counts, tail } = await pubsub.run({ ...small, seed });
    assert.deepEqual(violations, [], tail.join('\n'));
    assert.ok((counts['received'] ?? 0) > 300 && (counts['owed'] ?? 0) > 10, JSON.stringify(counts));
    assert.ok((counts['kept'] ?? 0) > 5, JSON.stringify(counts));
  });
}

test('planted: a node that loses a message on its way in, and says nothing, is found', async () => {
  const plant: ScenarioInput['plant'] = (sim) => {
    // As if its inbox forgot one in twenty before it looked at the numbers.
    for (const { pubsub: live } of sim.nodes) {
      const { subscribe } = live;
      let n = 0;
      live.subscribe = async (...args) => {
        const subscribed = await subscribe(...args);
        const { batches } = subscribed;
        return {
          ...subscribed,
          batches: (async function* () {
            for await (const batch of batches) yield batch.filter(() => ++n % 20 !== 0);
          })(),
        };
      };
    }
  };
  const { violations } = await pubsub.run({ ...small, rate: 0.1, seed: 1, plant });
  assert.ok(violations.length > 0);
});
