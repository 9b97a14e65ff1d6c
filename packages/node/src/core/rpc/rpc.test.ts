import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { z } from 'zod';
import { drain } from '../../testing/manual-clock.ts';
import { silentLogger } from '../log/index.ts';
import { type CallContext, createRpc, defineCapability } from './index.ts';
import { createPair, echo, never, until } from './test-pair.ts';

const timeoutMs = 1_000;
const reasonOf = ([context]: readonly CallContext[]) =>
  (context?.signal.reason as P2posError | undefined)?.code;

test('a call is answered', async () => {
  const { caller } = await createPair();
  assert.equal(await caller.call('b', echo, 'say', 'hello', { timeoutMs }), 'hello');
  assert.equal(await caller.call('b', echo, 'nothing', undefined, { timeoutMs }), undefined);
});

test('bodies of many frames arrive whole, many at a time', async () => {
  const { caller } = await createPair();
  const bodies = Array.from({ length: 20 }, (_, call) =>
    Uint8Array.from({ length: 50_000 * call }, (_, index) => (index * 7 + call) & 255),
  );
  const answers = await Promise.all(
    bodies.map((body) => caller.call('b', echo, 'blob', body, { timeoutMs })),
  );
  for (const [index, body] of bodies.entries()) assert.equal(Buffer.compare(answers[index] ?? body, body), 0);
});

test('one channel carries the calls of both sides', async () => {
  const { a, caller, callee, all } = await createPair();
  let opened = 0;
  const open = a.open.bind(a);
  a.open = (...of) => {
    opened++;
    return open(...of);
  };
  caller.serve(echo, { ...all, say: async (text) => `a says ${text}` });
  await Promise.all([1, 2, 3].map((n) => caller.call('b', echo, 'say', `${n}`, { timeoutMs })));
  assert.equal(await callee.call('a', echo, 'say', 'back', { timeoutMs }), 'a says back');
  assert.equal(opened, 1);
});

test('two nodes that call each other at the same moment both get answers', async () => {
  const { caller, callee, all } = await createPair({ hub: { latencyMs: 0 } });
  caller.serve(echo, all);
  const answers = await Promise.all([
    caller.call('b', echo, 'say', 'one', { timeoutMs }),
    callee.call('a', echo, 'say', 'two', { timeoutMs }),
  ]);
  assert.deepEqual(answers, ['one', 'two']);
});

test('a call that is not answered in time rejects, and its handler is told', async () => {
  const { clock, caller, contexts } = await createPair();
  const failed = assert.rejects(caller.call('b', echo, 'hang', 'x', { timeoutMs }), {
    code: 'TIMEOUT',
    details: { what: 'Node b', timeoutMs, method: 'hang' },
  });
  await drain();
  await clock.advance(999);
  assert.equal(contexts[0]?.signal.aborted, false);
  await clock.advance(1);
  await failed;
  await drain();
  assert.equal(contexts[0]?.signal.aborted, true);
  assert.equal(clock.pending(), 0);
});

test('the deadline travels: a callee whose own clock ran on gives up by itself', async () => {
  const { clock, hub, caller, contexts } = await createPair();
  const failed = assert.rejects(caller.call('b', echo, 'hang', 'x', { timeoutMs }), { code: 'TIMEOUT' });
  await drain();
  hub.cut('a', 'b');
  assert.equal(contexts[0]?.signal.aborted, false);
  await clock.advance(timeoutMs);
  assert.equal(reasonOf(contexts), 'TIMEOUT');
  await failed;
});

test('a caller that gives up cancels the handler; a late answer harms nothing', async () => {
  const finish = Promise.withResolvers<string>();
  const { caller, contexts } = await createPair({
    handlers: {
      hang: async (_, context) => {
        contexts.push(context);
        await Promise.race([until(context.signal).catch(() => {}), finish.promise]);
        return 'too late';
      },
    },
  });
  const reason = new Error('enough');
  const controller = new AbortController();
  const call = caller.call('b', echo, 'hang', 'x', { timeoutMs, signal: controller.signal });
  await drain();
  controller.abort(reason);
  await assert.rejects(call, reason);
  await drain();
  assert.equal(reasonOf(contexts), 'CANCELLED');
  finish.resolve('now');
  assert.equal(await caller.call('b', echo, 'say', 'on', { timeoutMs }), 'on');
  await assert.rejects(
    caller.call('b', echo, 'say', 'x', { timeoutMs, signal: AbortSignal.abort(reason) }),
    reason,
  );
});

