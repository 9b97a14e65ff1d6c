/** The program as it is passes; each planted fault is found. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PLANTED } from '../planted/index.ts';

const main = join(import.meta.dirname, '..', 'main.ts');

/** What the runner prints, in a process of its own: what is planted there stays there. */
function run(words: readonly string[]): Promise<{ result: { violations: readonly string[] } }> {
  const args = ['--disable-warning=ExperimentalWarning', main, ...words, '--json'];
  return new Promise((resolve, reject) => {
    // It ends with 1 where something was found.
    execFile(process.execPath, args, (_, stdout, stderr) => {
      if (stdout === '') reject(new Error(stderr));
      else resolve(JSON.parse(stdout));
    });
  });
}

const AWKWARD = ['awkward', '--seed', '1', '--hours', '0.2'];
const FLIPPED = [
  'chaos',
  '--nodes',
  '4',
  '--hours',
  '0.05',
  '--rate',
  '1200',
  '--load',
  '10',
  '--faults',
  'flipped bit',
];

for (const seed of ['1', '2']) {
  test(`seed ${seed}: awkward turns break no promise`, async () => {
    const { result } = await run(['awkward', '--seed', seed, '--hours', '0.5']);
    assert.deepEqual(result.violations, []);
  });
}

test('flipped bits break no promise', async () => {
  assert.deepEqual((await run(FLIPPED)).result.violations, []);
});

for (const name of Object.keys(PLANTED)) {
  test(`planted: ${name} is found out`, async () => {
    // Believed, the first flipped bit stays the only one, and not in every run a reader meets it.
    const runs =
      name === 'hashes-unchecked'
        ? ['1', '2', '3', '4'].map((seed) => [...FLIPPED, '--seed', seed])
        : [AWKWARD];
    for (const words of runs)
      if ((await run([...words, '--plant', name])).result.violations.length > 0) return;
    assert.fail(`${runs.length} runs found nothing`);
  });
}
