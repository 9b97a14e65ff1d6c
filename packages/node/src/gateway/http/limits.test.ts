/** What the door does under load, with clients that are slow or gone, and when it closes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { isP2posError, type RequestContext } from '@p2pos/protocol';
import { WebSocket } from 'ws';
import { eventually } from '../../testing/eventually.ts';
import { createTestDoor, type TestDoor } from '../../testing/http-door.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { exchangeRaw, openSocket, rawRequest } from '../../testing/raw-http.ts';

const codeOf = async (answer: Response) => ((await answer.json()) as { readonly code: string }).code;
const auth = (door: TestDoor) => ({ authorization: `Bearer ${door.token}` });

/** A list operation that waits until it is let go or told to end. */
function createGate() {
  const open = Promise.withResolvers<void>();
  const contexts: RequestContext[] = [];
  return {
    contexts,
    open: () => open.resolve(),
    async list(_input: unknown, context: RequestContext) {
      contexts.push(context);
      const ended = Promise.withResolvers<never>();
      context.signal.addEventListener('abort', () => ended.reject(context.signal.reason));
      await Promise.race([open.promise, ended.promise]);
      return { keys: [], cursor: null };
    },
  };
}

describe('limits', () => {
  it('refuses what is beyond the bound in flight at once, health and metrics go on', async () => {
    const gate = createGate();
    await using door = await createTestDoor({ kv: gate, config: { limits: { maxInFlight: 2 } } });
    const waiting = [1, 2].map(() => fetch(`${door.url}/v1/kv`, { headers: auth(door) }));
    await eventually(() => gate.contexts.length === 2);
    for (const [method, body] of [
      ['GET', null],
      ['PUT', 'x'],
    ] as const) {
      const refused = await fetch(`${door.url}/v1/kv/a`, { method, headers: auth(door), body });
      assert.equal(refused.status, 429);
      assert.equal(refused.headers.get('retry-after'), '1');
      assert.equal(await codeOf(refused), 'OVERLOADED');
    }
    assert.equal((await fetch(`${door.url}/v1/health`)).status, 200);
    assert.match(await (await fetch(`${door.url}/metrics`)).text(), /p2pos_http_requests_in_flight 2\n/);
    gate.open();
    for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200);
    await eventually(
      async () => (await fetch(`${door.url}/v1/kv/a`, { headers: auth(door) })).status === 404,
    );
  });

  it('bounds the bytes of bodies in flight', async () => {
    await using door = await createTestDoor({ config: { limits: { maxBodyBytesInFlight: 100_000 } } });
    using slow = await openSocket(door.port);
    slow.socket.write(`${rawRequest('PUT /v1/kv/a', { ...auth(door), 'content-length': '60000' })}begun`);
    const put = (bytes: number) =>
      fetch(`${door.url}/v1/kv/b`, { method: 'PUT', headers: auth(door), body: new Uint8Array(bytes) });
    await eventually(async () => (await put(50_000)).status === 429);
    assert.equal((await put(30_000)).status, 200);
    slow.socket.destroy();
    await eventually(async () => (await put(50_000)).status === 200);
  });

  it('ends a request at its deadline with TIMEOUT and tells its handler', async () => {
    const clock = createManualClock();
    const gate = createGate();
    await using door = await createTestDoor({ clock, kv: gate });
    const answer = fetch(`${door.url}/v1/kv`, { headers: auth(door) });
    await eventually(() => gate.contexts.length === 1);
    await clock.advance(30_000);
    assert.equal((await answer).status, 504);
    assert.equal(await codeOf(await answer), 'TIMEOUT');
    assert.ok(isP2posError(gate.contexts[0]?.signal.reason, 'TIMEOUT'));
  });

  it('answers at the deadline even when the handler does not listen, and counts it until it ends', async () => {
    const clock = createManualClock();
    const deaf = Promise.withResolvers<void>();
    let asked = 0;
    const list = async () => {
      asked++;
      await deaf.promise;
      return { keys: [], cursor: null };
    };
    await using door = await createTestDoor({ clock, kv: { list }, config: { limits: { maxInFlight: 1 } } });
    const answer = fetch(`${door.url}/v1/kv`, { headers: auth(door) });
    await eventually(() => asked === 1);
    await clock.advance(30_000);
    assert.equal((await answer).status, 504);
    assert.equal((await fetch(`${door.url}/v1/kv/a`, { headers: auth(door) })).status, 429);
    deaf.resolve();
    await eventually(
      async () => (await fetch(`${door.url}/v1/kv/a`, { headers: auth(door) })).status === 404,
    );
  });

  it('tells the handler when its client is gone', async () => {
    const gate = createGate();
    await using door = await createTestDoor({ kv: gate });
    const client = new AbortController();
    const answer = fetch(`${door.url}/v1/kv`, { headers: auth(door), signal: client.signal });
    await eventually(() => gate.contexts.length === 1);
    client.abort();
    await assert.rejects(answer);
    await eventually(() => isP2posError(gate.contexts[0]?.signal.reason, 'CANCELLED'));
    assert.deepEqual(door.errors, []);
  });

  it('leaves no timer behind', async () => {
    const clock = createManualClock();
    await using door = await createTestDoor({ clock });
    const before = clock.pending();
    for (let i = 0; i < 5; i++) await (await fetch(`${door.url}/v1/kv`, { headers: auth(door) })).text();
    await eventually(() => clock.pending() === before);
  });

  it('drops clients that send too slowly, with an answer', async () => {
    await using door = await createTestDoor({
      config: { limits: { headersTimeoutMs: 100, receiveTimeoutMs: 200 } },
    });
    for (const begun of [
      'GET /v1/health HTTP/1.1\r\nhost: 127.0.0.1\r\n',
      `${rawRequest('PUT /v1/kv/a', { ...auth(door), 'content-length': '10' })}half`,
    ]) {
      const answer = await exchangeRaw(door.port, begun);
      assert.equal(answer.status, 408);
      assert.equal(JSON.parse(answer.body).code, 'REQUEST_TOO_SLOW');
    }
  });

  it('drops a client that does not fetch its answer', async () => {
    const clock = createManualClock();
    await using door = await createTestDoor({
      clock,
      kv: { get: async () => ({ body: new Uint8Array(64 * 1_024 * 1_024), version: '1' }) },
      config: { limits: { maxInFlight: 1 } },
    });
    using deaf = await openSocket(door.port);
    deaf.socket.pause();
    deaf.socket.write(rawRequest('GET /v1/kv/a', auth(door)));
    const list = () => fetch(`${door.url}/v1/kv`, { headers: auth(door) });
    await eventually(async () => (await list()).status === 429);
    await clock.advance(30_000);
    await eventually(async () => (await list()).status === 200);
  });

  it('takes no more connections than it may', async () => {
    await using door = await createTestDoor({ config: { limits: { maxConnections: 2 } } });
    using one = await openSocket(door.port);
    using two = await openSocket(door.port);
    using three = await openSocket(door.port);
    await once(three.socket, 'close');
    assert.equal(one.socket.destroyed || two.socket.destroyed, false);
    let text = '';
    one.socket.on('data', (chunk) => (text += chunk));
    one.socket.write(rawRequest('GET /metrics', auth(door)));
    await eventually(() => assert.match(text, /^p2pos_http_connections_dropped_total 1$/m));
  });

  it('does not count WebSockets among its connections', async () => {
    await using door = await createTestDoor({ config: { limits: { maxConnections: 2, maxSockets: 3 } } });
    const sockets: WebSocket[] = [];
    for (let i = 0; i < 3; i++) {
      const socket = new WebSocket(`${door.url.replace('http', 'ws')}/v1/ws`, { headers: auth(door) });
      sockets.push(socket);
      await once(socket, 'open');
    }
    using one = await openSocket(door.port);
    using two = await openSocket(door.port);
    using three = await openSocket(door.port);
    await once(three.socket, 'close');
    assert.equal(one.socket.destroyed || two.socket.destroyed, false);
    for (const socket of sockets) socket.terminate();
  });
});

