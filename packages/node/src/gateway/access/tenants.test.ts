/** The isolation walk (T14): every operation and stream × every way in which a token may be wrong, from the contract itself. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  contract,
  operationIdOf,
  P2posError,
  type Route,
  routeFields,
  SOCKET_JSON,
  streams,
  TENANT_CAPABILITIES,
} from '@p2pos/protocol';
import { WebSocket } from 'ws';
import { wireSample } from '../../testing/contract-samples.ts';
import { createTestDoor } from '../../testing/http-door.ts';
import type { Tenants } from '../index.ts';

const secret = (name: string) => `p2pos_${name.padEnd(43, '0')}`;
const everything = TENANT_CAPABILITIES.map((capability) => `${capability}:*`);

interface FakeToken {
  readonly app: string;
  readonly grants: readonly string[];
  readonly fails?: P2posError;
}

function fakeTenants(tokens: Readonly<Record<string, FakeToken>>) {
  const notes: Parameters<Tenants['note']>[0][] = [];
  const charged: string[] = [];
  let overQuota = false;
  const tenants: Tenants = {
    async admit(guess) {
      const found = Object.entries(tokens).find(([name]) => secret(name) === guess);
      if (!found) return undefined;
      const [id, { app, grants, fails }] = found;
      if (fails) throw fails;
      return {
        app,
        token: { id, grants },
        async charge(cost) {
          if (overQuota)
            throw new P2posError('QUOTA_EXCEEDED', { app, quota: 'requests', limit: 5, retryAfterMs: 1_500 });
          charged.push(`${app} ${JSON.stringify(cost)}`);
          return { limit: 5, remaining: 4, resetMs: 200 };
        },
      };
    },
    async check(app) {
      if (app !== 'shop') throw new P2posError('APP_NOT_FOUND', { app });
    },
    note: async (entry) => void notes.push(entry),
  };
  return { tenants, notes, charged, exceed: () => (overQuota = true) };
}

const TOKENS: Readonly<Record<string, FakeToken>> = {
  all: { app: 'shop', grants: everything },
  none: { app: 'shop', grants: ['kv:nothing'] },
  prefixed: { app: 'shop', grants: everything.map((grant) => `${grant}@mine`) },
  expired: {
    app: 'shop',
    grants: everything,
    fails: new P2posError('TOKEN_EXPIRED', { app: 'shop', expiredAt: '2026-01-01T00:00:00Z' }),
  },
  suspended: { app: 'shop', grants: everything, fails: new P2posError('APP_SUSPENDED', { app: 'shop' }) },
  stale: {
    app: 'shop',
    grants: everything,
    fails: new P2posError('AUTH_STALE', { app: 'shop', boundMs: 60_000 }),
  },
};

/** By the name of the input; the others get what their schema takes. */
const SAMPLES: Readonly<Record<string, string>> = {
  key: 'yours/1',
  prefix: 'yours',
  topic: 'yours.news',
  database: 'yours',
  namespace: 'yours',
};

function targetOf(route: Route, samples = SAMPLES): string {
  const fields = routeFields(route);
  const value = ({ name, schema }: (typeof fields)[0]) => String(wireSample(schema, samples[name]));
  const path = route.path.replace(/\{(\w+)\+?\}/g, (_, name: string) => {
    const field = fields.find((one) => one.place === 'path' && one.name === name);
    assert.ok(field);
    return encodeURIComponent(value(field));
  });
  const query = fields
    .filter(({ place }) => place === 'query')
    .filter(({ name, schema }) => !schema.safeParse(undefined).success || name === route.subject)
    .map((field) => [field.wireName, value(field)]);
  return `${path}${query.length > 0 ? `?${new URLSearchParams(query)}` : ''}`;
}

const routes = Object.values(contract)
  .flatMap((group) => Object.values<Route>(group))
  .filter((route) => !route.path.startsWith('/v1/dev'));

const isTenants = ({ grant }: Route) =>
  (TENANT_CAPABILITIES as readonly string[]).includes(grant.split(':')[0] ?? '');
const isOpen = ({ grant }: Route) => grant === 'none' || grant === 'loopback';

