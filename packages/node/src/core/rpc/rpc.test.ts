import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { z } from 'zod';
import { createManualClock, drain } from '../../testing/manual-clock.ts';
import { createMemoryHub } from '../../testing/memory-net.ts';
import { type LogFields, type Logger, silentLogger } from '../log/index.ts';
import { type CallContext, createRpc, defineCapability, type Handlers, type RpcConfig } from './index.ts';

const echo = defineCapability('/p2pos/echo/1.0.0', {
  say: { id: 1, input: z.string(), output: z.string() },
  hang: { id: 2, input: z.string(), output: z.string() },
  blob: { id: 3, input: z.instanceof(Uint8Array), output: z.instanceof(Uint8Array), cost: 'bulk' },
  nothing: { id: 4, input: z.undefined(), output: z.undefined() },
  fail: { id: 5, input: z.string(), output: z.string() },
  small: { id: 6, input: z.string(), output: z.string(), maxBodyBytes: 100 },
});
type Echo = Handlers<(typeof echo)['methods']>;

const until = (signal: AbortSignal) =>
  new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );

async function pair(
  handlers: Partial<Echo> = {},
  config: { readonly a?: RpcConfig; readonly b?: RpcConfig } = {},
) {
  const clock = createManualClock();
  const hub = createMemoryHub({ clock });
  const errors: LogFields[] = [];
  const log: Logger = { ...silentLogger, error: (fields) => errors.push(fields), child: () => log };
  const contexts: CallContext[] = [];
  const nets = [hub.join('a'), hub.join('b')] as const;
  const [a, b] = nets;
  await a.start();
  await b.start();
  await a.dial([hub.addressOf('b')], { signal: never });
  const callee = createRpc({ net: b, clock, log }, config.b);
  const caller = createRpc({ net: a, clock, log: silentLogger }, config.a);
  callee.serve(echo, {
    say: async (text) => text,
    hang: async (_, context) => {
      contexts.push(context);
      return until(context.signal);
    },
    blob: async (bytes) => bytes,
    nothing: async () => undefined,
    fail: async (text) => {
      throw new Error(text);
    },
    small: async (text) => text,
    ...handlers,
  });
  return { clock, hub, a, b, caller, callee, errors, contexts };
}
const never = new AbortController().signal;

test('a call is answered', async () => {
  const { caller } = await pair();
  assert.equal(await caller.call('b', echo, 'say', 'hello', { timeoutMs: 1_000 }), 'hello');
  assert.equal(await caller.call('b', echo, 'nothing', undefined, { timeoutMs: 1_000 }), undefined);
});

test('a body of many frames arrives whole', async () => {
  const { caller } = await pair();
  const body = Uint8Array.from({ length: 700_000 }, (_, index) => index * 7);
  assert.deepEqual(await caller.call('b', echo, 'blob', body, { timeoutMs: 1_000 }), body);
});

test('a call that is not answered in time rejects, and its handler is told', async () => {
  const { clock, caller, contexts } = await pair();
  const call = caller.call('b', echo, 'hang', 'x', { timeoutMs: 1_000 });
  const failed = assert.rejects(call, { code: 'TIMEOUT' });
  await drain();
  await clock.advance(999);
  assert.equal(contexts[0]?.signal.aborted, false);
  await clock.advance(1);
  await failed;
  await drain();
  assert.equal(contexts[0]?.signal.aborted, true);
  assert.equal(clock.pending(), 0);
});

test('errors cross with their code and details; unknown ones become INTERNAL with a request id', async () => {
  const { caller, errors } = await pair({
    say: async () => {
      throw new P2posError('NOT_A_MEMBER', { peerId: 'x' });
    },
  });
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs: 1_000 }), {
    code: 'NOT_A_MEMBER',
    details: { peerId: 'x' },
  });
  await assert.rejects(
    caller.call('b', echo, 'fail', 'secret', { timeoutMs: 1_000 }),
    (error: P2posError) => {
      assert.equal(error.code, 'INTERNAL');
      assert.equal(error.details['requestId'], errors[0]?.['requestId']);
      assert.ok(!JSON.stringify(error).includes('secret'));
      return true;
    },
  );
});

test('a peer without a connection, or without the capability', async () => {
  const { caller } = await pair();
  await assert.rejects(caller.call('c', echo, 'say', 'x', { timeoutMs: 1_000 }), {
    code: 'PEER_UNREACHABLE',
  });
  const other = defineCapability('/p2pos/other/1.0.0', echo.methods);
  await assert.rejects(caller.call('b', other, 'say', 'x', { timeoutMs: 1_000 }), { code: 'METHOD_UNKNOWN' });
});

test('calls under way end at once when the connection does, and the next one opens anew', async () => {
  const { a, hub, caller } = await pair();
  const failed = assert.rejects(caller.call('b', echo, 'hang', 'x', { timeoutMs: 60_000 }), {
    code: 'PEER_UNREACHABLE',
  });
  await drain();
  await a.hangUp('b');
  await failed;
  await a.dial([hub.addressOf('b')], { signal: never });
  assert.equal(await caller.call('b', echo, 'say', 'again', { timeoutMs: 1_000 }), 'again');
});
