/** The WebSocket door with clients that are slow, silent, foreign, greedy or wrong. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { defineStreams, P2posError, type StreamHandlers } from '@p2pos/protocol';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { eventually } from '../../testing/eventually.ts';
import { createTestDoor, type TestDoor, type TestDoorOptions } from '../../testing/http-door.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { openClient } from '../../testing/socket-client.ts';
import { bindStreams } from '../index.ts';

async function refusalOf(door: TestDoor, headers: Record<string, string>, path = '/v1/ws') {
  const socket = new WebSocket(`${door.url.replace('http', 'ws')}${path}`, { headers });
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    NodeJS.ReadableStream & { statusCode: number },
  ];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, code: (JSON.parse(text) as { code: string }).code };
}

const streams = defineStreams({
  count: {
    summary: 'Numbers.',
    grant: 'kv:read',
    input: { from: z.int(), to: z.int(), text: z.string().optional() },
    opened: z.object({ first: z.int() }),
    events: { number: z.object({ n: z.int(), text: z.string() }) },
    errors: [],
  },
});

/** Counts up; tells how far it was pulled and whether it was let go. */
function createCounter() {
  const told = { pulled: 0, ended: 0 };
  const handlers: StreamHandlers<typeof streams> = {
    count: async ({ from, to, text = '' }, { signal }) => ({
      opened: { first: from },
      events: (async function* () {
        try {
          for (let n = from; n < to; n++) {
            told.pulled++;
            yield { type: 'number' as const, n, text };
            if (signal.aborted) return;
          }
          if (to < 0) throw new P2posError('OVERLOADED', { what: 'The counter' });
        } finally {
          told.ended++;
        }
      })(),
    }),
  };
  return { told, streams: bindStreams(streams, handlers) };
}

const doorWith = (options: TestDoorOptions = {}) => createTestDoor(options);