/** What each wrong token is answered, whatever the route. */
const EXPECTED: Readonly<Record<string, (route: Route) => string | undefined>> = {
  'no token': (route) => (isOpen(route) ? undefined : 'AUTH_REQUIRED'),
  unknown: (route) => (route.grant === 'none' || route.grant === 'loopback' ? undefined : 'AUTH_REQUIRED'),
  expired: (route) => (route.grant === 'none' ? undefined : 'TOKEN_EXPIRED'),
  suspended: (route) => (route.grant === 'none' ? undefined : 'APP_SUSPENDED'),
  stale: (route) => (route.grant === 'none' ? undefined : 'AUTH_STALE'),
  'wrong app': (route) => (route.grant === 'none' ? undefined : 'GRANT_MISSING'),
  none: (route) => (isOpen(route) || route.grant === 'token' ? undefined : 'GRANT_MISSING'),
  prefixed: (route) => (isOpen(route) || route.grant === 'token' ? undefined : 'GRANT_MISSING'),
  all: (route) =>
    isOpen(route) || route.grant === 'token' || isTenants(route) ? undefined : 'GRANT_MISSING',
};

describe('T14: the isolation walk', () => {
  for (const [kind, expected] of Object.entries(EXPECTED))
    test(`every operation, ${kind}`, async () => {
      const { tenants } = fakeTenants(TOKENS);
      await using door = await createTestDoor({ tenants });
      for (const route of routes) {
        const headers: Record<string, string> = {};
        if (kind === 'wrong app') {
          headers['authorization'] = `Bearer ${secret('all')}`;
          headers['x-p2pos-app'] = 'other';
        } else if (kind !== 'no token') headers['authorization'] = `Bearer ${secret(kind)}`;
        const { body } = route;
        if (body?.kind === 'json') headers['content-type'] = 'application/json';
        const response = await fetch(`${door.url}${targetOf(route)}`, {
          method: route.method,
          headers,
          ...(body && { body: sampleBody(route) }),
        });
        await response.arrayBuffer();
        const code = response.headers.get('x-p2pos-error') ?? undefined;
        const wanted = expected(route);
        const name = `${kind}: ${operationIdOf(route)} (${route.method} ${route.path})`;
        if (wanted !== undefined) assert.equal(code, wanted, name);
        else
          assert.ok(
            !['AUTH_REQUIRED', 'GRANT_MISSING', 'BAD_REQUEST'].includes(code ?? ''),
            `${name}: ${code}`,
          );
      }
    });

  test('within the prefix of its grant a token may do what it may', async () => {
    const { tenants } = fakeTenants(TOKENS);
    await using door = await createTestDoor({ tenants });
    const samples = {
      ...SAMPLES,
      key: 'mine/1',
      prefix: 'mine',
      topic: 'mine.news',
      database: 'mine',
      namespace: 'mine',
    };
    for (const route of routes.filter((one) => isTenants(one) && one.subject !== undefined)) {
      const headers: Record<string, string> = { authorization: `Bearer ${secret('prefixed')}` };
      if (route.body?.kind === 'json') headers['content-type'] = 'application/json';
      const response = await fetch(`${door.url}${targetOf(route, samples)}`, {
        method: route.method,
        headers,
        ...(route.body && { body: sampleBody(route) }),
      });
      await response.arrayBuffer();
      assert.notEqual(
        response.headers.get('x-p2pos-error'),
        'GRANT_MISSING',
        `${route.method} ${route.path}`,
      );
    }
  });

  test('every operation and stream of tenants says which name a prefix is compared with, or is meant for all', () => {
    const meantForAll = ['pubsub.topics', 'sql.list'];
    const found = [
      ...routes.map((route) => ({ id: operationIdOf(route) ?? '', route })),
      ...Object.entries(streams).map(([id, stream]) => ({ id, route: stream })),
    ].filter(({ route }) => isTenants(route as Route) && route.subject === undefined);
    assert.deepEqual(
      found.map(({ id }) => id),
      meantForAll,
    );
  });
});

test('a stream is opened within the prefix of the grant only, and ends with its token', async () => {
  const tokens: Record<string, FakeToken> = { ...TOKENS };
  const { tenants } = fakeTenants(tokens);
  await using door = await createTestDoor({
    tenants,
    streams: [
      {
        kind: 'kv',
        stream: streams.kv,
        open: async (_, { signal }) => ({
          opened: { token: null },
          events: (async function* () {
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          })(),
        }),
      },
    ],
  });
  const socket = new WebSocket(`${door.url.replace('http', 'ws')}/v1/ws`, SOCKET_JSON);
  const frames: { type: string; code?: string; id?: number }[] = [];
  const wakes: (() => void)[] = [];
  socket.on('message', (data) => {
    const parsed = JSON.parse(String(data));
    frames.push(...(Array.isArray(parsed) ? parsed : [parsed]));
    for (const wake of wakes.splice(0)) wake();
  });
  const next = async () => {
    while (frames.length === 0) await new Promise<void>((resolve) => wakes.push(resolve));
    return frames.shift() as (typeof frames)[0];
  };
  await new Promise((resolve) => socket.once('open', resolve));
  // In one go: what follows the token waits for its check.
  socket.send(JSON.stringify({ op: 'auth', token: secret('prefixed') }));
  socket.send(JSON.stringify({ op: 'subscribe', id: 1, kind: 'kv', prefix: 'yours' }));
  socket.send(JSON.stringify({ op: 'subscribe', id: 2, kind: 'kv', prefix: 'mine/' }));
  socket.send(JSON.stringify({ op: 'call', id: 3, method: 'kv.get', input: { key: 'yours' } }));
  assert.equal((await next()).type, 'ready');
  const answers = [await next(), await next(), await next()];
  const codes = Object.fromEntries(answers.map(({ id, type, code }) => [id, code ?? type]));
  assert.deepEqual(codes, { 1: 'GRANT_MISSING', 2: 'open', 3: 'GRANT_MISSING' });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  delete tokens['prefixed'];
  assert.equal(await closed, 4_401);
});

