/** `p2pctl dev` as an operator meets it: what it prints, what it refuses, what it leaves behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { isAlive, p2pctl, shareDev } from './harness.ts';

const system = shareDev({ nodes: 3 });

test('it prints what to do next, refuses a second one, and names who holds a port', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  const lines = dev.output().trimEnd().split('\n').slice(-5);
  assert.equal(lines[0], `ready: ${dev.node(0).http}`);
  assert.match(lines[1] ?? '', /kv put hello world/);
  assert.match(lines[2] ?? '', /kv get hello --node 2/);
  assert.match(lines[3] ?? '', new RegExp(`kill -9 ${dev.node(0).pid}; .*kv get hello`));
  assert.match(lines[4] ?? '', /^page: http:\/\/127\.0\.0\.1:\d+\/session\//);

  const second = await p2pctl('dev', '--home', dev.home);
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`already runs in .*pid ${dev.process.pid}`));
  const busy = await p2pctl('dev', '--home', `${dev.home}-other`, '--nodes', '1', '--port', String(dev.port));
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, new RegExp(`${dev.port}.*${dev.node(0).pid}`));
  assert.match(busy.stderr, /p2pctl dev --port \d+\n$/);
  const link = await dev.p2pctl('open');
  assert.match(link.stdout, /^http:\/\/127\.0\.0\.1:\d+\/session\/[\w-]+\n$/);
});

test('a node that dies is back; one that was stopped stays so over a restart; data stays', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  const { pid } = dev.node(1);
  assert.equal((await dev.p2pctl('kv', 'put', 'a', 'b')).code, 0);
  dev.kill(1);
  await eventually(() => {
    const now = dev.node(1).pid;
    return now !== null && now !== pid;
  });
  const stopped = await dev.p2pctl('dev', 'stop', 'node2');
  assert.match(stopped.stdout, /node2 is stopped/);
  await dev.end();
  await dev.start();
  assert.equal(dev.node(2).pid, null);
  assert.equal((await dev.p2pctl('kv', 'get', 'a', '--node', '1')).stdout, 'b');
  const started = await dev.p2pctl('dev', 'start', 'node2');
  assert.match(started.stdout, /node2 is running/);
});

test('SIGTERM, SIGINT twice and the death of the supervisor leave nothing running', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  for (const end of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    const pids = dev.nodes().map((node) => node.pid ?? 0);
    if (end === 'SIGINT') dev.process.kill('SIGINT');
    await dev.end(end);
    assert.deepEqual(pids.filter(isAlive), []);
    if (end !== 'SIGKILL') {
      assert.equal(dev.process.exitCode, 0, dev.output());
      await dev.start();
    }
  }
});
