/** Relays and what others see, between real hosts on loopback; routers are for `e2e/nat-*.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import type { Nat, Net } from './index.ts';
import { createTestHost, echo, soon, type TestHostConfig } from './test-host.ts';

const hello = new TextEncoder().encode('hello');
const natOf = (net: Net) => net.nat as Nat;

async function createRelayed({
  isRelay = () => true,
  isMember = () => true,
  limits = {},
}: Pick<TestHostConfig, 'isRelay' | 'isMember' | 'limits'> = {}) {
  const relay = await createTestHost({ isRelay, isMember, limits });
  const hidden = await createTestHost({ listen: [] });
  await hidden.dial(relay.addresses(), { signal: soon() });
  const address = `${relay.addresses()[0]}/p2p-circuit/p2p/${hidden.peerId}`;
  return {
    relay,
    hidden,
    address,
    async [Symbol.asyncDispose]() {
      await Promise.all([relay, hidden].map((net) => net[Symbol.asyncDispose]()));
    },
  };
}

test('who listens nowhere is reached through a relay, and what crosses is counted on all three', async () => {
  await using parts = await createRelayed();
  const { relay, hidden, address } = parts;
  await using caller = await createTestHost({ listen: [] });
  await assert.rejects(
    caller.dial([address], { signal: soon() }),
    { code: 'PEER_UNREACHABLE' },
    'no reservation yet',
  );
  await natOf(hidden).reserve(relay.peerId, { signal: soon() });
  assert.deepEqual([natOf(hidden).relays(), natOf(relay).relayedFor()], [[relay.peerId], 1]);
  assert.equal(await caller.dial([address], { signal: soon() }), hidden.peerId);
  const body = new Uint8Array(3_000_000).map((_, i) => i >>> 3);
  assert.equal(Buffer.compare(await echo(caller, hidden.peerId, body), body), 0);
  assert.deepEqual(await echo(hidden, caller.peerId, hello), hello);
  const link = caller.connections().find(({ peerId }) => peerId === hidden.peerId);
  assert.deepEqual([link?.relayed, link?.encryption], [true, 'tls']);
  assert.ok(natOf(relay).carriedBytes() > 6_000_000);
  assert.ok(natOf(caller).traffic().relayed.sentBytes >= 3_000_000);
  assert.equal(natOf(caller).traffic().direct.sentBytes, 0);
});

test('only who may relays, only for members, only so many', async () => {
  await using refusing = await createRelayed({ isRelay: () => false });
  await assert.rejects(natOf(refusing.hidden).reserve(refusing.relay.peerId, { signal: soon() }), {
    code: 'PEER_UNREACHABLE',
  });
  await using strange = await createRelayed({ isMember: () => false });
  await assert.rejects(natOf(strange.hidden).reserve(strange.relay.peerId, { signal: soon() }));
  await using full = await createRelayed({ limits: { maxReservations: 1 } });
  await natOf(full.hidden).reserve(full.relay.peerId, { signal: soon() });
  await using second = await createTestHost({ listen: [] });
  await second.dial(full.relay.addresses(), { signal: soon() });
  await assert.rejects(natOf(second).reserve(full.relay.peerId, { signal: soon() }));
  assert.deepEqual(natOf(second).relays(), []);
});

test('a relay that dies ends what it carried, and is no relay any more', async () => {
  await using parts = await createRelayed();
  const { relay, hidden, address } = parts;
  await natOf(hidden).reserve(relay.peerId, { signal: soon() });
  await using caller = await createTestHost({ listen: [] });
  await caller.dial([address], { signal: soon() });
  await relay[Symbol.asyncDispose]();
  await eventually(() => {
    assert.ok(!caller.isConnected(hidden.peerId));
    assert.deepEqual(natOf(hidden).relays(), []);
  });
});

test('a direct connection carries what comes after, and the relayed one can be dropped', async () => {
  await using parts = await createRelayed();
  const { relay, hidden, address } = parts;
  await natOf(hidden).reserve(relay.peerId, { signal: soon() });
  await using caller = await createTestHost();
  await caller.dial([address], { signal: soon() });
  await hidden.dial(caller.addresses(), { signal: soon() });
  await eventually(() =>
    assert.equal(caller.connections().filter(({ peerId }) => peerId === hidden.peerId).length, 2),
  );
  const before = natOf(caller).traffic().relayed.sentBytes;
  assert.deepEqual(await echo(caller, hidden.peerId, hello), hello);
  assert.equal(natOf(caller).traffic().relayed.sentBytes, before);
  natOf(caller).dropRelayed(hidden.peerId);
  await eventually(() =>
    assert.ok(hidden.connections().every((one) => one.peerId !== caller.peerId || !one.relayed)),
  );
  assert.deepEqual(await echo(hidden, caller.peerId, hello), hello);
});

test('connections leave from one port, others tell which, and it is dialled on trial without harm', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost();
  await using c = await createTestHost({ isBehindRouter: true });
  for (const other of [a, b]) await c.dial(other.addresses(), { signal: soon() });
  const seen = await Promise.all([a, b].map(({ peerId }) => natOf(c).observed(peerId, { signal: soon() })));
  assert.match(seen[0] ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+/);
  assert.equal(seen[0]?.split('/p2p')[0], seen[1]?.split('/p2p')[0]);
  using _trial = natOf(c).expectTrial(a.peerId);
  assert.equal(await natOf(a).isReachedAt(c.addresses()[0] ?? '', { signal: soon() }), true);
  assert.equal(await natOf(a).isReachedAt(`/ip4/127.0.0.1/tcp/9/p2p/${c.peerId}`, { signal: soon() }), false);
  assert.deepEqual(await echo(a, c.peerId, hello), hello);
  await eventually(() => assert.equal(a.connections().length, 1));
});