test('an answer that crosses the cancel is ignored', async () => {
  const { clock, caller } = await createPair({ hub: { latencyMs: 10 } });
  const warmUp = caller.call('b', echo, 'say', 'x', { timeoutMs });
  await clock.advance(40);
  await warmUp;
  const controller = new AbortController();
  const call = caller.call('b', echo, 'say', 'x', { timeoutMs, signal: controller.signal });
  const failed = assert.rejects(call);
  await clock.advance(15);
  controller.abort();
  await failed;
  await clock.advance(100);
  const next = caller.call('b', echo, 'say', 'fine', { timeoutMs });
  await clock.advance(40);
  assert.equal(await next, 'fine');
});

test('errors cross with their code and details', async () => {
  const { caller } = await createPair({
    handlers: {
      say: async () => {
        throw new P2posError('NOT_A_MEMBER', { peerId: 'x' });
      },
      hang: async () => {
        throw new P2posError('BAD_REQUEST', { reason: 'long '.repeat(50_000) });
      },
    },
  });
  const expected = { code: 'NOT_A_MEMBER', details: { peerId: 'x' } };
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs }), expected);
  const bounded = { code: 'BAD_REQUEST', details: {} };
  await assert.rejects(caller.call('b', echo, 'hang', 'x', { timeoutMs }), bounded);
});

test('what a handler throws otherwise stays inside, under a request id', async () => {
  const { caller, lines } = await createPair({
    handlers: {
      hang: () => {
        throw new Error('secret');
      },
      // What CBOR cannot encode.
      say: async () => Symbol('secret') as unknown as string,
    },
  });
  for (const method of ['fail', 'hang', 'say'] as const) {
    await assert.rejects(caller.call('b', echo, method, 'secret', { timeoutMs }), (error: P2posError) => {
      assert.equal(error.code, 'INTERNAL');
      assert.match(
        String(error.details['requestId']),
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/,
      );
      assert.equal(error.details['requestId'], lines.at(-1)?.['requestId']);
      assert.ok(!JSON.stringify(error).includes('secret'));
      return true;
    });
  }
});

test('a peer without a connection, without the capability, without the method', async () => {
  const { caller } = await createPair();
  await assert.rejects(caller.call('c', echo, 'say', 'x', { timeoutMs }), { code: 'PEER_UNREACHABLE' });
  const other = defineCapability('/p2pos/other/1.0.0', echo.methods);
  await assert.rejects(caller.call('b', other, 'say', 'x', { timeoutMs }), { code: 'METHOD_UNKNOWN' });
  const newer = defineCapability(echo.protocol, { ...echo.methods, more: { ...echo.methods.say, id: 77 } });
  await assert.rejects(caller.call('b', newer, 'more', 'x', { timeoutMs }), {
    code: 'METHOD_UNKNOWN',
    details: { peerId: 'b', method: 'method 77 of /p2pos/echo/1.0.0' },
  });
  assert.equal(await caller.call('b', echo, 'say', 'still', { timeoutMs }), 'still');
});

test('a newer peer is understood as far as can be: unknown code, another answer, another input', async () => {
  const newer = defineCapability(echo.protocol, {
    ...echo.methods,
    say: { id: 1, input: z.unknown(), output: z.unknown() },
  });
  const { b, clock, hub, caller, serving, callee } = await createPair();
  serving[Symbol.dispose]();
  await callee[Symbol.asyncDispose]();
  const renewed = createRpc({ net: b, clock, log: silentLogger });
  renewed.serve(newer, {
    ...(await createPair()).all,
    say: async (input) => {
      if (input === 'code')
        throw Object.assign(new P2posError('INTERNAL', { more: 1 }), { code: 'NEWER_CODE' });
      return { text: input };
    },
  });
  assert.ok(hub);
  await assert.rejects(caller.call('b', echo, 'say', 'code', { timeoutMs }), {
    code: 'INTERNAL',
    details: { requestId: 'unknown', more: 1, peerCode: 'NEWER_CODE' },
  });
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs }), (error: P2posError) => {
    assert.equal(error.code, 'PEER_PROTOCOL');
    assert.match(error.message, /schema/);
    return true;
  });
  assert.equal(await caller.call('b', echo, 'small', 'same connection', { timeoutMs }), 'same connection');
});

