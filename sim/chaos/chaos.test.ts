/**
 * A corpus of seeds in short, the same trace twice, and planted faults: what the checkers are for is found. Long runs:
 * `npm run sim -- chaos --seeds 200`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { ScenarioInput } from '../scenario.ts';
import { chaos } from './index.ts';

const CORPUS = [1, 2, 3, 13, 29, 31, 47, 59, 71, 83];
const TEN_MINUTES = 1 / 6;
const small = { nodes: 7, hours: TEN_MINUTES, rate: 24 * 12, load: 4, progress: () => {} };

for (const seed of CORPUS) {
  test(`seed ${seed}: every promise holds through ten minutes of faults`, async () => {
    const { violations, counts, tail } = await chaos.run({ ...small, seed });
    assert.deepEqual(violations, [], tail.join('\n'));
    assert.ok((counts['acknowledged'] ?? 0) > 200, JSON.stringify(counts));
  });
}

test('the same seed gives the same trace, in another process too', async () => {
  const main = join(import.meta.dirname, '..', 'main.ts');
  const words = [main, 'chaos', '--seed', '5', '--nodes', '5', '--hours', '0.05', '--json'];
  const run = async () => {
    const { stdout } = await promisify(execFile)(process.execPath, words);
    return (JSON.parse(stdout) as { result: { trace: string } }).result.trace;
  };
  const [one, other] = await Promise.all([run(), run()]);
  assert.equal(one, other);
});

test('planted: disks that say a commit is done two seconds early are found out', async () => {
  const plant: ScenarioInput['plant'] = (sim) => {
    for (const disk of sim.disks) disk.liesMs = 2_000;
  };
  const { violations } = await chaos.run({ ...small, hours: 0.05, seed: 1, plant });
  assert.ok(violations.length > 0);
});

test('planted: nodes that list nothing, and that give a lock to everybody, are found out', async () => {
  const plant: ScenarioInput['plant'] = (sim) => {
    for (const { kv, records } of sim.nodes) {
      kv.list = async () => ({ keys: [], cursor: null, missingSlots: [] });
      records.leases.take = async ({ holder }) => ({ holder, token: 1 });
    }
  };
  const { violations } = await chaos.run({ ...small, hours: 0.05, seed: 1, plant });
  assert.ok(violations.some((text) => text.includes('not in a list')));
  assert.ok(violations.some((text) => text.startsWith('lock')));
});
