/** A node that takes calls and answers none: who asks it leaves it, whatever becomes of the call. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kvRoutes, sessionRoutes } from '@p2pos/protocol';
import { connect } from './connect.ts';
import { createManualTiming } from './testing/manual-timing.ts';
import {
  broken,
  createClient,
  createNetwork,
  ok,
  RECEIPT,
  type Reply,
  settle,
  silent,
} from './testing/played-network.ts';

describe('calls leave a node that fell silent', () => {
  const URLS = ['http://one', 'http://two', 'http://three'];
  const silentAt =
    (host: string, answer: Reply): Reply =>
    (sent, signal) =>
      new URL(sent.url).host === host ? silent(sent, signal) : answer(sent, signal);
  const hostsOf = ({ sent }: ReturnType<typeof createNetwork>) => sent.map(({ url }) => new URL(url).host);

  it('within a call whose deadline is shorter than the time for one node', async () => {
    const network = createNetwork(silentAt('one', ok));
    const { client, timing } = createClient(network, URLS);
    const answer = client.kv.put('a', 'x', { timeoutMs: 5_000 });
    await settle();
    assert.equal(await timing.next(), 2_500);
    await answer;
    await client.kv.put('b', 'x', { timeoutMs: 5_000 });
    assert.deepEqual(hostsOf(network), ['one', 'two', 'two']);
    assert.equal(timing.pending(), 0);
  });

  it('and then ask each next one for half of what is left, the last for all of it', async () => {
    const network = createNetwork(silent);
    const { client, timing } = createClient(network, URLS);
    const answer = assert.rejects(client.kv.put('a', 'x', { timeoutMs: 8_000 }), {
      code: 'TIMEOUT',
      details: { what: 'The system', timeoutMs: 8_000 },
    });
    const waits: number[] = [];
    await settle();
    while (timing.pending() > 0) waits.push(await timing.next());
    await answer;
    // The pause after a round over all nodes is 100 ms.
    assert.deepEqual(waits, [4_000, 2_000, 1_000, 100, 900]);
    assert.deepEqual(hostsOf(network), ['one', 'two', 'three', 'one']);
  });

  it('later where a call is given more time than others', async () => {
    const network = createNetwork(silentAt('one', ok));
    const { client, timing } = createClient(network, URLS);
    const answer = client.kv.put('a', 'x', { timeoutMs: 300_000 });
    await settle();
    assert.equal(await timing.next(), 100_000);
    await answer;
  });

  it('though the call was its last try, could not be repeated or was given up', async () => {
    const link: Reply = () =>
      Response.json({ url: 'http://two/session/x', expiresAt: 'soon' }, { status: 201 });
    for (const [timeoutMs, waitedMs] of [
      [30_000, 10_000],
      [5_000, 5_000],
    ]) {
      const network = createNetwork(silentAt('one', link));
      const { client, timing } = createClient(network, URLS);
      const first = assert.rejects(client.call(sessionRoutes.link, {}, { timeoutMs }), { code: 'TIMEOUT' });
      await settle();
      assert.equal(await timing.next(), waitedMs);
      await first;
      await client.call(sessionRoutes.link, {}, { timeoutMs });
      assert.deepEqual(hostsOf(network), ['one', 'two']);
    }
    for (const [reason, next] of [
      [new DOMException('too late', 'TimeoutError'), 'two'],
      [new DOMException('enough', 'AbortError'), 'one'],
    ] as const) {
      const network = createNetwork(silent, ok);
      const { client } = createClient(network, URLS);
      const controller = new AbortController();
      const first = assert.rejects(client.kv.get('a', { signal: controller.signal }), reason);
      await settle();
      controller.abort(reason);
      await first;
      await client.kv.put('a', 'x');
      assert.deepEqual(hostsOf(network), ['one', next]);
    }
    const network = createNetwork(silentAt('one', ok));
    const timing = createManualTiming();
    const client = connect({ url: URLS, token: 't', fetch: network.fetch, timing, maxAttempts: 1 });
    const first = assert.rejects(client.kv.put('a', 'x'), { code: 'TIMEOUT' });
    await settle();
    await timing.next();
    await first;
    await client.kv.put('a', 'x');
    assert.deepEqual(hostsOf(network), ['one', 'two']);
  });

  it('with what keeps a lock: a repeat answers its own holder', async () => {
    const lock = { key: 'a', holder: 'me' };
    for (const [route, input] of [
      [kvRoutes.lock, { ...lock, ttlMs: 10_000 }],
      [kvRoutes.renewLock, { ...lock, token: 1, ttlMs: 10_000 }],
      [kvRoutes.unlock, { ...lock, token: 1 }],
    ] as const) {
      const network = createNetwork(
        silentAt('one', () => Response.json({ held: true, token: 1, released: true })),
      );
      const { client, timing } = createClient(network, URLS);
      const answer = client.call(route, input as never, { timeoutMs: 6_000 });
      await settle();
      await timing.next();
      await answer;
      assert.deepEqual(hostsOf(network), ['one', 'two'], route.summary);
    }
  });

  it('so a lock is kept over it, and what it no longer answered in time is renewed at once', async () => {
    let silentHost = '';
    const held: Reply = ({ method }) =>
      Response.json(method === 'POST' ? { held: true, token: 7 } : { held: true, released: true });
    const network = createNetwork((sent, signal) => silentAt(silentHost, held)(sent, signal));
    const { client, timing } = createClient(network, URLS);
    const lock = await client.kv.cas.lock('a');
    assert.ok(lock);
    silentHost = 'one';
    // Renewed after a third of 10 s; the silent node may have half of what is left then, a third.
    const third = 10_000 / 3;
    await timing.next();
    assert.equal(Math.floor(timing.now()), Math.floor(third));
    await timing.next();
    assert.deepEqual(hostsOf(network), ['one', 'one', 'two']);
    for (let i = 0; i < 10; i++) await timing.next();
    assert.equal(lock.lost.aborted, false);
    assert.ok(timing.now() > 30_000);
    const unlocked = lock[Symbol.asyncDispose]();
    await settle();
    await unlocked;

    // Taken anew while the node that is asked first is silent: half of its time is over when it is there.
    silentHost = 'two';
    const [startedAt, count] = [timing.now(), network.sent.length];
    const again = client.kv.cas.lock('a', { ttlMs: 9_000 });
    await settle();
    assert.equal(await timing.next(), 4_500);
    const taken = await again;
    assert.ok(taken && !taken.lost.aborted);
    await timing.next();
    assert.equal(timing.now(), startedAt + 4_500);
    assert.deepEqual(hostsOf(network).slice(count), ['two', 'three', 'three']);
    await taken[Symbol.asyncDispose]();
    assert.equal(timing.pending(), 0);
  });

  it('and a lock that no node gave within its time to live is none', async () => {
    const { client, timing } = createClient(createNetwork(silent), URLS);
    const answer = assert.rejects(client.kv.cas.lock('a', { ttlMs: 8_000 }), { code: 'TIMEOUT' });
    await settle();
    while (timing.pending() > 0) await timing.next();
    assert.equal(timing.now(), 8_000);
    await answer;
  });

  it('unless a repeat elsewhere is not wanted: the first node that may have had it is asked alone', async () => {
    const done: Reply = () => Response.json({ ...RECEIPT, existed: true });
    const network = createNetwork(broken('ECONNREFUSED'), silent, broken('ECONNRESET'), done);
    const { client, timing } = createClient(network, URLS);
    const answer = client.kv.put('a', 'x', { repeat: 'same-node' });
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      await settle();
      waits.push(await timing.next());
    }
    await answer;
    assert.deepEqual(hostsOf(network), ['one', 'two', 'two', 'two']);
    assert.deepEqual(waits, [10_000, 100, 200]);
    // The next call goes elsewhere all the same.
    await client.kv.delete('a', { repeat: 'same-node' });
    assert.equal(hostsOf(network).at(-1), 'three');
  });

  it('nor repeat what is to be sent once, unless it was never sent', async () => {
    const network = createNetwork(broken('ECONNREFUSED'), broken('ECONNRESET'), ok);
    const { client } = createClient(network, URLS);
    await assert.rejects(client.kv.put('a', 'x', { repeat: 'never' }), { code: 'NODE_UNREACHABLE' });
    assert.deepEqual(hostsOf(network), ['one', 'two']);
    await client.kv.put('a', 'x', { repeat: 'never' });
    assert.deepEqual(hostsOf(network), ['one', 'two', 'three']);
    assert.equal(new URL(network.sent[2]?.url ?? '').search, '');
  });
});
