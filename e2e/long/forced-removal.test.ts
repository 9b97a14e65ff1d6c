/** Two of five members removed at once: what may be lost is named first, whether it is refused or forced, and the rest stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { p2pctl, startDev } from '../harness.ts';

test('a removal that needs force tells what it may lose before it is done', {
  timeout: 240_000,
}, async () => {
  await using dev = await startDev({ nodes: 5 });
  await using client = dev.client(0);
  const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);
  for (const key of keys) await client.kv.put(key, `of ${key}`);
  const remove = (...words: string[]) =>
    p2pctl('members', 'remove', 'node3', 'node4', '--home', dev.home, '--node', '0', ...words);

  const refused = await remove();
  assert.equal(refused.code, 1, refused.stderr);
  const named = /majority of the replicas of (\d+) slots. Of the (\d+) records/.exec(refused.stderr);
  assert.ok(named, refused.stderr);
  assert.ok(Number(named[1]) > 0 && Number(named[2]) > 0 && Number(named[2]) < keys.length + 40);

  dev.kill(3);
  dev.kill(4);
  const forced = await remove('--force');
  assert.equal(forced.code, 0, forced.stderr);
  assert.match(forced.stderr, /newest writes may be lost; all others stay/);
  // Nobody missed a write here, so the third replica of each has it.
  await eventually(
    async () => {
      for (const key of keys) assert.equal((await client.kv.get(key))?.text(), `of ${key}`);
    },
    { timeoutMs: 60_000, everyMs: 500 },
  );
});
