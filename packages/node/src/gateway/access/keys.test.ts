/** Keys in paths and prefixes in queries: every character literal, decoded exactly once. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createTestDoor, type TestDoor } from '../../testing/http-door.ts';
import { exchangeRaw, rawRequest } from '../../testing/raw-http.ts';

describe('keys', () => {
  let door: TestDoor;
  const asked: string[] = [];
  before(async () => {
    door = await createTestDoor({
      kv: {
        async head({ key }) {
          asked.push(key);
          return { version: '1', size: 0 };
        },
      },
    });
  });
  after(() => door[Symbol.asyncDispose]());

  /** The key that the handler gets for a path, or the code of its refusal. */
  async function seen(path: string): Promise<string | undefined> {
    const answer = await exchangeRaw(
      door.port,
      rawRequest(`HEAD ${path}`, { authorization: `Bearer ${door.token}` }),
    );
    return answer.status === 200 ? asked.pop() : answer.headers['x-p2pos-error'];
  }

  const cases: readonly (readonly [string, string])[] = [
    ['/v1/kv/a', 'a'],
    ['/v1/kv/a/b', 'a/b'],
    ['/v1/kv/a%2Fb', 'a/b'],
    ['/v1/kv//', '/'],
    ['/v1/kv/a//b/', 'a//b/'],
    ['/v1/kv/..', '..'],
    ['/v1/kv/a/../b', 'a/../b'],
    ['/v1/kv/%252F', '%2F'],
    ['/v1/kv/%25', '%'],
    ['/v1/kv/a+b', 'a+b'],
    ['/v1/kv/a%20b', 'a b'],
    ['/v1/kv/a:b*c;d=e', 'a:b*c;d=e'],
    ['/v1/kv/%00%01', '\0\u0001'],
    ['/v1/kv/%3F%23', '?#'],
    ['/v1/kv/k%C3%BC', 'kü'],
    ['/v1/kv/k\u00c3\u00bc', 'KV_KEY_INVALID'],
    ['/v1/kv/%EF%BB%BFa', '\ufeffa'],
    ['/v1/k%76/a', 'a'],
    [`/v1/kv/${'k'.repeat(512)}`, 'k'.repeat(512)],
    [`/v1/kv/${'%C3%BC'.repeat(256)}`, 'ü'.repeat(256)],
    ['/v1/kv/', 'KV_KEY_INVALID'],
    [`/v1/kv/${'k'.repeat(513)}`, 'KV_KEY_INVALID'],
    [`/v1/kv/${'%C3%BC'.repeat(257)}`, 'KV_KEY_INVALID'],
    ['/v1/kv/%', 'KV_KEY_INVALID'],
    ['/v1/kv/%zz', 'KV_KEY_INVALID'],
    ['/v1/kv/%C3', 'KV_KEY_INVALID'],
    ['/v1/kv/%ED%A0%80', 'KV_KEY_INVALID'],
    ['/v1/kv/%C0%AF', 'KV_KEY_INVALID'],
    ['/v1/kv/\u00c3', 'KV_KEY_INVALID'],
    [`/v1/kv/${'k'.repeat(9_000)}`, 'URL_TOO_LONG'],
  ];
  for (const [path, expected] of cases) {
    it(`${path.slice(0, 40)} is ${JSON.stringify(expected.slice(0, 40))}`, async () => {
      assert.equal(await seen(path), expected);
    });
  }

  it('any text of up to 512 bytes comes through as it is', async () => {
    const keys = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 80 })
      .filter((key) => key.isWellFormed() && !/^\.\.?$/.test(key));
    await fc.assert(
      fc.asyncProperty(keys, async (key) =>
        assert.equal(await seen(`/v1/kv/${encodeURIComponent(key)}`), key),
      ),
      { numRuns: 50 },
    );
  });

  it('T13: % and _ in a prefix are literal', async () => {
    const headers = { authorization: `Bearer ${door.token}` };
    for (const key of ['50%', '500', 'a_b', 'axb', 'a b', 'a+b']) {
      await fetch(`${door.url}/v1/kv/${encodeURIComponent(key)}`, { method: 'PUT', headers, body: '1' });
    }
    const list = async (query: string) =>
      ((await (await fetch(`${door.url}/v1/kv?${query}`, { headers })).json()) as { readonly keys: string[] })
        .keys;
    assert.deepEqual(await list('prefix=50%25'), ['50%']);
    assert.deepEqual(await list('prefix=a_'), ['a_b']);
    assert.deepEqual(await list('prefix=a%2B'), ['a+b']);
    assert.deepEqual(await list('prefix=a+'), ['a b']);
    assert.equal((await list('prefix=')).length, 6);
  });

  it('T14: an app is a namespace of its own, whatever keys its clients choose', async () => {
    const as = (app: string) => ({ authorization: `Bearer ${door.token}`, 'x-p2pos-app': app });
    await fetch(`${door.url}/v1/kv/secret`, { method: 'PUT', headers: as('shop'), body: '1' });
    for (const key of ['secret', 'shop/kv/secret', '../../shop/kv/secret', '../shop/kv/secret']) {
      const answer = await fetch(`${door.url}/v1/kv/${encodeURIComponent(key)}`, { headers: as('default') });
      assert.equal(answer.status, 404, key);
    }
    for (const app of ['default/kv/shop', '../shop', 'shop/', 'Shop', '', '-', 'a'.repeat(64)]) {
      const answer = await fetch(`${door.url}/v1/kv/secret`, { headers: as(app) });
      assert.equal(answer.status, 400, app);
    }
    assert.equal((await fetch(`${door.url}/v1/kv/secret`, { headers: as('shop') })).status, 200);
  });
});
