/** What calls do without a network, one that the test plays. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from './connect.ts';
import { createManualTiming } from './testing/manual-timing.ts';
import { broken, createNetwork, ok, RECEIPT, settle } from './testing/played-network.ts';

describe('offline', () => {
  function createOnline(now: boolean) {
    const waiting = new Set<() => void>();
    return {
      isOnline: () => now,
      onceOnline(run: () => void) {
        waiting.add(run);
        return () => void waiting.delete(run);
      },
      waiting,
      set(value: boolean) {
        now = value;
        if (value) for (const run of [...waiting]) run();
      },
    };
  }

  it('calls wait for a network, even such as may not be repeated', async () => {
    const network = createNetwork(() =>
      Response.json({ url: 'http://one/session/x', expiresAt: 'soon' }, { status: 201 }),
    );
    const online = createOnline(false);
    const timing = createManualTiming();
    const client = connect({ url: 'http://one', token: 't', fetch: network.fetch, timing, online });
    const link = client.call('session.link', {});
    await settle();
    assert.equal(network.sent.length, 0);
    online.set(true);
    assert.equal((await link).url, 'http://one/session/x');
    assert.equal(online.waiting.size, 0);
    assert.equal(timing.pending(), 0);
  });

  it('calls say at their deadline that there is none', async () => {
    const network = createNetwork(ok);
    const timing = createManualTiming();
    const online = createOnline(false);
    const client = connect({ url: 'http://one', fetch: network.fetch, timing, online, timeoutMs: 500 });
    const answer = assert.rejects(client.kv.get('a'), { code: 'NODE_UNREACHABLE', message: /is offline/ });
    await settle();
    assert.equal(await timing.next(), 500);
    await answer;
    assert.equal(network.sent.length, 0);
    assert.equal(online.waiting.size, 0);
  });

  it('a wait before a repeat ends when the network comes back', async () => {
    const network = createNetwork(broken(), ok);
    const timing = createManualTiming();
    const online = createOnline(true);
    const client = connect({ url: 'http://one', token: 't', fetch: network.fetch, timing, online });
    const receipt = client.kv.put('a', 'x');
    await settle();
    assert.equal(network.sent.length, 1);
    online.set(true);
    assert.deepEqual(await receipt, RECEIPT);
    assert.equal(timing.pending(), 0);
  });

  it('a node on this machine is asked all the same', async () => {
    const network = createNetwork(ok);
    for (const url of ['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1'])
      await connect({ url, fetch: network.fetch, online: createOnline(false) }).kv.put('a', 'x');
    assert.equal(network.sent.length, 3);
  });
});
