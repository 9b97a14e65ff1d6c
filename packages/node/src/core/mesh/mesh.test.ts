import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { PEERS } from '@p2pos/protocol/rpc';
import { createPeerGroup, type Peer, type PeerGroup } from '../../testing/peer-group.ts';

const meshed = (group: PeerGroup) => () =>
  group.peers.every((a) => group.peers.every((b) => a === b || a.net.isConnected(b.peerId)));
const dials = (group: PeerGroup) => group.peers.reduce((sum, peer) => sum + peer.dials.length, 0);
const without = (address: string) => address.replace(/\/p2p\/.*$/, '');

test('T20: who knows one member finds all, within two seconds', async () => {
  await using group = await createPeerGroup(8, { latencyMs: 5, later: [7] });
  await group.until(meshed(group));
  await group.start(7);
  const tookMs = await group.until(meshed(group));
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
  const newcomer = group.peers[7] as Peer;
  for (const { peerId } of group.peers)
    assert.ok(newcomer.presence.sighting(peerId), 'with their heartbeats');
});

test('T20: an exchange carries signed heartbeats and the addresses of those that are missed, to members only', async () => {
  await using group = await createPeerGroup(4, { members: [0, 1, 2] });
  await group.until(() => group.peers.slice(0, 3).every((peer) => peer.net.connections().length >= 2));
  await group.clock.advance(3_000);
  const ask = (i: number, known: { peerId: string; incarnation: number; seq: number }[]) => {
    const lacking = [group.idOf(2), group.idOf(3)];
    const input = { known, lacking };
    return group.during(
      (group.peers[i] as Peer).rpc.call(group.idOf(0), PEERS, 'exchange', input, { timeoutMs: 5_000 }),
    );
  };
  const answer = await ask(1, []);
  assert.equal(answer.heartbeats.length, 3);
  assert.deepEqual(answer.addresses, [
    { peerId: group.idOf(2), addresses: [group.hub.addressOf(group.idOf(2))] },
  ]);
  const again = await ask(1, group.peers[0]?.presence.known() ?? []);
  assert.deepEqual(again.heartbeats, []);
  await assert.rejects(ask(3, []), (error) => isP2posError(error, 'NOT_A_MEMBER'));
});

test('in a large system too, who has not heard of a member for long asks at every turn', async () => {
  await using group = await createPeerGroup(3, {
    mesh: { frequentUpTo: 0, wantedConnections: 0 },
    initConnections: () => [],
  });
  const [hub, a, b] = group.peers as [Peer, Peer, Peer];
  const seqAt = (peer: Peer) => peer.presence.sighting(b.peerId)?.heartbeat.seq ?? 0;
  /** The newest of b, as if a had told it: so it is not passed on to a. */
  async function tellHub(): Promise<void> {
    const { documents } = b.presence.newerThan([], 100_000);
    await group.during(hub.presence.accept(documents, a.peerId));
  }
  await a.net.dial([group.hub.addressOf(hub.peerId)], { signal: new AbortController().signal });
  await group.clock.advance(1_000);
  await tellHub();
  assert.equal(seqAt(a), 0);
  await group.until(() => seqAt(a) === seqAt(hub), 15_000);
  for (const afterMs of [20_000, 25_000]) {
    await group.clock.advance(afterMs);
    b.presence.announce();
    await group.clock.advance(1_000);
    await tellHub();
  }
  assert.ok(seqAt(a) < seqAt(hub), 'nobody tells it unasked');
  await group.until(() => seqAt(a) === seqAt(hub), 35_000);
});

test('nodes that all start at once connect once a pair', async () => {
  await using group = await createPeerGroup(10, { latencyMs: 5 });
  const tookMs = await group.until(meshed(group));
  assert.ok(tookMs < 3_000, `${tookMs} ms`);
  await group.clock.advance(60_000);
  assert.ok(dials(group) <= 55, `${dials(group)} dials for 45 pairs`);
});

test('bootstrap addresses work with and without an id, are tried for ever, and may be one’s own', async () => {
  await using group = await createPeerGroup(3, {
    later: [0],
    initConnections: (i, addressOf) =>
      [0, 1].map(addressOf).map((address) => (i === 1 ? address : without(address))),
  });
  await group.clock.advance(600_000);
  const [, a, b] = group.peers as [Peer, Peer, Peer];
  const lastTry = Math.max(...a.dials);
  assert.ok(group.clock.monotonic() - lastTry < 45_000, 'it still tries');
  await group.start(0);
  const tookMs = await group.until(meshed(group), 60_000);
  assert.ok(tookMs < 2_000, `${tookMs} ms, since the newcomer calls`);
  assert.ok(b.net.isConnected(group.idOf(0)));
});

test('attempts at a peer that is away thin out to one in half a minute', async () => {
  await using group = await createPeerGroup(2);
  await group.until(meshed(group));
  await group.clock.advance(20_000);
  await group.stop(1);
  const a = group.peers[0] as Peer;
  const before = a.dials.length;
  await group.clock.advance(60_000);
  const firstMinute = a.dials.length - before;
  assert.ok(firstMinute >= 6 && firstMinute <= 11, `${firstMinute} in the first minute`);
  await group.clock.advance(600_000);
  const later = a.dials.length - before - firstMinute;
  assert.ok(later >= 15 && later <= 30, `${later} in ten minutes`);
  await group.start(1);
  await group.until(meshed(group), 2_000);
});