describe('the WebSocket door', () => {
  it('lets in a token by header or first frame, and nobody else', async () => {
    await using door = await doorWith();
    await using byHeader = await openClient(door);
    assert.equal((await byHeader.frame({ type: 'ready' }))['app'], 'default');
    await using byFrame = await openClient(door, { headers: {} });
    byFrame.send({ op: 'auth', token: door.token, app: 'shop' });
    assert.equal((await byFrame.frame({ type: 'ready' }))['app'], 'shop');
    await using wrong = await openClient(door, { headers: {} });
    wrong.send({ op: 'auth', token: 'p2pos_wrong' });
    assert.equal(await wrong.closed, 4_401);
    assert.equal(wrong.frames[0]?.['code'], 'AUTH_REQUIRED');
    await using early = await openClient(door, { headers: {} });
    early.send({ op: 'call', id: 1, method: 'kv.list' });
    assert.equal(await early.closed, 4_401);
    assert.deepEqual(await refusalOf(door, { authorization: 'Bearer p2pos_wrong' }), {
      status: 401,
      code: 'AUTH_REQUIRED',
    });
  });

  it('ends a client that does not say who it is within 5 s, and one that falls silent', async () => {
    const clock = createManualClock();
    await using door = await doorWith({ clock });
    await using nobody = await openClient(door, { headers: {} });
    await using silent = await openClient(door);
    await clock.advance(4_000);
    assert.equal(nobody.socket.readyState, WebSocket.OPEN);
    await clock.advance(2_000);
    assert.equal(await nobody.closed, 4_401);
    await clock.advance(30_000);
    silent.send({ op: 'ping' });
    await silent.frame({ type: 'pong' });
    await clock.advance(30_000);
    assert.equal(silent.socket.readyState, WebSocket.OPEN);
    await clock.advance(20_000);
    assert.equal(await silent.closed, 4_408);
  });

  it('refuses foreign pages, rebound names and other paths before the upgrade', async () => {
    await using door = await doorWith();
    const auth = { authorization: `Bearer ${door.token}` };
    assert.equal((await refusalOf(door, { ...auth, origin: 'http://evil.example' })).code, 'ORIGIN_REFUSED');
    assert.equal((await refusalOf(door, { ...auth, host: 'evil.example' })).code, 'HOST_REFUSED');
    assert.equal((await refusalOf(door, auth, '/v1/kv')).code, 'ROUTE_NOT_FOUND');
  });

  it('ends a client whose messages are no frames, and tells why', async () => {
    await using door = await doorWith();
    for (const message of [
      'garbage',
      '[]',
      '{}',
      '{"op":"call","id":{},"method":"kv.list"}',
      Buffer.from([1]),
    ]) {
      await using client = await openClient(door);
      client.socket.send(message);
      assert.equal(await client.closed, 4_400);
      assert.match(String(client.frames.at(-1)?.['message']), /The message is refused/);
    }
    await using large = await openClient(door);
    large.socket.on('error', () => {});
    large.socket.send(Buffer.alloc(3 * 1_048_576));
    assert.equal(await large.closed, 1_009);
  });

  it('answers calls by id, refusals with their code, and takes no id twice at once', async () => {
    const gate = Promise.withResolvers<void>();
    const list = async () => {
      await gate.promise;
      return { keys: [], cursor: null };
    };
    await using door = await doorWith({ kv: { list } });
    await using client = await openClient(door);
    client.send({ op: 'call', id: 'a', method: 'kv.list' });
    client.send({ op: 'call', id: 'a', method: 'kv.get', input: { key: 'x' } });
    assert.equal((await client.frame({ id: 'a' }))['code'], 'BAD_REQUEST');
    client.send({ op: 'call', id: 2, method: 'kv.get', input: { key: '' } });
    assert.equal((await client.frame({ id: 2 }))['code'], 'KV_KEY_INVALID');
    client.send({ op: 'call', id: 3, method: 'kv.put', input: { key: 'k', body: 'text' } });
    assert.match(String((await client.frame({ id: 3 }))['message']), /must be bytes/);
    const body = { $blob: Buffer.alloc(65_537).toString('base64') };
    client.send({ op: 'call', id: 4, method: 'kv.put', input: { key: 'k', body } });
    assert.equal((await client.frame({ id: 4 }))['code'], 'KV_VALUE_TOO_LARGE');
    client.send({ op: 'call', id: 5, method: 'kv.nothing' });
    assert.equal((await client.frame({ id: 5 }))['code'], 'METHOD_NOT_SERVED');
    gate.resolve();
    assert.deepEqual((await client.frame({ id: 'a', type: 'result' }))['output'], { keys: [], cursor: null });
  });

  it('tells a handler when its caller cancels, goes away, or its time is up', async () => {
    const clock = createManualClock();
    const reasons: unknown[] = [];
    const list = (_input: unknown, { signal }: { readonly signal: AbortSignal }) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push((signal.reason as P2posError).code);
          reject(signal.reason);
        });
      });
    await using door = await doorWith({ clock, kv: { list } });
    const client = await openClient(door);
    for (const id of [1, 2]) client.send({ op: 'call', id, method: 'kv.list' });
    client.send({ op: 'call', id: 3, method: 'kv.list', timeoutMs: 5_000 });
    client.send({ op: 'cancel', id: 1 });
    assert.equal((await client.frame({ id: 1 }))['code'], 'CANCELLED');
    await clock.advance(6_000);
    assert.equal((await client.frame({ id: 3 }))['code'], 'TIMEOUT');
    await client[Symbol.asyncDispose]();
    await eventually(() => reasons.length === 3);
    assert.deepEqual(reasons, ['CANCELLED', 'TIMEOUT', 'CANCELLED']);
  });

  it('bounds calls and subscriptions of one socket', async () => {
    const list = () => new Promise<never>(() => {});
    const { streams: counted } = createCounter();
    await using door = await doorWith({
      kv: { list },
      streams: counted,
      config: { limits: { maxCallsPerSocket: 2, maxSubscriptionsPerSocket: 1 } },
    });
    await using client = await openClient(door);
    for (const id of [1, 2, 3]) client.send({ op: 'call', id, method: 'kv.list' });
    assert.equal((await client.frame({ id: 3 }))['code'], 'OVERLOADED');
  });

  it('reads a client whose app is over its quota call by call, ever more slowly', async () => {
    const clock = createManualClock();
    const app = 'shop';
    let charged = 0;
    let room = 0;
    const charge = async () => {
      charged++;
      if (room-- <= 0)
        throw new P2posError('QUOTA_EXCEEDED', { app, quota: 'requests', limit: 1, retryAfterMs: 100 });
      return undefined;
    };
    const token = { id: '1', grants: ['kv:*'] };
    const tenants = {
      admit: async () => ({ app, token, charge }),
      check: async () => {},
      note: async () => {},
    };
    await using door = await doorWith({ clock, tenants });
    const authorization = `Bearer p2pos_${'t'.repeat(43)}`;
    await using client = await openClient(door, { headers: { authorization } });
    const call = (id: number) => client.send({ op: 'call', id, method: 'kv.list', input: {} });
    call(0);
    await client.frame({ id: 0, code: 'QUOTA_EXCEEDED' });
    for (let id = 1; id <= 50; id++) call(id);
    for (const [i, restMs] of [100, 200, 400, 800, 1_000, 1_000].entries()) {
      // One that asks on another socket shows that the node has had time.
      await using other = await openClient(door);
      other.send({ op: 'ping' });
      await other.frame({ type: 'pong' });
      await clock.advance(restMs - 1);
      assert.equal(charged, 1 + i);
      await clock.advance(1);
      await client.frame({ id: i + 1, code: 'QUOTA_EXCEEDED' });
    }
    // One that passes does not let in all that wait behind it.
    room = 1;
    await clock.advance(1_000);
    await client.frame({ id: 7, type: 'result' });
    await client.frame({ id: 8, code: 'QUOTA_EXCEEDED' });
    assert.equal(charged, 9);
    room = 50;
    await clock.advance(1_000);
    await client.frame({ id: 50, type: 'result' });
    assert.equal(charged, 51);
  });

  it('follows a stream to its end, to its error, and until it is let go', async () => {
    const { told, streams: counted } = createCounter();
    await using door = await doorWith({ streams: counted });
    await using client = await openClient(door);
    client.send({ op: 'subscribe', id: 7, kind: 'count', from: 1, to: 4 });
    await client.frame({ id: 7, type: 'end' });
    assert.deepEqual(
      client.frames.filter(({ id }) => id === 7),
      [
        { first: 1, id: 7, type: 'open' },
        ...[1, 2, 3].map((n) => ({ n, text: '', id: 7, type: 'number' })),
        { id: 7, type: 'end' },
      ],
    );
    client.send({ op: 'subscribe', id: 8, kind: 'count', from: 0, to: -1 });
    assert.equal((await client.frame({ id: 8, type: 'error' }))['code'], 'OVERLOADED');
    client.send({ op: 'subscribe', id: 9, kind: 'count', from: 'x', to: 1 });
    assert.equal((await client.frame({ id: 9 }))['code'], 'BAD_REQUEST');
    client.send({ op: 'subscribe', id: 10, kind: 'count', from: 1, to: 2, more: 1 });
    assert.match(String((await client.frame({ id: 10 }))['message']), /no input "more"/);
    assert.equal(told.ended, 2);
  });

  it('a client that does not read is not sent more than fits, and what it follows waits for it', async () => {
    const { told, streams: counted } = createCounter();
    await using door = await doorWith({
      streams: counted,
      config: { limits: { socketHighWaterBytes: 64 * 1_024 } },
    });
    await using slow = await openClient(door);
    await using other = await openClient(door);
    slow.socket.pause();
    const text = 'x'.repeat(10_000);
    slow.send({ op: 'subscribe', id: 1, kind: 'count', from: 0, to: 1_000_000, text });
    let before = -1;
    await eventually(
      () => {
        const still = told.pulled > 0 && told.pulled === before;
        before = told.pulled;
        return still;
      },
      { everyMs: 200 },
    );
    assert.ok(told.pulled < 5_000, `${told.pulled} events of 10 kB were made for a client that reads none`);
    other.send({ op: 'call', id: 1, method: 'kv.list' });
    await other.frame({ id: 1, type: 'result' });
    await slow[Symbol.asyncDispose]();
    await eventually(() => told.ended === 1);
  });

  it('a client with many subscriptions that reads none of them is sent no more than one with few', async () => {
    const { told, streams: counted } = createCounter();
    await using door = await doorWith({
      streams: counted,
      config: { limits: { socketHighWaterBytes: 64 * 1_024, maxSubscriptionsPerSocket: 500 } },
    });
    await using slow = await openClient(door);
    slow.socket.pause();
    const text = 'x'.repeat(200_000);
    for (let id = 0; id < 300; id++)
      slow.send({ op: 'subscribe', id, kind: 'count', from: 0, to: 1_000, text });
    let before = -1;
    await eventually(
      () => {
        const still = told.pulled > 0 && told.pulled === before;
        before = told.pulled;
        return still;
      },
      { everyMs: 200 },
    );
    // What is in the buffers of both ends are a few megabytes.
    assert.ok(told.pulled < 200, `${told.pulled} events of 200 kB were made`);
  });

  it('a client that is slow to read is not taken for silent', async () => {
    const clock = createManualClock();
    const { told, streams: counted } = createCounter();
    await using door = await doorWith({
      clock,
      streams: counted,
      config: { limits: { socketHighWaterBytes: 64 * 1_024 } },
    });
    await using slow = await openClient(door);
    slow.socket.pause();
    slow.send({ op: 'subscribe', id: 1, kind: 'count', from: 0, to: 1_500, text: 'x'.repeat(10_000) });
    await eventually(() => told.pulled > 100);
    // What makes the node stop reading it; it goes on saying so all the same.
    for (let i = 0; i < 12; i++) {
      slow.send({ op: 'ping' });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await clock.advance(20_000);
    }
    slow.socket.resume();
    await eventually(() => slow.frames.some(({ type }) => type === 'end'), { timeoutMs: 30_000 });
    assert.equal(slow.frames.filter(({ type }) => type === 'number').length, 1_500);
  });

  it('says that it closes, so that clients go elsewhere', async () => {
    const door = await doorWith();
    const client = await openClient(door);
    await door[Symbol.asyncDispose]();
    assert.equal(await client.closed, 4_503);
    assert.equal(client.frames.at(-1)?.['code'], 'NODE_CLOSING');
  });
});
