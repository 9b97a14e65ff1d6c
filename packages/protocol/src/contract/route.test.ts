import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { contract } from './contract.ts';
import { refuseField } from './refusal.ts';
import {
  bytes,
  bytesBody,
  defineRoutes,
  empty,
  header,
  json,
  pathParams,
  type Route,
  type RouteHandlers,
  type RouteInput,
  routeFields,
} from './route.ts';
import { integer } from './values.ts';

const sound = {
  summary: 'Reads.',
  method: 'GET',
  path: '/v1/a/{x}/{y+}',
  grant: 'a:read',
  params: { x: z.string(), y: z.string() },
  query: { limit: integer(1, 10).optional() },
  headers: { level: header('x-level', z.enum(['one', 'two'])) },
  output: json(z.object({ n: z.int() })),
  errors: [],
  invalid: { y: 'KV_KEY_INVALID' },
} as const satisfies Route;

describe('routes', () => {
  it('the example of the module works', async () => {
    const clock = defineRoutes({
      read: {
        summary: 'The time in a zone.',
        method: 'GET',
        path: '/v1/clock/{zone}',
        grant: 'clock:read',
        params: { zone: z.string() },
        query: { offset: integer(0, 60).optional() },
        output: json(z.object({ time: z.string() })),
        errors: ['BAD_REQUEST'],
      },
    });
    const handlers: RouteHandlers<typeof clock> = {
      read: async ({ zone, offset }) => ({ time: `${zone} ${offset}` }),
    };
    const context = { app: 'a', grants: [], requestId: '', signal: new AbortController().signal };
    assert.deepEqual(await handlers.read({ zone: 'utc', offset: 1 }, context), { time: 'utc 1' });
  });

  it('types hold handlers and callers to the contract', () => {
    const input: RouteInput<typeof sound> = { x: '1', y: '2', level: 'one' };
    // @ts-expect-error level is missing
    const lacking: RouteInput<typeof sound> = { x: '1', y: '2' };
    // @ts-expect-error a number, not text
    const text: RouteInput<typeof sound> = { x: '1', y: '2', level: 'one', limit: '1' };
    // @ts-expect-error an operation is missing
    const handlers: RouteHandlers<{ readonly a: typeof sound }> = {};
    assert.ok(input && lacking && text && handlers);
  });

  it('list their fields with places and names on the wire', () => {
    assert.deepEqual(
      routeFields(sound).map(({ name, place, wireName }) => `${place} ${name} ${wireName}`),
      ['path x x', 'path y y', 'query limit limit', 'header level x-level'],
    );
    assert.deepEqual(pathParams('/a/{b}/{c+}'), ['b', 'c']);
  });

  const body = bytesBody(1);
  const wrong: readonly (readonly [string, Partial<Route>])[] = [
    ['params differ from the path', { path: '/v1/a/{x}' }],
    ['params differ from the path', { path: '/v1/a/{x}/{z+}' }],
    ['only for the end', { path: '/v1/a/{y+}/{x}' }],
    ['share one name', { query: { x: z.string() } }],
    ['share one name', { method: 'PUT', body, query: { body: z.string() } }],
    ['carry no body', { body }],
    ['answers empty', { output: empty() }],
    ['answers empty', { method: 'HEAD', output: bytes('a/b') }],
    ['no input z', { invalid: { z: 'BAD_REQUEST' } }],
  ];
  for (const [reason, change] of wrong) {
    it(`are refused when loaded: ${reason} ${JSON.stringify(Object.keys(change))}`, () => {
      assert.throws(
        () => defineRoutes({ a: { ...sound, ...change } as Route }),
        new RegExp(`route a .*${reason}`),
      );
    });
  }

  it('refuse a field by the code they name for it', () => {
    const [x, y] = routeFields(sound);
    assert.ok(x && y);
    assert.equal(refuseField(sound, y, 'it is bad').code, 'KV_KEY_INVALID');
    assert.equal(refuseField(sound, x, 'it is bad').message, 'The path segment x is refused: it is bad.');
  });

  it('of the whole contract never meet on one method and path', () => {
    const all = Object.values(contract).flatMap((routes) => Object.values<Route>(routes));
    const forms = all.map(({ method, path }) => `${method} ${path.replace(/\{\w+\+?\}/g, '{}')}`);
    assert.equal(new Set(forms).size, forms.length);
  });
});
