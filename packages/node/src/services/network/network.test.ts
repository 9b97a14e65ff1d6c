import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, NetworkPeers, NetworkStatus, type RequestContext } from '@p2pos/protocol';
import {
  createPeerGroup,
  type Peer,
  type PeerGroup,
  type PeerGroupConfig,
} from '../../testing/peer-group.ts';
import { createNetwork, createNetworkHandlers, type Reach, serveStatus } from './index.ts';
import { STATUS } from './wire.ts';

async function createBench(count: number, config: PeerGroupConfig = {}) {
  const group = await createPeerGroup(count, config);
  const networks = group.peers.map((peer) => {
    const network = createNetwork(peer, { version: '1.2.3' });
    serveStatus({ ...peer, network });
    return network;
  });
  await group.until(() => group.peers.every(({ state }) => state.current() !== 'degraded'));
  await group.clock.advance(5_000);
  return { group, networks, [Symbol.asyncDispose]: () => group[Symbol.asyncDispose]() };
}
const at = <T>(list: readonly T[], i: number) => list[i] as T;
const of = (peers: NetworkPeers['peers'], group: PeerGroup, i: number) =>
  peers.find(({ peerId }) => peerId === group.idOf(i)) as NetworkPeers['peers'][number];

test('the status is that of this node, with what it sees of the others', async () => {
  await using bench = await createBench(3);
  const status = at(bench.networks, 1).status();
  NetworkStatus.parse(status);
  assert.deepEqual(
    { ...status, uptimeMs: 0, clockOffsetMs: 0 },
    {
      systemId: bench.group.system.systemId,
      peerId: bench.group.idOf(1),
      name: 'node1',
      state: 'healthy',
      epoch: 1,
      members: 3,
      online: 3,
      connected: 2,
      version: '1.2.3',
      startedAt: '2026-01-01T00:00:00.000000000Z',
      uptimeMs: 0,
      clockOffsetMs: 0,
      addresses: [bench.group.hub.addressOf(bench.group.idOf(1))],
    },
  );
  assert.equal(status.uptimeMs, bench.group.clock.monotonic());
});

test('peers are listed by name, with state, link, round trip and age', async () => {
  await using bench = await createBench(3, { latencyMs: 10 });
  const peers = at(bench.networks, 0).peers();
  NetworkPeers.parse({ peers });
  assert.deepEqual(
    peers.map(({ name, self, member, reachability, state }) => [name, self, member, reachability, state]),
    [
      ['node0', true, true, 'online', 'healthy'],
      ['node1', false, true, 'online', 'healthy'],
      ['node2', false, true, 'online', 'healthy'],
    ],
  );
  const peer = of(peers, bench.group, 2);
  assert.equal(peer.connected, true);
  assert.equal(peer.roundTripMs, 20);
  assert.equal(peer.transport, 'memory');
  assert.equal(peer.load, 0.25);
  assert.equal(peer.version, 'test');
  assert.ok((peer.seenMsAgo ?? Number.POSITIVE_INFINITY) <= 2_500);
});

test('a stranger sees itself unconfigured and the reason, and is a peer without a name', async () => {
  await using bench = await createBench(3, { members: [0, 1] });
  const { status, peers } = { status: at(bench.networks, 2).status(), peers: at(bench.networks, 0).peers() };
  assert.equal(status.state, 'unconfigured');
  assert.match(status.reason ?? '', /p2pctl members add/);
  const stranger = of(peers, bench.group, 2);
  assert.deepEqual([stranger.name, stranger.member, stranger.state], [null, false, null]);
  const call = at(bench.group.peers, 2).rpc.call(
    bench.group.idOf(0),
    STATUS,
    'view',
    { view: 'local' },
    { timeoutMs: 1_000 },
  );
  await assert.rejects(bench.group.during(call), (error) => isP2posError(error, 'NOT_A_MEMBER'));
});

