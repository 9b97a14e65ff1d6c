import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { createTestDoor } from '../../testing/http-door.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMetrics } from '../index.ts';

describe('metrics', () => {
  it('count requests by operation and status, never by what clients make up', async () => {
    await using door = await createTestDoor();
    const headers = { authorization: `Bearer ${door.token}` };
    for (const key of ['a', 'b', 'c']) await fetch(`${door.url}/v1/kv/${key}`, { headers });
    for (let i = 0; i < 4; i++) await fetch(`${door.url}/made/up/${i}`);
    const answer = await fetch(`${door.url}/metrics`);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const text = await answer.text();
    assert.match(text, /^p2pos_http_requests_total\{operation="kv\.get",status="404"\} 3$/m);
    assert.match(text, /^p2pos_http_requests_total\{operation="unmatched",status="404"\} 4$/m);
    assert.match(text, /^p2pos_http_request_seconds_count\{operation="kv\.get"\} 3$/m);
    for (const line of text.split('\n')) assert.match(line, /^(?:#.*|p2pos_.*)?$/);
  });

  it('stay as long as they are whatever names clients make up, at the socket too', async () => {
    await using door = await createTestDoor();
    const authorization = `Bearer ${door.token}`;
    const socket = new WebSocket(`${door.url.replace('http', 'ws')}/v1/ws`, { headers: { authorization } });
    await once(socket, 'open');
    let next = 0;
    /** So many calls, each of an operation that there is not. */
    const makeUp = async (count: number) => {
      const refused = Promise.withResolvers<void>();
      let left = count;
      const take = (data: unknown) => {
        if (String(data).includes('METHOD_NOT_SERVED') && --left === 0) refused.resolve();
      };
      socket.on('message', take);
      for (let i = 0; i < count; i++)
        socket.send(JSON.stringify({ op: 'call', id: next, method: `made.up${next++}` }));
      await refused.promise;
      socket.off('message', take);
    };
    const series = async () => {
      await fetch(`${door.url}/metrics`);
      const text = await (await fetch(`${door.url}/metrics`)).text();
      const requests = text.split('\n').filter((line) => line.startsWith('p2pos_http_'));
      return requests.map((line) => line.slice(0, line.lastIndexOf(' '))).sort();
    };
    await makeUp(1);
    const before = await series();
    await makeUp(10_000);
    // Not compared as a whole: of a hundred thousand lines the difference would take minutes to tell.
    const after = await series();
    assert.deepEqual(
      [after.length, after.find((line) => !before.includes(line))],
      [before.length, undefined],
    );
    assert.ok(before.includes('p2pos_http_requests_total{operation="unmatched",status="404"}'));
    socket.terminate();
  });

  it('read gauges of other modules at each scrape, drop labels that are gone, and keep names in bounds', async () => {
    const clock = createManualClock();
    using metrics = createMetrics({ clock });
    let online = 3;
    let peers = ['a', 'b'];
    metrics.gauge('p2pos_members_online', 'Online.', () => online);
    metrics.gauge('p2pos_peer', 'Peers.', () => peers.map((name) => ({ labels: { name }, value: 1 })), [
      'name',
    ]);
    assert.match(await metrics.text(), /p2pos_members_online 3\n[\s\S]*p2pos_peer\{name="b"\} 1\n/);
    online = 2;
    peers = ['a'];
    const text = await metrics.text();
    assert.match(text, /p2pos_members_online 2\n/);
    assert.doesNotMatch(text, /name="b"/);
    assert.throws(() => metrics.gauge('members', 'x', () => 1), { code: 'BAD_REQUEST' });
  });

  it('measure how late the event loop is', async () => {
    const clock = createManualClock();
    let late = 0;
    using metrics = createMetrics({ clock: { ...clock, monotonic: () => clock.monotonic() + late } });
    await clock.advance(400);
    late = 250;
    await clock.advance(100);
    assert.match(await metrics.text(), /p2pos_event_loop_lag_seconds 0\.25\n/);
    assert.match(await metrics.text(), /p2pos_event_loop_lag_seconds 0\n/);
  });
});
