/** Whatever a client sends, the answer has our shape: {code, message, details, requestId}. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { defineRoutes, json, jsonBody, KvKey } from '@p2pos/protocol';
import { z } from 'zod';
import { createTestDoor, type TestDoor } from '../../testing/http-door.ts';
import { exchangeRaw, openSocket, type RawAnswer, rawRequest } from '../../testing/raw-http.ts';
import { bindRoutes } from '../index.ts';

const echoRoutes = defineRoutes({
  say: {
    summary: 'Says it again.',
    method: 'POST',
    path: '/v1/echo',
    grant: 'echo:say',
    body: jsonBody(z.strictObject({ text: z.string(), inner: z.object({ n: z.int() }).optional() }), 1_000),
    output: json(z.object({ text: z.string() })),
    errors: [],
  },
  break: {
    summary: 'Fails inside.',
    method: 'POST',
    path: '/v1/break/{way}',
    grant: 'echo:say',
    params: { way: KvKey },
    output: json(z.object({ text: z.string() })),
    errors: [],
  },
});

const echo = bindRoutes('echo', echoRoutes, {
  say: async ({ body }) => ({ text: body.text }),
  async break({ way }) {
    if (way === 'output') return { text: 1 as unknown as string };
    if (way === 'string') throw 'not even an error';
    throw new Error('secret path /home/me');
  },
});

function assertShape({ status, headers, body }: RawAnswer, code: string, expectedStatus: number): void {
  const error = JSON.parse(body);
  assert.deepEqual(Object.keys(error), ['code', 'message', 'details', 'requestId']);
  assert.equal(error.code, code);
  assert.equal(status, expectedStatus);
  assert.match(error.requestId, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(headers['x-request-id'], error.requestId);
  assert.equal(headers['x-p2pos-error'], code);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['cache-control'], 'no-store');
  assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/);
  assert.doesNotMatch(error.message, /\{\w+\}|node_modules|FST_|undefined/);
}

describe('refusals', () => {
  let door: TestDoor;
  before(async () => {
    door = await createTestDoor({ extra: [echo] });
  });
  after(() => door[Symbol.asyncDispose]());

  const auth = () => ({ authorization: `Bearer ${door.token}` });
  const ask = (line: string, headers: Record<string, string> = {}, body = '') =>
    exchangeRaw(
      door.port,
      rawRequest(line, { ...auth(), ...(body && { 'content-length': String(body.length) }), ...headers }) +
        body,
    );
  const say = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    ask('POST /v1/echo', headers, body);

  it('answers what is asked rightly', async () => {
    const answer = await say('{"text":"hi"}', { 'content-type': 'application/json; charset=UTF-8' });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, '{"text":"hi"}');
  });

  const cases: readonly (readonly [string, () => Promise<RawAnswer>, string, number])[] = [
    ['nothing there', () => ask('GET /nowhere'), 'ROUTE_NOT_FOUND', 404],
    [
      'nothing there, POST with a body',
      () => ask('POST /nowhere', {}, 'x'.repeat(10)),
      'ROUTE_NOT_FOUND',
      404,
    ],
    ['a path that begins like another', () => ask('GET /v1/healthy'), 'ROUTE_NOT_FOUND', 404],
    ['a slash too many', () => ask('GET /v1/health/'), 'ROUTE_NOT_FOUND', 404],
    ['another method', () => ask('PATCH /v1/kv/a'), 'METHOD_NOT_ALLOWED', 405],
    ['a preflight without origin', () => ask('OPTIONS /v1/kv/a'), 'METHOD_NOT_ALLOWED', 405],
    ['an unusual method', () => ask('PROPFIND /v1/kv/a'), 'METHOD_NOT_ALLOWED', 405],
    ['an unknown method', () => ask('BREW /v1/kv/a'), 'METHOD_NOT_ALLOWED', 405],
    ['no token', () => exchangeRaw(door.port, rawRequest('GET /v1/kv/a')), 'AUTH_REQUIRED', 401],
    [
      'a wrong token',
      () => ask('GET /v1/kv/a', { authorization: `Bearer p2pos_${'x'.repeat(43)}` }),
      'AUTH_REQUIRED',
      401,
    ],
    ['an empty token', () => ask('GET /v1/kv/a', { authorization: 'Bearer ' }), 'AUTH_REQUIRED', 401],
    ['another scheme', () => ask('GET /v1/kv/a', { authorization: 'Basic cDp4' }), 'AUTH_REQUIRED', 401],
    ['an unknown query parameter', () => ask('PUT /v1/kv/a?tll=60s', {}, 'x'), 'BAD_REQUEST', 400],
    ['a parameter twice', () => ask('PUT /v1/kv/a?ttl=60s&ttl=61s', {}, 'x'), 'BAD_REQUEST', 400],
    ['a broken escape in the query', () => ask('PUT /v1/kv/a?ttl=%zz', {}, 'x'), 'BAD_REQUEST', 400],
    ['a ttl without unit', () => ask('PUT /v1/kv/a?ttl=60', {}, 'x'), 'BAD_REQUEST', 400],
    ['a ttl of nothing', () => ask('PUT /v1/kv/a?ttl=0s', {}, 'x'), 'BAD_REQUEST', 400],
    ['a ttl beyond all bounds', () => ask('PUT /v1/kv/a?ttl=99999999d', {}, 'x'), 'BAD_REQUEST', 400],
    ['too many query parameters', () => ask(`GET /v1/kv?${'limit=1&'.repeat(100)}`), 'BAD_REQUEST', 400],
    ['a limit of no number', () => ask('GET /v1/kv?limit=ten'), 'BAD_REQUEST', 400],
    ['a limit too great', () => ask('GET /v1/kv?limit=1001'), 'BAD_REQUEST', 400],
    ['a prefix that is not UTF-8', () => ask('GET /v1/kv?prefix=%ff'), 'BAD_REQUEST', 400],
    ['a cursor made up', () => ask('GET /v1/kv?cursor=%20'), 'KV_CURSOR_INVALID', 400],
    [
      'a header out of range',
      () => ask('GET /v1/kv/a', { 'x-p2pos-consistency': 'most' }),
      'BAD_REQUEST',
      400,
    ],
    ['a value too large', () => ask('PUT /v1/kv/a', {}, 'x'.repeat(65_537)), 'KV_VALUE_TOO_LARGE', 413],
    [
      'a value far too large',
      () => ask('PUT /v1/kv/a', { 'content-length': '99999999999' }),
      'KV_VALUE_TOO_LARGE',
      413,
    ],
    ['a JSON body too large', () => say(JSON.stringify({ text: 'x'.repeat(1_000) })), 'BODY_TOO_LARGE', 413],
    ['a body where none belongs', () => ask('DELETE /v1/kv/a', {}, 'x'), 'BAD_REQUEST', 400],
    ['broken JSON', () => say('{"text":'), 'BAD_REQUEST', 400],
    ['no JSON at all', () => say(''), 'BAD_REQUEST', 400],
    ['JSON that is not UTF-8', () => say('{"text":"\u00ff"}'), 'BAD_REQUEST', 400],
    ['JSON of another form', () => say('{"text":1}'), 'BAD_REQUEST', 400],
    ['JSON with an unknown field', () => say('{"text":"a","more":1}'), 'BAD_REQUEST', 400],
    ['JSON deeper than any stack', () => say('['.repeat(900)), 'BAD_REQUEST', 400],
    ['a prototype in JSON', () => say('{"text":"a","__proto__":{"x":1}}'), 'BAD_REQUEST', 400],
    [
      'JSON under another type',
      () => say('{"text":"a"}', { 'content-type': 'text/plain' }),
      'MEDIA_TYPE_UNSUPPORTED',
      415,
    ],
    ['JSON under no type', () => say('{"text":"a"}', {}), 'MEDIA_TYPE_UNSUPPORTED', 415],
    [
      'a type that is none',
      () => say('{"text":"a"}', { 'content-type': ';;;' }),
      'MEDIA_TYPE_UNSUPPORTED',
      415,
    ],
    [
      'another charset',
      () => say('{"text":"a"}', { 'content-type': 'application/json; charset=utf-16' }),
      'MEDIA_TYPE_UNSUPPORTED',
      415,
    ],
    [
      'headers too large',
      () => ask('GET /v1/health', { 'x-long': 'x'.repeat(40_000) }),
      'HEADERS_TOO_LARGE',
      431,
    ],
    ['a URL beyond all bounds', () => ask(`GET /${'x'.repeat(40_000)}`), 'URL_TOO_LONG', 414],
    ['a long URL', () => ask(`GET /v1/kv?prefix=${'x'.repeat(8_200)}`), 'URL_TOO_LONG', 414],
    [
      'no host',
      () => exchangeRaw(door.port, 'GET /v1/health HTTP/1.1\r\nconnection: close\r\n\r\n'),
      'HOST_REFUSED',
      403,
    ],
    ['no HTTP', () => exchangeRaw(door.port, 'hello\r\n\r\n'), 'BAD_REQUEST', 400],
    [
      'a TLS hello',
      () => exchangeRaw(door.port, '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc'),
      'BAD_REQUEST',
      400,
    ],
    [
      'a length and chunks at once',
      () => ask('PUT /v1/kv/a', { 'content-length': '1', 'transfer-encoding': 'chunked' }, 'x'),
      'BAD_REQUEST',
      400,
    ],
    ['a failure inside', () => ask('POST /v1/break/error'), 'INTERNAL', 500],
    ['a failure that is no error', () => ask('POST /v1/break/string'), 'INTERNAL', 500],
    ['an answer against the contract', () => ask('POST /v1/break/output'), 'INTERNAL', 500],
  ];
  for (const [name, run, code, status] of cases) {
    it(`${name}: ${status} ${code}`, async () => assertShape(await run(), code, status));
  }

  it('says where and what, in words', async () => {
    const message = async (answer: Promise<RawAnswer>) => JSON.parse((await answer).body).message;
    assert.equal(
      await message(ask('PUT /v1/kv/a?tll=60s', {}, 'x')),
      'Unknown query parameter "tll". It takes ttl, explain, cas, receipt.',
    );
    assert.equal(
      await message(ask('GET /v1/kv?limit=0')),
      'The query parameter limit is refused: must be a whole number from 1 to 1000.',
    );
    assert.match(await message(say('{"text":"a","inner":{"n":"x"}}')), /^The body is refused: inner\.n: /);
    assert.match(
      await message(ask('PATCH /v1/kv/a')),
      /^\/v1\/kv\/a does not take PATCH, only PUT, GET, HEAD, DELETE\.$/,
    );
  });

  it('keeps what failed inside to the log, with the request id that the client saw', async () => {
    const known = door.errors.length;
    const { body } = await ask('POST /v1/break/error');
    assert.doesNotMatch(body, /secret/);
    const line = door.errors[known];
    assert.equal(line?.['requestId'], JSON.parse(body).requestId);
    assert.match(String(line?.['error']), /secret path/);
  });

  it('says how to authenticate, which methods there are, and when to come again', async () => {
    assert.match(
      (await exchangeRaw(door.port, rawRequest('GET /v1/kv'))).headers['www-authenticate'] ?? '',
      /^Bearer/,
    );
    assert.equal((await ask('POST /v1/health')).headers['allow'], 'GET, HEAD');
    assert.equal((await ask('BREW /')).headers['allow'], 'GET, HEAD, PUT, POST, DELETE');
  });

  it('takes a whole URL as target', async () => {
    const put = await ask('PUT http://127.0.0.1/v1/kv/whole%20url?explain=1', {}, 'x');
    assert.equal(JSON.parse(put.body).key, 'whole url');
  });

  it('answers HEAD wherever it answers GET, without a body', async () => {
    const answer = await ask('HEAD /v1/health');
    assert.equal(answer.status, 200);
    assert.equal(answer.body, '');
    assert.notEqual(answer.headers['content-length'], '0');
  });

  it('lets a client that sends too much see why', async () => {
    // Without reading on, the connection would be reset before the answer is read.
    const body = 'x'.repeat(12 * 1_024 * 1_024);
    for (let i = 0; i < 3; i++) {
      const answer = await ask('PUT /v1/kv/a', {}, body);
      assert.equal(answer.reset, false);
      assert.equal(answer.status, 413);
      assert.match(JSON.parse(answer.body).message, /65536 bytes.*object store/);
    }
  });

  it('counts the bytes of chunks, not what was declared', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const tooLong = await exchangeRaw(
      door.port,
      `${rawRequest('PUT /v1/kv/a', { ...auth(), 'transfer-encoding': 'chunked' })}${chunk}${chunk}0\r\n\r\n`,
    );
    assertShape(tooLong, 'KV_VALUE_TOO_LARGE', 413);
    const right = await exchangeRaw(
      door.port,
      `${rawRequest('PUT /v1/kv/a', { ...auth(), 'transfer-encoding': 'chunked' })}${chunk}0\r\n\r\n`,
    );
    assert.equal(right.status, 200);
  });

  it('T16: a write that no replica took is never answered 200', async () => {
    await using empty = await createTestDoor({
      kv: { put: async ({ key }) => ({ key, version: '1', replicas: [], durable: 0 }) },
    });
    const headers = { authorization: `Bearer ${empty.token}` };
    const answer = await fetch(`${empty.url}/v1/kv/a`, { method: 'PUT', headers, body: '1' });
    assert.equal(answer.status, 500);
  });

  it('does not stop for a client that goes away in the middle', async () => {
    for (const text of [
      rawRequest('PUT /v1/kv/a', { ...auth(), 'content-length': '100' }),
      `${rawRequest('PUT /v1/kv/a', { ...auth(), 'content-length': '100' })}half`,
      'GET /v1/hea',
      '',
    ]) {
      using raw = await openSocket(door.port);
      raw.socket.write(text);
      raw.socket.resetAndDestroy();
    }
    assert.equal((await fetch(`${door.url}/v1/health`)).status, 200);
  });
});
