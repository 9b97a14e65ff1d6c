/** Repeats, failover, deadlines and errors, with a network that the test plays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { membersRoutes, P2posError, sessionRoutes } from '@p2pos/protocol';
import { connect } from './connect.ts';
import { RemoteError } from './remote-error.ts';
import { createManualTiming } from './testing/manual-timing.ts';
import {
  broken,
  createClient,
  createNetwork,
  ok,
  RECEIPT,
  refuse,
  settle,
  silent,
} from './testing/played-network.ts';

describe('calls', () => {
  it('send what the contract says, once', async () => {
    const network = createNetwork(ok);
    const client = connect({ url: 'http://one/base/', token: 't', app: 'shop', fetch: network.fetch });
    await client.kv.put('a/ü', new Uint8Array([1]), { ttlMs: 60_000, idempotencyKey: 'mine' });
    const [sent] = network.sent;
    assert.equal(sent?.url, 'http://one/base/v1/kv/a%2F%C3%BC?ttl=1m');
    assert.equal(sent?.method, 'PUT');
    assert.equal(sent?.headers.get('authorization'), 'Bearer t');
    assert.equal(sent?.headers.get('x-p2pos-app'), 'shop');
    assert.equal(sent?.headers.get('idempotency-key'), 'mine');
    assert.equal(network.sent.length, 1);
  });

  it('refuse what no request can carry, before anything is sent', async () => {
    const network = createNetwork(ok);
    const { client } = createClient(network);
    for (const key of ['', '\ud800', '.', '..', undefined as never, 7 as never]) {
      await assert.rejects(client.kv.put(key, 'x'), { code: 'KV_KEY_INVALID' });
    }
    await assert.rejects(client.kv.put('a', 'x', { ttlMs: 0.5 }), { code: 'BAD_REQUEST' });
    assert.equal(network.sent.length, 0);
  });

  it('repeat a write under one idempotency key of their own, after growing waits', async () => {
    const network = createNetwork(broken(), refuse(503, 'RECORDS_QUORUM_LOST'), broken('ECONNRESET'), ok);
    const { client, timing } = createClient(network);
    const receipt = client.kv.put('a', 'x');
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      await settle();
      waits.push(await timing.next());
    }
    assert.deepEqual(await receipt, RECEIPT);
    assert.deepEqual(waits, [100, 200, 400]);
    const keys = new Set(network.sent.map(({ headers }) => headers.get('idempotency-key')));
    assert.equal(network.sent.length, 4);
    assert.equal(keys.size, 1);
    assert.match([...keys][0] ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(timing.pending(), 0);
  });

  it('take a new key for each write', async () => {
    const network = createNetwork(ok);
    const { client } = createClient(network);
    await client.kv.put('a', 'x');
    await client.kv.put('a', 'x');
    assert.notEqual(
      network.sent[0]?.headers.get('idempotency-key'),
      network.sent[1]?.headers.get('idempotency-key'),
    );
  });

  it('give up after four tries with the last error', async () => {
    const network = createNetwork(refuse(429, 'OVERLOADED'));
    const { client, timing } = createClient(network);
    const answer = assert.rejects(client.network.status(), { code: 'OVERLOADED', status: 429 });
    for (let i = 0; i < 3; i++) {
      await settle();
      await timing.next();
    }
    await answer;
    assert.equal(network.sent.length, 4);
  });

  it('wait as long as the node asks, within bounds', async () => {
    const network = createNetwork(
      refuse(429, 'OVERLOADED', { 'retry-after': '1' }),
      refuse(429, 'OVERLOADED', { 'retry-after': '3600' }),
      ok,
    );
    const { client, timing } = createClient(network);
    const answer = client.kv.put('a', 'x');
    await settle();
    assert.equal(await timing.next(), 1_000);
    assert.equal(await timing.next(), 2_000);
    await answer;
  });

  it('never repeat what is no use to repeat', async () => {
    for (const [status, code] of [
      [404, 'KV_KEY_NOT_FOUND'],
      [401, 'AUTH_REQUIRED'],
      [500, 'INTERNAL'],
    ] as const) {
      const network = createNetwork(refuse(status, code));
      const { client } = createClient(network);
      await assert.rejects(client.call(membersRoutes.list, {}), { code });
      assert.equal(network.sent.length, 1);
    }
  });

  it('never repeat what a repeat could do twice, unless it was never sent', async () => {
    for (const reply of [broken('ECONNRESET'), broken(), refuse(503, 'NODE_CLOSING')]) {
      const network = createNetwork(reply);
      const { client } = createClient(network);
      await assert.rejects(client.call(sessionRoutes.link, {}), P2posError);
      assert.equal(network.sent.length, 1);
    }
    const network = createNetwork(broken('ECONNREFUSED'), () =>
      Response.json({ url: 'http://one/session/x', expiresAt: 'soon' }, { status: 201 }),
    );
    const { client, timing } = createClient(network);
    const link = client.call(sessionRoutes.link, {});
    await settle();
    await timing.next();
    assert.equal((await link).url, 'http://one/session/x');
    const exchange = createNetwork(broken('ECONNRESET'));
    await assert.rejects(createClient(exchange).client.call(sessionRoutes.exchange, { secret: 'x' }));
    assert.equal(exchange.sent.length, 1);
  });

  it('go to the next node at once, and stay with the one that answers', async () => {
    const network = createNetwork(broken('ECONNREFUSED'), ok);
    const { client, timing } = createClient(network, ['http://one', 'http://two']);
    await client.kv.put('a', 'x');
    await client.kv.put('b', 'x');
    assert.deepEqual(
      network.sent.map(({ url }) => new URL(url).host),
      ['one', 'two', 'two'],
    );
    assert.equal(timing.pending(), 0);
  });

  it('wait only after a round over all nodes', async () => {
    const network = createNetwork(broken(), broken(), broken(), ok);
    const { client, timing } = createClient(network, ['http://one', 'http://two', 'http://three']);
    const answer = client.kv.put('a', 'x');
    await settle();
    assert.equal(network.sent.length, 3);
    assert.equal(await timing.next(), 100);
    await answer;
    assert.equal(new URL(network.sent[3]?.url ?? '').host, 'one');
  });

  it('leave a node that does not answer after 10 s', async () => {
    const network = createNetwork(silent, ok);
    const { client, timing } = createClient(network, ['http://one', 'http://two']);
    const answer = client.kv.put('a', 'x');
    await settle();
    assert.equal(await timing.next(), 10_000);
    await answer;
    assert.equal(timing.pending(), 0);
  });

  it('say TIMEOUT when no node answered in its time', async () => {
    const timing = createManualTiming();
    const { fetch } = createNetwork(silent);
    const client = connect({ url: 'http://one', fetch, timing, attemptTimeoutMs: 50, maxAttempts: 1 });
    const details = { what: 'The node at http://one', timeoutMs: 50 };
    const answer = assert.rejects(client.kv.get('a'), { code: 'TIMEOUT', details });
    await settle();
    await timing.next();
    await answer;
  });

  it('end by their deadline, repeats and waits included', async () => {
    const network = createNetwork(silent);
    const { client, timing } = createClient(network);
    const answer = assert.rejects(client.kv.get('a', { timeoutMs: 500 }), {
      code: 'TIMEOUT',
      details: { what: 'The system', timeoutMs: 500 },
    });
    await settle();
    assert.equal(await timing.next(), 500);
    await answer;
    assert.equal(network.sent.length, 1);
    assert.equal(timing.pending(), 0);
  });

  it('end when their signal says so, with its reason', async () => {
    const network = createNetwork(silent);
    const { client, timing } = createClient(network);
    const controller = new AbortController();
    const reason = new Error('enough');
    const answer = assert.rejects(client.kv.get('a', { signal: controller.signal }), reason);
    await settle();
    controller.abort(reason);
    await answer;
    assert.equal(timing.pending(), 0);
    await assert.rejects(client.kv.get('a', { signal: controller.signal }), reason);
    assert.equal(network.sent.length, 1);
    const waiting = createNetwork(broken());
    const other = createClient(waiting);
    const late = new AbortController();
    const second = assert.rejects(other.client.kv.get('a', { signal: late.signal }), reason);
    await settle();
    late.abort(reason);
    await second;
    assert.equal(waiting.sent.length, 1);
    assert.equal(other.timing.pending(), 0);
  });

  it('a closed client takes no calls and waits for those under way', async () => {
    const gate = Promise.withResolvers<Response>();
    const network = createNetwork(() => gate.promise);
    const { client } = createClient(network);
    const running = client.kv.put('a', 'x');
    let closed = false;
    const closing = client.close().then(() => {
      closed = true;
    });
    await assert.rejects(client.kv.put('b', 'x'), { code: 'CLIENT_CLOSED' });
    await settle();
    assert.equal(closed, false);
    gate.resolve(Response.json(RECEIPT));
    await closing;
    assert.deepEqual(await running, RECEIPT);
  });

  it('a client in a scope with using closes at its end', async () => {
    const gate = Promise.withResolvers<Response>();
    const network = createNetwork(() => gate.promise);
    let running: Promise<unknown> | undefined;
    let outer: ReturnType<typeof createClient>['client'] | undefined;
    {
      await using client = createClient(network).client;
      outer = client;
      running = client.kv.put('a', 'x');
      gate.resolve(Response.json(RECEIPT));
    }
    assert.deepEqual(await running, RECEIPT);
    await assert.rejects(outer.kv.put('b', 'x'), { code: 'CLIENT_CLOSED' });
  });

  it('refuse addresses that are none', () => {
    for (const url of ['', 'one', 'ftp://one', []]) {
      assert.throws(() => connect({ url: url as string }), { code: 'BAD_REQUEST' });
    }
  });
});

describe('errors', () => {
  it('come as the node told them, with its request id', async () => {
    const network = createNetwork(refuse(404, 'KV_KEY_INVALID', { 'x-request-id': 'r-1' }));
    const error = await failure(createClient(network).client.network.status());
    assert.ok(error instanceof RemoteError && error instanceof P2posError);
    assert.equal(error.message, 'says KV_KEY_INVALID');
    assert.deepEqual(error.details, { a: 1 });
    assert.equal(error.requestId, 'r-1');
  });

  it('with a code of a later version keep it, and are repeated by their status', async () => {
    const network = createNetwork(refuse(418, 'TEAPOT_SHORT'));
    const error = await failure(createClient(network).client.network.status());
    assert.ok(error instanceof P2posError);
    assert.equal(error.code, 'TEAPOT_SHORT');
    assert.equal(error.status, 418);
    assert.equal(error.retry, false);
    const known = new RemoteError({
      code: 'NEW',
      message: 'm',
      details: {},
      status: 503,
      requestId: undefined,
    });
    assert.equal(known.retry, true);
  });

  it('of HEAD come by header', async () => {
    const headers = {
      'x-p2pos-error': 'RECORDS_QUORUM_LOST',
      'x-p2pos-error-details': '{"answered":1,"needed":2}',
    };
    const network = createNetwork(() => new Response(null, { status: 503, headers }));
    const client = connect({ url: 'http://one', fetch: network.fetch, maxAttempts: 1 });
    const error = await failure(client.kv.exists('a'));
    assert.equal(
      error.message,
      'Only 1 of 2 needed replicas answered. Try again; p2pctl peers shows which nodes are gone.',
    );
  });

  it('say so where something else answers', async () => {
    for (const reply of [
      () => new Response('<h1>hello</h1>'),
      () => new Response('<h1>gone</h1>', { status: 404 }),
      () => Response.json({ other: 1 }),
      () => Response.json({ other: 1 }, { status: 400 }),
      () => Response.json(null, { status: 400 }),
    ] as const) {
      const error = await failure(createClient(createNetwork(reply)).client.network.status());
      assert.equal((error as P2posError).code, 'ANSWER_UNEXPECTED');
      assert.match(error.message, /http:\/\/one/);
    }
  });

  it('say where nobody answers', async () => {
    const network = createNetwork(broken('ECONNREFUSED'));
    const client = connect({ url: 'http://one', fetch: network.fetch, maxAttempts: 1 });
    const error = await failure(client.health());
    assert.match(error.message, /^No node answers at http:\/\/one: ECONNREFUSED\./);
  });
});

describe('bodies', () => {
  it('of JSON travel as the contract writes them', async () => {
    const rows = [[{ $int: '18446744073709551616' }, { $blob: 'AP8=' }]];
    const network = createNetwork(() => Response.json({ columns: ['a', 'b'], rows }));
    const db = createClient(network).client.sql('shop');
    const params = [2n ** 62n, Uint8Array.of(0, 255), Number.POSITIVE_INFINITY];
    const answer = await db.rows('SELECT ?', params);
    assert.deepEqual(answer.rows, [[2n ** 64n, Uint8Array.of(0, 255)]]);
    assert.equal(
      network.sent[0]?.body,
      '{"sql":"SELECT ?","params":[{"$int":"4611686018427387904"},{"$blob":"AP8="},{"$real":"Infinity"}]}',
    );
    assert.equal(network.sent[0]?.headers.get('content-type'), 'application/json');
    assert.deepEqual(params[1], Uint8Array.of(0, 255));
  });

  it('that cannot be written are refused to who passed them', async () => {
    const network = createNetwork(ok);
    const { client } = createClient(network);
    const call = client.call as (id: string, input: unknown) => Promise<unknown>;
    for (const [id, input] of [
      ['kv.put', { key: 'a', body: 'text' }],
      ['kv.put', { key: 'a', body: Uint8Array.of(1), idempotencyKey: 'ü' }],
      ['kv.put', { key: 'a', body: Uint8Array.of(1), ttlMs: 'soon' }],
      ['network.connect', { body: { address: 1 } }],
      ['network.connect', {}],
      ['nothing', {}],
    ] as const)
      await assert.rejects(call(id, input), { code: 'BAD_REQUEST' }, JSON.stringify(input));
    assert.equal(network.sent.length, 0);
  });
});

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}
