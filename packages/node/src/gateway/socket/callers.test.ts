/** Whose socket it is, and that what its streams took is given back when it is nobody's any more. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defineStreams, type StreamHandlers } from '@p2pos/protocol';
import { z } from 'zod';
import { eventually } from '../../testing/eventually.ts';
import { createTestDoor } from '../../testing/http-door.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { openClient } from '../../testing/socket-client.ts';
import { bindStreams, type Tenants } from '../index.ts';

const streams = defineStreams({
  count: {
    summary: 'Numbers.',
    grant: 'kv:read',
    input: {},
    opened: z.object({ first: z.int() }),
    events: { number: z.object({ n: z.int() }) },
    errors: [],
  },
});

const secret = (name: string) => `p2pos_${name.padEnd(43, '0')}`;
const NOBODY = { headers: {} };

/** `admit` is asked first of every token. */
function createTenants(admit: (app: string) => Promise<void> = async () => {}): Tenants {
  return {
    async admit(guess) {
      const app = ['shop', 'other'].find((name) => secret(name) === guess);
      if (!app) return undefined;
      await admit(app);
      return { app, token: { id: app, grants: ['kv:*'] }, charge: async () => undefined };
    },
    check: async () => {},
    note: async () => {},
  };
}

/** Streams that go on until they are given up. */
function createEndless() {
  const told = { ended: 0 };
  const handlers: StreamHandlers<typeof streams> = {
    count: async (_, { signal }) => ({
      opened: { first: 0 },
      events: (async function* () {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told.ended++;
      })(),
    }),
  };
  return { told, streams: bindStreams(streams, handlers) };
}

describe('the caller of a socket', () => {
  it('is the only one while anything of it goes on: another token ends the socket', async () => {
    const { told, streams: endless } = createEndless();
    await using door = await createTestDoor({ tenants: createTenants(), streams: endless });
    await using client = await openClient(door, NOBODY);
    client.send({ op: 'auth', token: secret('shop') });
    client.send({ op: 'subscribe', id: 1, kind: 'count' });
    await client.frame({ id: 1, type: 'open' });
    client.send({ op: 'auth', token: secret('other') });
    assert.equal(await client.closed, 4_400);
    assert.equal(client.frames.at(-1)?.['code'], 'BAD_REQUEST');
    assert.equal(told.ended, 1);
  });

  it('may be another when nothing goes on, and the one before does not come back', async () => {
    const clock = createManualClock();
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const tenants = createTenants(async (app) => {
      if (app === 'shop' && ++asked > 1) await gate.promise;
    });
    await using door = await createTestDoor({
      clock,
      tenants,
      kv: {
        get: async (_, { app }) => ({ body: new TextEncoder().encode(app), version: `${'0'.repeat(16)}-a` }),
      },
    });
    await using client = await openClient(door, NOBODY);
    client.send({ op: 'auth', token: secret('shop') });
    await client.frame({ type: 'ready', app: 'shop' });
    await clock.advance(1_000);
    await eventually(() => asked === 2);
    client.send({ op: 'auth', token: secret('other') });
    await client.frame({ type: 'ready', app: 'other' });
    gate.resolve();
    client.send({ op: 'call', id: 1, method: 'kv.get', input: { key: 'a' } });
    const { output } = await client.frame({ id: 1, type: 'result' });
    assert.equal((output as { body: { $blob: string } }).body.$blob, Buffer.from('other').toString('base64'));
  });

  it('ends with the session of its page', async () => {
    const clock = createManualClock();
    const { told, streams: endless } = createEndless();
    await using door = await createTestDoor({
      clock,
      streams: endless,
      config: { limits: { sessionTtlMs: 60_000 } },
    });
    const link = await fetch(`${door.url}/v1/session/link`, {
      method: 'POST',
      headers: { authorization: `Bearer ${door.token}` },
    });
    const { headers } = await fetch(((await link.json()) as { url: string }).url);
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
    await using client = await openClient(door, { headers: { cookie, origin: door.url } });
    client.send({ op: 'subscribe', id: 1, kind: 'count' });
    await client.frame({ id: 1, type: 'open' });
    await clock.advance(30_000);
    client.send({ op: 'ping' });
    await client.frame({ type: 'pong' });
    await clock.advance(29_000);
    assert.equal(told.ended, 0);
    await clock.advance(2_000);
    await eventually(() => told.ended === 1);
    assert.equal(await client.closed, 4_401);
    assert.equal(client.frames.at(-1)?.['code'], 'AUTH_REQUIRED');
  });

  it('what is opened after its subscriber has gone is let go', async () => {
    const gate = Promise.withResolvers<void>();
    const told = { opened: 0, ended: 0 };
    const handlers: StreamHandlers<typeof streams> = {
      async count() {
        await gate.promise;
        told.opened++;
        // As one that has begun before it is handed over.
        const events = (async function* () {
          try {
            yield { type: 'number' as const, n: 0 };
            yield { type: 'number' as const, n: 1 };
          } finally {
            told.ended++;
          }
        })();
        await events.next();
        return { opened: { first: 0 }, events };
      },
    };
    await using door = await createTestDoor({ streams: bindStreams(streams, handlers) });
    await using client = await openClient(door);
    client.send({ op: 'subscribe', id: 1, kind: 'count' });
    client.send({ op: 'unsubscribe', id: 1 });
    await client.frame({ id: 1, type: 'end' });
    await using other = await openClient(door);
    other.send({ op: 'subscribe', id: 1, kind: 'count' });
    other.send({ op: 'ping' });
    await other.frame({ type: 'pong' });
    await other[Symbol.asyncDispose]();
    gate.resolve();
    await eventually(() => told.opened === 2 && told.ended === 2);
  });
});