test('the cluster view shows a peer that others reach and this node does not', async () => {
  await using bench = await createBench(4, { mesh: { wantedConnections: 256 } });
  const { group, networks } = bench;
  group.hub.cut(group.idOf(0), group.idOf(3));
  group.hub.cut(group.idOf(3), group.idOf(0));
  await group.until(() => !at(group.peers, 0).net.isConnected(group.idOf(3)));
  await group.clock.advance(60_000);
  const local = of(at(networks, 0).peers(), group, 3);
  assert.equal(local.connected, false);
  assert.equal(local.reachability, 'online', 'its heartbeats come by the others');
  const { peers, status, asked, answered } = await group.during(at(networks, 0).cluster());
  assert.deepEqual([asked, answered], [2, 2]);
  const merged = of(peers, group, 3);
  assert.equal(merged.connected, false, 'links are those of the node that answers');
  assert.ok((merged.seenMsAgo ?? Number.POSITIVE_INFINITY) < 2_500);
  assert.ok([group.idOf(1), group.idOf(2)].includes(merged.observer ?? ''));
  assert.equal(of(peers, group, 1).observer, group.idOf(1), 'who answers is its own best witness');
  assert.equal(status.online, 4);
});

test('each half of a partition has a cluster view of its own, the lost are suspect and then offline', async () => {
  await using bench = await createBench(5);
  const { group, networks } = bench;
  group.partition([0, 1], [2, 3, 4]);
  await group.clock.advance(110_000);
  const view = await group.during(at(networks, 0).cluster());
  assert.deepEqual(
    view.peers.map(({ reachability }) => reachability),
    ['online', 'online', 'suspect', 'suspect', 'suspect'],
  );
  assert.equal(view.status.state, 'degraded');
  assert.match(view.status.reason ?? '', /2 of 5/);
  await group.clock.advance(60_000);
  const later = await group.during(at(networks, 0).cluster());
  assert.equal(later.status.online, 2);
  const majority = await group.during(at(networks, 4).cluster());
  assert.deepEqual([majority.status.state, majority.status.online], ['healthy', 3]);
});

test('those who ask for the cluster view at once share one round, and one that is silent delays it by 2 s only', async () => {
  await using bench = await createBench(3);
  const { group, networks } = bench;
  group.hub.cut(group.idOf(2), group.idOf(0));
  const from = group.clock.monotonic();
  const views = await group.during(Promise.all(Array.from({ length: 50 }, () => at(networks, 0).cluster())));
  assert.ok(group.clock.monotonic() - from <= 2_010);
  assert.equal(new Set(views).size, 1);
  assert.deepEqual([views[0]?.asked, views[0]?.answered], [2, 1]);
});

test('a member that asks too often is told to wait', async () => {
  await using bench = await createBench(2);
  const { group } = bench;
  const [, b] = group.peers as [Peer, Peer];
  const ask = () => b.rpc.call(group.idOf(0), STATUS, 'view', { view: 'local' }, { timeoutMs: 1_000 });
  const outcomes = await group.during(Promise.allSettled(Array.from({ length: 40 }, ask)));
  const refused = outcomes.filter(({ status }) => status === 'rejected').length;
  assert.ok(refused >= 19 && refused <= 20, `${refused}`);
});

test('the routes answer both views', async () => {
  await using bench = await createBench(2);
  const { group, networks } = bench;
  const handlers = createNetworkHandlers(at(networks, 0), {} as Reach);
  const context = {} as RequestContext;
  assert.equal((await handlers.status({}, context)).online, 2);
  assert.equal((await handlers.peers({ view: 'local' }, context)).asked, undefined);
  const answer = await group.during(handlers.peers({ view: 'cluster' }, context));
  NetworkPeers.parse(answer);
  assert.deepEqual([answer.asked, answer.answered, answer.peers.length], [1, 1, 2]);
  assert.equal((await group.during(handlers.status({ view: 'cluster' }, context))).online, 2);
});
