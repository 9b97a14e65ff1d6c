/** That a refusal is the same at every door, and comes in the same order: one table, asked over HTTP, a socket and the peer network. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  contract,
  operationIdOf,
  P2posError,
  type Route,
  routeFields,
  SOCKET_JSON,
  TENANT_CAPABILITIES,
} from '@p2pos/protocol';
import { CLIENT, createRpc } from '@p2pos/protocol/rpc';
import { WebSocket } from 'ws';
import { createSystemClock } from '../core/clock/index.ts';
import { silentLogger } from '../core/log/index.ts';
import { wireSample } from '../testing/contract-samples.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestDoor, type TestDoorOptions } from '../testing/http-door.ts';
import { createMemoryHub } from '../testing/memory-net.ts';
import type { Tenants } from './index.ts';

type Input = Readonly<Record<string, unknown>>;
interface Question {
  readonly route: Route;
  readonly token: string | undefined;
  readonly input: Input;
}
/** Answers the code of the refusal, or `ok`. */
type Ask = (question: Question) => Promise<string>;

const DOORS = ['http', 'socket', 'peer'] as const;
const secret = (name: string) => `p2pos_${name.padEnd(43, '0')}`;
const everything = TENANT_CAPABILITIES.map((capability) => `${capability}:*`);
const GRANTS: Readonly<Record<string, readonly string[]>> = {
  all: everything,
  nothing: ['kv:nothing'],
  prefixed: everything.map((grant) => `${grant}@mine`),
};