describe('closing', () => {
  it('finishes what is in flight, refuses what comes, then is gone', async () => {
    const gate = createGate();
    const door = await createTestDoor({ kv: gate });
    const running = fetch(`${door.url}/v1/kv`, { headers: auth(door) });
    await eventually(() => gate.contexts.length === 1);
    // A connection that was there before; its second request comes while the door closes.
    using kept = await openSocket(door.port);
    const received: string[] = [];
    kept.socket.on('data', (chunk) => received.push(chunk.toString('latin1')));
    kept.socket.write('GET /v1/health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\nGET /v1/hea');
    await eventually(() => received.join('').includes('HTTP/1.1 200'));
    const closed = door[Symbol.asyncDispose]();
    kept.socket.write('lth HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    await once(kept.socket, 'close');
    assert.match(received.join(''), /HTTP\/1\.1 503 [\s\S]*connection: close[\s\S]*NODE_CLOSING/i);
    await assert.rejects(fetch(`${door.url}/v1/health`));
    gate.open();
    assert.equal((await running).status, 200);
    await closed;
  });

  it('waits 5 s for those in flight, then tells them to end', async () => {
    const clock = createManualClock();
    const gate = createGate();
    const door = await createTestDoor({ clock, kv: gate });
    const running = fetch(`${door.url}/v1/kv`, { headers: auth(door) });
    await eventually(() => gate.contexts.length === 1);
    using idle = await openSocket(door.port);
    using half = await openSocket(door.port);
    half.socket.write('GET /');
    const closed = door[Symbol.asyncDispose]();
    await clock.advance(4_999);
    assert.equal(gate.contexts[0]?.signal.aborted, false);
    await clock.advance(1);
    assert.equal(await codeOf(await running), 'NODE_CLOSING');
    await clock.advance(200);
    await closed;
    assert.ok(idle.socket.closed);
  });
});