test('the callee checks the input by its own schema', async () => {
  const { caller } = await createPair();
  const loose = defineCapability(echo.protocol, { say: { ...echo.methods.say, input: z.unknown() } });
  await assert.rejects(
    caller.call('b', loose, 'say', { not: 'text' }, { timeoutMs }),
    (error: P2posError) => {
      assert.equal(error.code, 'BAD_REQUEST');
      assert.match(
        error.message,
        /^The input of \/p2pos\/echo\/1\.0\.0 say does not fit the schema: the body: /,
      );
      return true;
    },
  );
});

test('calls under way end at once when the connection does, and the next one opens anew', async () => {
  const { a, hub, caller, contexts } = await createPair();
  const failed = assert.rejects(caller.call('b', echo, 'hang', 'x', { timeoutMs: 60_000 }), {
    code: 'PEER_UNREACHABLE',
  });
  await drain();
  await a.hangUp('b');
  await failed;
  assert.equal(contexts[0]?.signal.aborted, true);
  await a.dial([hub.addressOf('b')], { signal: never });
  assert.equal(await caller.call('b', echo, 'say', 'again', { timeoutMs }), 'again');
});

test('a channel that ends while it is being opened rejects the calls that waited for it', async () => {
  const { a, caller } = await createPair();
  const open = a.open.bind(a);
  a.open = async (...of) => {
    const channel = await open(...of);
    channel.abort(new Error('gone already'));
    return channel;
  };
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs }), { code: 'PEER_UNREACHABLE' });
  a.open = open;
  assert.equal(await caller.call('b', echo, 'say', 'again', { timeoutMs }), 'again');
});

test('a half-open connection: calls time out, and after a stall the channel is given up', async () => {
  const { clock, hub, caller } = await createPair({ hub: { highWaterBytes: 100_000 } });
  await caller.call('b', echo, 'say', 'x', { timeoutMs });
  hub.partition(['a'], ['b']);
  const call = () => caller.call('b', echo, 'blob', new Uint8Array(90_000), { timeoutMs: 120_000 });
  const failed = Promise.all([1, 2, 3].map(() => assert.rejects(call(), { code: 'PEER_UNREACHABLE' })));
  await clock.advance(19_999);
  hub.heal();
  await clock.advance(1);
  await failed;
  assert.equal(await caller.call('b', echo, 'say', 'healed', { timeoutMs }), 'healed');
});

test('a peer that may not call is told so, over a channel of ours too', async () => {
  const members = new Set(['a']);
  const { caller, callee, all } = await createPair({ b: { admit: (peerId) => members.has(peerId) } });
  assert.equal(await caller.call('b', echo, 'say', 'x', { timeoutMs }), 'x');
  members.clear();
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs }), {
    code: 'NOT_A_MEMBER',
    details: { peerId: 'a' },
  });
  caller.serve(echo, all);
  assert.equal(await callee.call('a', echo, 'say', 'b may ask a', { timeoutMs }), 'b may ask a');
});

test('what is served no more is unknown, and can be served again', async () => {
  const { caller, callee, serving, all } = await createPair();
  await caller.call('b', echo, 'say', 'x', { timeoutMs });
  assert.throws(() => callee.serve(echo, all), /already served/);
  serving[Symbol.dispose]();
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs }), { code: 'METHOD_UNKNOWN' });
  callee.serve(echo, { ...all, say: async () => 'new' });
  serving[Symbol.dispose]();
  assert.equal(await caller.call('b', echo, 'say', 'x', { timeoutMs }), 'new');
  const twice = defineCapability('/p2pos/twice/1.0.0', { one: echo.methods.say, two: echo.methods.say });
  assert.throws(() => callee.serve(twice, { one: all.say, two: all.say }), /two methods/);
});

test('disposal ends calls and handlers, and leaves no timer', async () => {
  const { clock, caller, callee, contexts } = await createPair();
  const failed = assert.rejects(caller.call('b', echo, 'hang', 'x', { timeoutMs: 60_000 }), {
    code: 'CANCELLED',
  });
  await drain();
  await caller[Symbol.asyncDispose]();
  await failed;
  await assert.rejects(caller.call('b', echo, 'say', 'x', { timeoutMs }), { code: 'CANCELLED' });
  await drain();
  assert.equal(contexts[0]?.signal.aborted, true);
  await callee[Symbol.asyncDispose]();
  await drain();
  assert.equal(clock.pending(), 0);
});
