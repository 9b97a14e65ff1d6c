import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { eventually } from '../../testing/eventually.ts';
import { createSystemClock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { createTestHost, soon, type TestHostConfig } from '../net/test-host.ts';
import { createRpc, type RpcConfig } from './index.ts';
import { type Echo, echo, until } from './test-pair.ts';

const CHILD = 'P2POS_TEST_RPC_CHILD';
const MIB = 1_048_576;
const timeoutMs = 10_000;

const handlers: Echo = {
  say: async (text) => text,
  hang: async (_, { signal }) => until(signal),
  blob: async (body) => body,
  nothing: async () => undefined,
  fail: async (text) => {
    throw new P2posError('BAD_REQUEST', { reason: text });
  },
  small: async (text) => text,
};

async function node(config: TestHostConfig = {}, rpcConfig: RpcConfig = {}) {
  const net = await createTestHost(config);
  const rpc = createRpc({ net, clock: createSystemClock(), log: silentLogger }, rpcConfig);
  rpc.serve(echo, handlers);
  return {
    net,
    rpc,
    async [Symbol.asyncDispose]() {
      await rpc[Symbol.asyncDispose]();
      await net[Symbol.asyncDispose]();
    },
  };
}

if (process.env[CHILD]) {
  const { net } = await node();
  process.send?.(net.addresses());
  process.on('disconnect', () => process.exit());
} else {
  for (const [name, config] of [
    ['tcp and tls', {}],
    ['tcp and noise', { encryption: ['noise'] }],
    ['quic', { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] }],
    ['websockets', { listen: ['/ip4/127.0.0.1/tcp/0/ws'] }],
  ] as const) {
    test(`calls short and long, both ways at once, over ${name}`, async () => {
      await using a = await node(config);
      await using b = await node({ listen: [] });
      await b.net.dial(a.net.addresses(), { signal: soon() });
      await eventually(() => a.net.isConnected(b.net.peerId));
      const body = Uint8Array.from({ length: MIB - 100 }, (_, index) => (index * 11) >>> 3);
      const calls = [
        [a, b],
        [b, a],
      ].flatMap(([from, to]) => [
        ...Array.from({ length: 4 }, async () => {
          const answer = await from?.rpc.call(String(to?.net.peerId), echo, 'blob', body, { timeoutMs });
          assert.equal(Buffer.compare(answer ?? body.subarray(1), body), 0);
        }),
        ...Array.from({ length: 200 }, async (_, index) => {
          const answer = await from?.rpc.call(String(to?.net.peerId), echo, 'say', `${index}`, { timeoutMs });
          assert.equal(answer, `${index}`);
        }),
      ]);
      await Promise.all(calls);
    });
  }

  test('a process that is killed rejects its callers at once, and its successor answers', async () => {
    await using a = await node();
    const start = async () => {
      const child = fork(import.meta.filename, { env: { ...process.env, [CHILD]: '1' }, execArgv: [] });
      const [addresses] = (await once(child, 'message')) as [string[]];
      return { child, peerId: await a.net.dial(addresses, { signal: soon() }) };
    };
    const first = await start();
    assert.equal(await a.rpc.call(first.peerId, echo, 'say', 'x', { timeoutMs }), 'x');
    const hanging = Array.from({ length: 20 }, () =>
      assert.rejects(a.rpc.call(first.peerId, echo, 'hang', 'x', { timeoutMs: 60_000 }), {
        code: 'PEER_UNREACHABLE',
      }),
    );
    const started = performance.now();
    first.child.kill('SIGKILL');
    await Promise.all(hanging);
    assert.ok(performance.now() - started < 5_000);
    const second = await start();
    assert.equal(await a.rpc.call(second.peerId, echo, 'say', 'y', { timeoutMs }), 'y');
    second.child.kill('SIGKILL');
  });

  test('a peer that reads nothing gets no more than the queue holds; others are served', async () => {
    await using a = await node({}, { limits: { maxQueuedBytes: 2 * MIB } });
    await using deaf = await createTestHost();
    await using b = await node();
    deaf.handle(echo.protocol, (channel) => {
      channel.receive(
        () => {},
        () => {},
      );
      channel.pause();
    });
    for (const net of [deaf, b.net]) await a.net.dial(net.addresses(), { signal: soon() });
    const body = new Uint8Array(MIB / 2);
    const before = process.memoryUsage().arrayBuffers;
    const codes: unknown[] = [];
    const calls = Array.from({ length: 200 }, async () => {
      await a.rpc
        .call(deaf.peerId, echo, 'blob', body, { timeoutMs: 1_500 })
        .catch((error: P2posError) => codes.push(error.code));
    });
    assert.equal(await a.rpc.call(b.net.peerId, echo, 'say', 'fine', { timeoutMs }), 'fine');
    await Promise.all(calls);
    assert.deepEqual(new Set(codes), new Set(['OVERLOADED', 'TIMEOUT']));
    assert.ok(codes.filter((code) => code === 'OVERLOADED').length > 150);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * MIB);
  });
}
