import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kvRoutes, P2posError, type RouteHandlers } from '@p2pos/protocol';
import { CLIENT, createRpc } from '@p2pos/protocol/rpc';
import { silentLogger } from '../../core/log/index.ts';
import { createManualClock, drain } from '../../testing/manual-clock.ts';
import { createMemoryHub } from '../../testing/memory-net.ts';
import type { Caller } from '../access/caller.ts';
import { guardOperation } from '../access/guard.ts';
import { createAdmission } from '../calls/admission.ts';
import { createCalls } from '../calls/calls.ts';
import { createCatalogue } from '../calls/catalogue.ts';
import type { Observation } from '../calls/observation.ts';
import { bindRoutes } from '../service.ts';
import { createPeerDoor } from './peer-door.ts';

const TOKENS: Readonly<Record<string, Caller>> = {
  reader: { app: 'shop', grants: ['kv:read@mine/'] },
  operator: { app: 'default', grants: ['*'] },
};

interface Setting {
  readonly isGateway?: boolean;
  readonly isMember?: boolean;
  readonly get?: (key: string, signal: AbortSignal) => Promise<string>;
}

async function setUp({ isGateway = true, isMember = false, get = async () => 'hello' }: Setting = {}) {
  const clock = createManualClock();
  const hub = createMemoryHub({ clock });
  const [page, node] = [hub.join('page'), hub.join('node')];
  await page.start();
  await node.start();
  const { signal } = new AbortController();
  await page.dial([hub.addressOf('node')], { signal });
  const served = createRpc({ net: node, clock, log: silentLogger });
  const rpc = createRpc({ net: page, clock, log: silentLogger });
  const seen: Observation[] = [];
  let lookups = 0;
  const refuse = async () => {
    throw new P2posError('INTERNAL', { requestId: 'not made' });
  };
  const handlers = Object.fromEntries(Object.keys(kvRoutes).map((name) => [name, refuse]));
  const operations = bindRoutes('kv', kvRoutes, {
    ...(handlers as unknown as RouteHandlers<typeof kvRoutes>),
    get: async ({ key }: { key: string }, { signal: until }: { signal: AbortSignal }) => ({
      body: new TextEncoder().encode(await get(key, until)),
      version: 'v1',
    }),
  }).map((operation) => guardOperation(operation, undefined));
  const door = createPeerDoor(
    {
      peers: { rpc: served, isGateway: () => isGateway, isMember: () => isMember },
      clock,
      calls: createCalls({
        clock,
        log: silentLogger,
        admission: createAdmission({ maxInFlight: 4, maxBodyBytesInFlight: 1_024 }),
        observe: (one) => void seen.push(one),
        requestId: () => 'request',
      }),
      catalogue: createCatalogue(operations, []),
      async admitToken(token) {
        lookups++;
        const caller = TOKENS[token];
        if (!caller) throw new P2posError('AUTH_REQUIRED');
        return caller;
      },
    },
    { requestTimeoutMs: 1_000 },
  );
  const call = (token: string | undefined, key = 'mine/a', method = 'kv.get') =>
    rpc.call(
      'node',
      CLIENT,
      'call',
      { method, input: { key }, ...(token !== undefined && { token }) },
      { timeoutMs: 60_000 },
    );
  const codeOf = (asked: ReturnType<typeof call>) =>
    asked.then(
      () => 'ok',
      (error) => error.code as string,
    );
  return { clock, call, codeOf, seen, door, lookups: () => lookups };
}

test('a call is allowed by its token as at every other door', async () => {
  const { call, codeOf, seen } = await setUp();
  const { output } = await call('reader');
  assert.equal(new TextDecoder().decode((output as { body: Uint8Array }).body), 'hello');
  assert.equal(await codeOf(call('reader', 'yours/a')), 'GRANT_MISSING');
  assert.equal(await codeOf(call('reader', 'mine/a', 'kv.put')), 'GRANT_MISSING');
  assert.equal(await codeOf(call(undefined)), 'AUTH_REQUIRED');
  assert.equal(await codeOf(call('nobody')), 'AUTH_REQUIRED');
  assert.equal(await codeOf(call('operator', '')), 'KV_KEY_INVALID');
  assert.equal(await codeOf(call('operator', 'a', 'session.link')), 'METHOD_NOT_SERVED');
  assert.equal(await codeOf(call('operator', 'a', 'x'.repeat(60))), 'METHOD_NOT_SERVED');
  assert.deepEqual(
    seen.map(({ operation, status }) => `${operation} ${status}`),
    [
      'kv.get 200',
      'kv.get 403',
      'kv.put 403',
      'kv.get 401',
      'kv.get 401',
      'kv.get 400',
      'unmatched 404',
      'unmatched 404',
    ],
  );
});

test('a member that no snapshot makes a gateway serves no clients', async () => {
  const { codeOf, call, lookups } = await setUp({ isGateway: false });
  assert.equal(await codeOf(call('operator')), 'CLIENTS_NOT_SERVED');
  assert.equal(lookups(), 0);
});

test('T26: strangers share one allowance of wrong tokens, which those with a good one do not need', async () => {
  const { codeOf, call, lookups } = await setUp();
  assert.equal(await codeOf(call('operator')), 'ok');
  for (let i = 0; i < 100; i++) {
    assert.equal(await codeOf(call(`guess ${i}`)), 'AUTH_REQUIRED');
    if (i < 99) assert.equal(await codeOf(call('operator')), 'ok');
  }
  assert.equal(lookups(), 200);
  assert.equal(await codeOf(call('another guess')), 'OVERLOADED');
  assert.equal(lookups(), 200);
});

test('a handler that fails or hangs is answered, and what it does is told to stop', async () => {
  const signals: AbortSignal[] = [];
  const { codeOf, call, clock } = await setUp({
    async get(key, signal) {
      signals.push(signal);
      if (key === 'fails') throw new Error('secret');
      return new Promise(() => {});
    },
  });
  assert.equal(await codeOf(call('operator', 'fails')), 'INTERNAL');
  const hanging = codeOf(call('operator', 'hangs'));
  await drain();
  await clock.advance(1_000);
  assert.equal(await hanging, 'TIMEOUT');
  assert.equal(signals[1]?.aborted, true);
});
