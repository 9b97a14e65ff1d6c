import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import { createTestHost, ECHO, echo, soon } from './test-host.ts';

const CHILD = 'P2POS_TEST_KILLED_PEER';

if (process.env[CHILD]) {
  const net = await createTestHost();
  process.send?.(net.addresses());
  process.on('disconnect', () => process.exit());
} else {
  test('a process that is killed is noticed at once, and its successor is reached', async () => {
    await using net = await createTestHost();
    const start = async () => {
      const child = fork(import.meta.filename, { env: { ...process.env, [CHILD]: '1' }, execArgv: [] });
      const [addresses] = (await once(child, 'message')) as [string[]];
      return { child, peerId: await net.dial(addresses, { signal: soon() }) };
    };
    const first = await start();
    assert.deepEqual(await echo(net, first.peerId, Uint8Array.of(1)), Uint8Array.of(1));
    const channel = await net.open(first.peerId, ECHO, { signal: soon() });
    const ended = Promise.withResolvers<Error | undefined>();
    channel.receive(() => {}, ended.resolve);
    first.child.kill('SIGKILL');
    assert.ok((await ended.promise) instanceof Error);
    await eventually(() => assert.equal(net.isConnected(first.peerId), false));
    const second = await start();
    assert.deepEqual(await echo(net, second.peerId, Uint8Array.of(2)), Uint8Array.of(2));
    second.child.kill('SIGKILL');
  });
}