async function openDoors({ isSpent = false, ...options }: TestDoorOptions & { isSpent?: boolean } = {}) {
  await using stack = new AsyncDisposableStack();
  const clock = createSystemClock();
  const hub = createMemoryHub({ clock });
  const [page, node] = [hub.join('page'), hub.join('node')];
  await page.start();
  await node.start();
  await page.dial([hub.addressOf('node')], { signal: new AbortController().signal });
  const rpc = createRpc({ net: page, clock, log: silentLogger });
  const charged: string[] = [];
  const tenants: Tenants = {
    async admit(guess) {
      if (guess === secret('expired'))
        throw new P2posError('TOKEN_EXPIRED', { app: 'shop', expiredAt: '2026-01-01T00:00:00Z' });
      const found = Object.entries(GRANTS).find(([name]) => secret(name) === guess);
      return (
        found && { app: 'shop', token: { id: found[0], grants: found[1] }, charge: async () => charge() }
      );
    },
    check: async () => {},
    note: async () => {},
  };
  function charge() {
    if (isSpent)
      throw new P2posError('QUOTA_EXCEEDED', { app: 'shop', quota: 'requests', limit: 5, retryAfterMs: 1 });
    charged.push('call');
    return undefined;
  }
  const peers = {
    rpc: createRpc({ net: node, clock, log: silentLogger }),
    isGateway: () => true,
    isMember: () => true,
  };
  const door = stack.use(await createTestDoor({ tenants, peers, ...options }));
  const owned = stack.move();

  const asks: Readonly<Record<(typeof DOORS)[number], Ask>> = {
    async http({ route, token, input }) {
      const response = await fetch(`${door.url}${targetOf(route, input)}`, {
        method: route.method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(route.body?.kind === 'json' && { 'content-type': 'application/json' }),
        },
        ...(route.body && { body: bodyOf(route, input) }),
      });
      await response.arrayBuffer();
      return response.headers.get('x-p2pos-error') ?? 'ok';
    },
    async socket({ route, token, input }) {
      const socket = new WebSocket(`${door.url.replace('http', 'ws')}/v1/ws`, SOCKET_JSON);
      try {
        return await new Promise<string>((resolve, reject) => {
          socket.on('error', reject);
          socket.on('open', () => {
            if (token !== undefined) socket.send(JSON.stringify({ op: 'auth', token }));
            socket.send(JSON.stringify({ op: 'call', id: 1, method: operationIdOf(route), input }));
          });
          socket.on('message', (data) => {
            const { type, code } = JSON.parse(String(data)) as { type: string; code?: string };
            if (type !== 'ready') resolve(code ?? 'ok');
          });
        });
      } finally {
        socket.terminate();
      }
    },
    async peer({ route, token, input }) {
      const asked = { method: operationIdOf(route) as string, input, ...(token !== undefined && { token }) };
      const answer = rpc.call('node', CLIENT, 'call', asked, { timeoutMs: 60_000 });
      return await answer.then(
        () => 'ok',
        (error) => (error as P2posError).code,
      );
    },
  };
  const codesOf = async (question: Question) =>
    Object.fromEntries(
      await Promise.all(DOORS.map(async (name) => [name, await asks[name](question)] as const)),
    );
  return { door, codesOf, charged, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const everywhere = (code: string) => Object.fromEntries(DOORS.map((name) => [name, code]));

function targetOf(route: Route, input: Input): string {
  const path = route.path.replace(/\{(\w+)\+?\}/g, (_, name: string) =>
    encodeURIComponent(String(input[name])),
  );
  const query = routeFields(route)
    .filter(({ place, name }) => place === 'query' && input[name] !== undefined)
    .map(({ wireName, name }) => [wireName, String(input[name])]);
  return `${path}${query.length > 0 ? `?${new URLSearchParams(query)}` : ''}`;
}

function bodyOf({ body }: Route, input: Input): string | Uint8Array<ArrayBuffer> {
  const { body: sent } = input;
  return body?.kind === 'json'
    ? JSON.stringify(sent)
    : Uint8Array.from(Buffer.from((sent as { readonly $blob: string }).$blob, 'base64'));
}

const TOO_LONG = 'k'.repeat(5_000);
const blob = (bytes: number) => ({ $blob: Buffer.alloc(bytes, 1).toString('base64') });

/** What the operation needs, named so that the prefix `mine` does not cover it. */
function sampleOf(route: Route): Input {
  const needed = routeFields(route).filter(
    ({ schema, name }) => name === route.subject || !schema.safeParse(undefined).success,
  );
  const input = Object.fromEntries(needed.map(({ name, schema }) => [name, wireSample(schema, 'yours')]));
  if (!route.body) return input;
  return { ...input, body: route.body.kind === 'json' ? wireSample(route.body.schema) : blob(1) };
}

/** What is served at every door to those who have a token. */
const routes = Object.entries(contract)
  .filter(([capability]) => capability !== 'dev' && capability !== 'session')
  .flatMap(([, group]) => Object.values<Route>(group))
  .filter(({ grant }) => grant !== 'none' && grant !== 'loopback');
const ofTenants = ({ grant }: Route) =>
  (TENANT_CAPABILITIES as readonly string[]).includes(grant.split(':')[0] ?? '');

describe('a refusal is the same at every door', () => {
  const walks: Readonly<Record<string, (route: Route) => string>> = {
    unknown: () => 'AUTH_REQUIRED',
    expired: () => 'TOKEN_EXPIRED',
    nothing: ({ grant }) => (grant === 'token' ? 'ok' : 'GRANT_MISSING'),
    prefixed: ({ grant }) => (grant === 'token' ? 'ok' : 'GRANT_MISSING'),
    all: (route) => (route.grant === 'token' || ofTenants(route) ? 'served' : 'GRANT_MISSING'),
  };
  for (const [token, expected] of Object.entries(walks))
    test(`for every operation with the token "${token}"`, async () => {
      await using doors = await openDoors();
      const walk = async (route: Route) => {
        const codes = await doors.codesOf({ route, token: secret(token), input: sampleOf(route) });
        const wanted = expected(route);
        const name = `${operationIdOf(route)} ${JSON.stringify(codes)}`;
        if (wanted === 'served') {
          // Some of the samples name what there is not.
          assert.equal(new Set(Object.values(codes)).size, 1, name);
          assert.ok(!['GRANT_MISSING', 'AUTH_REQUIRED'].includes(codes['http'] as string), name);
        } else assert.deepEqual(codes, everywhere(wanted), name);
      };
      // What is served may change what the next one finds.
      if (token === 'all') for (const route of routes) await walk(route);
      else await Promise.all(routes.map(walk));
    });

  test('for every operation without a token', async () => {
    await using doors = await openDoors();
    await Promise.all(
      routes.map(async (route) => {
        const codes = await doors.codesOf({ route, token: undefined, input: sampleOf(route) });
        assert.deepEqual(codes, everywhere('AUTH_REQUIRED'), operationIdOf(route));
      }),
    );
  });

  const { put, get } = contract.kv;
  const good = { route: put, token: secret('all'), input: { key: 'a', body: blob(1) } };
  const hang = () => new Promise<never>(() => {});
  const cases: Readonly<
    Record<
      string,
      [code: string, charged: boolean, question: Question, options?: Parameters<typeof openDoors>[0]]
    >
  > = {
    'what is well is done': ['ok', true, good],
    'a malformed input': ['KV_KEY_INVALID', true, { ...good, input: { ...good.input, key: TOO_LONG } }],
    'a field of the wrong form': ['BAD_REQUEST', true, { ...good, input: { ...good.input, ttlMs: 'soon' } }],
    'a body that is too large': [
      'KV_VALUE_TOO_LARGE',
      true,
      { ...good, input: { key: 'a', body: blob(65_537) } },
    ],
    'a name beyond the prefix of the grant': ['GRANT_MISSING', true, { ...good, token: secret('prefixed') }],
    'over the quota': ['QUOTA_EXCEEDED', false, good, { isSpent: true }],
    'over the quota, and malformed': [
      'QUOTA_EXCEEDED',
      false,
      { ...good, input: { ...good.input, key: TOO_LONG } },
      { isSpent: true },
    ],
    'no grant, and over the quota': [
      'GRANT_MISSING',
      false,
      { ...good, token: secret('nothing') },
      { isSpent: true },
    ],
    'no grant costs nothing': ['GRANT_MISSING', false, { ...good, token: secret('nothing') }],
    'no token, and malformed': [
      'AUTH_REQUIRED',
      false,
      { ...good, token: secret('unknown'), input: { ...good.input, key: TOO_LONG } },
    ],
    'a method that fails inside': [
      'INTERNAL',
      true,
      good,
      { kv: { put: () => Promise.reject(new Error('secret')) } },
    ],
    'a method that takes too long': [
      'TIMEOUT',
      true,
      good,
      { kv: { put: hang }, config: { limits: { requestTimeoutMs: 1 } } },
    ],
    'what is not there': ['KV_KEY_NOT_FOUND', true, { ...good, route: get, input: { key: 'none' } }],
  };
  for (const [name, [code, isCharged, question, options]] of Object.entries(cases))
    test(name, async () => {
      await using doors = await openDoors(options);
      assert.deepEqual(await doors.codesOf(question), everywhere(code));
      assert.equal(doors.charged.length, isCharged ? DOORS.length : 0);
    });

  test('a place comes after the quota and before the input, and one bound holds for all doors', async () => {
    for (const isSpent of [false, true]) {
      let asked = 0;
      const list = () => {
        asked++;
        return hang();
      };
      await using doors = await openDoors({ isSpent, kv: { list }, config: { limits: { maxInFlight: 1 } } });
      const end = new AbortController();
      const headers = { authorization: `Bearer ${doors.door.token}` };
      const holding = fetch(`${doors.door.url}/v1/kv`, { headers, signal: end.signal }).catch(() => {});
      await eventually(() => asked === 1);
      const malformed = { ...good, input: { ...good.input, key: TOO_LONG } };
      for (const question of [good, malformed])
        assert.deepEqual(
          await doors.codesOf(question),
          everywhere(isSpent ? 'QUOTA_EXCEEDED' : 'OVERLOADED'),
        );
      assert.equal(doors.charged.length, isSpent ? 0 : 2 * DOORS.length);
      end.abort();
      await holding;
    }
  });
});