test('a peer that takes connections and drops them is not stormed', async () => {
  await using group = await createPeerGroup(3);
  await group.until(meshed(group));
  await group.clock.advance(20_000);
  const flapper = group.peers[2] as Peer;
  const dropping = flapper.net.events.on('peer:connected', (peerId) => {
    group.clock.after(50, () => void flapper.net.hangUp(peerId));
  });
  for (const i of [0, 1]) await flapper.net.hangUp(group.idOf(i));
  const before = dials(group);
  await group.clock.advance(300_000);
  const tries = dials(group) - before;
  assert.ok(tries <= 60, `${tries} dials in 5 minutes`);
  dropping[Symbol.dispose]();
  await group.until(meshed(group), 120_000);
  await group.clock.advance(15_000);
  await flapper.net.hangUp(group.idOf(0));
  const tookMs = await group.until(meshed(group), 60_000);
  assert.ok(tookMs < 1_000, `${tookMs} ms: a connection that held forgives what was before`);
});

test('after a partition all pairs are connected again within a minute', async () => {
  await using group = await createPeerGroup(6);
  await group.until(meshed(group));
  group.partition([0, 1, 2], [3, 4, 5]);
  await group.clock.advance(300_000);
  assert.equal(group.peers[0]?.net.isConnected(group.idOf(5)), false);
  group.hub.heal();
  const tookMs = await group.until(meshed(group), 120_000);
  assert.ok(tookMs < 45_000, `${tookMs} ms`);
});

test('after a restart peers are found by the book alone', async () => {
  let bootstrap = true;
  await using group = await createPeerGroup(3, {
    initConnections: (_, addressOf) => (bootstrap ? [addressOf(0)] : []),
  });
  await group.until(meshed(group));
  await group.clock.advance(30_000);
  for (const i of [0, 1, 2]) await group.stop(i);
  bootstrap = false;
  for (const i of [0, 1, 2]) await group.start(i);
  await group.until(meshed(group), 5_000);
  const book = group.peers[1]?.mesh.book() ?? [];
  assert.deepEqual(new Set(book.map(({ peerId }) => peerId)), new Set([group.idOf(0), group.idOf(2)]));
  assert.ok(book.some(({ lastSuccess }) => lastSuccess?.endsWith('Z')));
});

test('an unconfigured node keeps its bootstrap connections, and finds the others once it is a member', async () => {
  await using group = await createPeerGroup(4, { members: [0, 1, 2] });
  const joiner = group.peers[3] as Peer;
  await group.until(() => joiner.net.isConnected(group.idOf(0)));
  await group.clock.advance(60_000);
  await joiner.net.hangUp(group.idOf(0));
  await group.until(() => joiner.net.isConnected(group.idOf(0)), 10_000);
  group.setMembers([0, 1, 2, 3]);
  const tookMs = await group.until(meshed(group), 60_000);
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
});

test('the snapshot’s addresses serve where nothing else is known', async () => {
  await using group = await createPeerGroup(3, { initConnections: () => [] });
  await group.clock.advance(30_000);
  assert.equal(group.peers[0]?.net.connections().length, 0);
  group.setMembers([0, 1, 2], (i) => ({ addresses: [group.hub.addressOf(group.idOf(i))] }));
  await group.until(meshed(group), 5_000);
});

test('no more members are dialled than wanted', async () => {
  await using group = await createPeerGroup(8, { mesh: { wantedConnections: 3 } });
  await group.clock.advance(30_000);
  for (const peer of group.peers.slice(1)) {
    const outbound = peer.net.connections().filter(({ direction }) => direction === 'outbound');
    assert.ok(outbound.length <= 3, `${outbound.length}`);
    assert.ok(peer.net.connections().length >= 1);
  }
});

test('hints about strangers, of wrong form or beyond eight are not kept, and what worked is not displaced', async () => {
  await using group = await createPeerGroup(3, { members: [0, 1], later: [2] });
  await group.until(() => (group.peers[0] as Peer).net.isConnected(group.idOf(1)));
  const b = group.peers[1] as Peer;
  const worked = b.mesh.book().find(({ peerId }) => peerId === group.idOf(0))?.addresses[0];
  assert.equal(worked, group.hub.addressOf(group.idOf(0)));
  b.mesh.learn(group.idOf(2), [group.hub.addressOf(group.idOf(2))]);
  b.mesh.learn(group.idOf(0), ['nonsense', `/memory/x/p2p/${group.idOf(2)}`, `/memory/${'x'.repeat(300)}`]);
  assert.deepEqual(
    b.mesh.book().map(({ addresses }) => addresses),
    [[worked]],
  );
  for (let i = 0; i < 1_000; i++) b.mesh.learn(group.idOf(0), [`/memory/flood${i}`]);
  const [entry] = b.mesh.book();
  assert.equal(entry?.addresses.length, 8);
  assert.equal(entry?.addresses[0], worked);
});

test('an address that the network cannot read is forgotten, the others are tried', async () => {
  const member = (i: number) => (i === 0 ? {} : { addresses: [`/ip4/999.0.0.1/tcp/1`] });
  const unreadable = (address: string) => address.includes('999');
  await using group = await createPeerGroup(2, { member, unreadable, initConnections: () => [] });
  const a = group.peers[0] as Peer;
  a.mesh.learn(group.idOf(1), [group.hub.addressOf(group.idOf(1))]);
  await group.until(() => a.net.isConnected(group.idOf(1)), 5_000);
  assert.deepEqual(a.mesh.book()[0]?.addresses, [group.hub.addressOf(group.idOf(1))]);
});

test('disposal leaves no timer and no dial behind', async () => {
  const group = await createPeerGroup(3);
  await group.until(meshed(group));
  await group[Symbol.asyncDispose]();
  const before = dials(group);
  await group.clock.advance(300_000);
  assert.equal(dials(group), before);
  assert.equal(group.clock.pending(), 0);
});
