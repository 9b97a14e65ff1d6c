/** What a plain HTTP client is told when replicas are dead: by status, code and header, never a false success. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive, startDev } from './harness.ts';

const KEYS = 24;
/** A node that may restart is back about 2 s after it died. */
const RESTART_WOULD_HAVE_HAPPENED_MS = 5_000;

test('without a majority of replicas: 503, RECORDS_QUORUM_LOST and retry-after; the dead stay dead', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 5, words: ['--no-restart'] });
  const headers = { authorization: `Bearer ${dev.token(2)}` };
  const { http } = dev.node(2);
  const put = (key: string, body: string) =>
    fetch(`${http}/v1/kv/${key}?explain=1`, { method: 'PUT', headers, body });
  const holders = new Map<string, readonly string[]>();
  for (let i = 0; i < KEYS; i++) {
    const response = await put(`key${i}`, 'old');
    const receipt = (await response.json()) as { explain: { replicas: string[] } };
    assert.equal(response.status, 200);
    holders.set(`key${i}`, receipt.explain.replicas);
  }
  const killed = [dev.node(0), dev.node(1)];
  const died = performance.now();
  dev.kill(0);
  dev.kill(1);

  const counts = { served: 0, refused: 0 };
  for (const [key, replicas] of holders) {
    const dead = replicas.filter((peerId) => killed.some((node) => node.peerId === peerId)).length;
    const hasMajority = replicas.length - dead > replicas.length / 2;
    const write = await put(key, 'new');
    const read = await fetch(`${http}/v1/kv/${key}`, { headers });
    const bodies = [await write.text(), await read.text()];
    if (hasMajority) {
      counts.served++;
      assert.deepEqual([write.status, read.status, bodies[1]], [200, 200, 'new'], key);
      continue;
    }
    counts.refused++;
    for (const [index, response] of [write, read].entries()) {
      assert.equal(response.status, 503, `${key}: ${bodies[index]}`);
      assert.equal(JSON.parse(bodies[index] ?? '').code, 'RECORDS_QUORUM_LOST');
      assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    }
  }
  assert.ok(counts.served > 0 && counts.refused > 0, JSON.stringify(counts));

  // That nothing happens has no event to wait for.
  await pause(Math.max(0, RESTART_WOULD_HAVE_HAPPENED_MS - (performance.now() - died)));
  assert.deepEqual([dev.node(0).pid, dev.node(1).pid], [null, null]);
  assert.deepEqual(
    killed.map(({ pid }) => isAlive(pid ?? 0)),
    [false, false],
  );
});