test('a call takes from the quota and says what is left; over it the answer says when to come back', async () => {
  const { tenants, charged, exceed } = fakeTenants(TOKENS);
  await using door = await createTestDoor({ tenants });
  const headers = { authorization: `Bearer ${secret('all')}` };
  const put = () => fetch(`${door.url}/v1/kv/a`, { method: 'PUT', body: 'x', headers });
  const response = await put();
  assert.equal(response.status, 200);
  assert.deepEqual(
    ['limit', 'remaining', 'reset'].map((name) => response.headers.get(`ratelimit-${name}`)),
    ['5', '4', '1'],
  );
  // A durable message is both.
  await fetch(`${door.url}/v1/pubsub/append?topic=a`, { method: 'POST', body: 'x', headers });
  await fetch(`${door.url}/v1/pubsub/publish?topic=a`, { method: 'POST', body: 'x', headers });
  assert.deepEqual(charged, [
    'shop {"messages":0,"stores":true}',
    'shop {"messages":1,"stores":true}',
    'shop {"messages":1,"stores":false}',
  ]);
  exceed();
  const refused = await put();
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.equal(((await refused.json()) as { code: string }).code, 'QUOTA_EXCEEDED');
});

test('what only sometimes stores something asks the quota by itself, and costs no request more', async () => {
  const { tenants, charged } = fakeTenants(TOKENS);
  await using door = await createTestDoor({
    tenants,
    kv: {
      async unlock(_, context) {
        await context.mayStore?.();
        return { released: true };
      },
    },
  });
  const unlock = (token: string) =>
    fetch(`${door.url}/v1/kv-locks/a?holder=me&token=1`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
  assert.equal((await unlock(secret('all'))).status, 200);
  assert.deepEqual(charged, [
    'shop {"messages":0,"stores":false}',
    'shop {"requests":0,"messages":0,"stores":true}',
  ]);
  assert.equal((await unlock(door.token)).status, 200);
});

test('administrative calls are noted with who made them and how they ended, those of tenants not', async () => {
  const { tenants, notes } = fakeTenants({ ...TOKENS, ops: { app: 'default', grants: ['apps:*'] } });
  await using door = await createTestDoor({ tenants });
  const call = (method: string, path: string, token: string, body?: string) =>
    fetch(`${door.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body }),
    });
  await call('PUT', '/v1/apps/shop', door.token, '{}');
  await call('DELETE', '/v1/apps/shop/tokens/0123456789abcdef', secret('ops'));
  await call('GET', '/v1/apps', secret('ops'));
  await fetch(`${door.url}/v1/kv/a`, {
    method: 'PUT',
    body: 'x',
    headers: { authorization: `Bearer ${secret('all')}` },
  });
  assert.deepEqual(notes, [
    { actor: 'operator', app: 'default', operation: 'apps.put', target: 'shop', outcome: 'ok' },
    {
      actor: 'ops',
      app: 'default',
      operation: 'apps.revokeToken',
      target: 'shop 0123456789abcdef',
      outcome: 'ok',
    },
  ]);
});

test('the operator acts in an app that there is, and in no other', async () => {
  const { tenants } = fakeTenants(TOKENS);
  await using door = await createTestDoor({ tenants });
  const get = (app: string) =>
    fetch(`${door.url}/v1/kv?prefix=`, {
      headers: { authorization: `Bearer ${door.token}`, 'x-p2pos-app': app },
    });
  assert.equal((await get('shop')).status, 200);
  const refused = await get('shpo');
  assert.deepEqual([refused.status, refused.headers.get('x-p2pos-error')], [404, 'APP_NOT_FOUND']);
});

function sampleBody({ body }: Route): string {
  return body?.kind === 'json' ? JSON.stringify(wireSample(body.schema)) : 'x';
}
