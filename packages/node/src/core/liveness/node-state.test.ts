import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimestamp } from '@p2pos/protocol';
import { createPeerGroup, type Peer } from '../../testing/peer-group.ts';

test('a system of one member is healthy alone', async () => {
  await using group = await createPeerGroup(1);
  assert.equal(group.peers[0]?.state.current(), 'healthy');
  assert.equal(group.peers[0]?.state.members(), 1);
  assert.equal(group.peers[0]?.state.online(), 1);
});

test('half of the members is no majority', async () => {
  await using group = await createPeerGroup(4, { later: [2, 3] });
  const [a, b] = group.peers as [Peer, Peer];
  await group.until(() => a.liveness.isAlive(b.peerId) && b.liveness.isAlive(a.peerId));
  await group.clock.advance(5_000);
  assert.equal(a.state.current(), 'degraded');
  await group.start(2);
  await group.until(() => a.state.current() === 'healthy');
  assert.equal(a.state.online(), 3);
});

test('members of tier 3 count in no majority', async () => {
  const member = (i: number) => ({ tier: (i < 2 ? 2 : 3) as 2 | 3 });
  await using group = await createPeerGroup(5, { later: [1, 3, 4], member });
  const [a, , c] = group.peers as [Peer, Peer, Peer];
  await group.until(() => a.liveness.isAlive(c.peerId));
  assert.equal(a.state.members(), 2);
  assert.equal(a.state.online(), 1);
  assert.equal(a.state.current(), 'degraded', 'itself of two');
  await group.start(1);
  await group.until(() => a.state.current() === 'healthy' && c.state.current() === 'healthy');
});

test('changes are told and logged once each, with the snapshot as with the answers', async () => {
  await using group = await createPeerGroup(3);
  await group.until(() => group.peers.every(({ state }) => state.current() === 'healthy'));
  const [a, b] = group.peers as [Peer, Peer];
  const changes: string[] = [];
  a.state.events.on('state:changed', ({ from, to }) => changes.push(`${from}>${to}`));
  await group.stop(2);
  await group.until(() => !a.liveness.isAlive(group.idOf(2)));
  assert.equal(a.state.current(), 'healthy');
  await group.stop(1);
  await group.until(() => !a.liveness.isAlive(b.peerId));
  assert.equal(a.state.current(), 'degraded');
  group.setMembers([0]);
  assert.equal(a.state.current(), 'healthy');
  group.setMembers([1, 2]);
  assert.equal(a.state.current(), 'unconfigured');
  assert.deepEqual(changes, ['healthy>degraded', 'degraded>healthy', 'healthy>unconfigured']);
  const logged = a.lines.filter((line) => line.action === 'state_changed').slice(-3);
  assert.deepEqual(
    logged.map(({ level, from, to }) => `${level} ${from}>${to}`),
    changes.map((change) => `info ${change}`),
  );
});

test('rights that end by date make the node unconfigured then, its place in the count stays', async () => {
  const start = Date.UTC(2026, 0, 1);
  const member = (i: number) => (i === 0 ? { notAfter: formatTimestamp(start + 600_000) } : {});
  await using group = await createPeerGroup(2, { member });
  const [a, b] = group.peers as [Peer, Peer];
  await group.until(() => a.state.current() === 'healthy' && b.state.current() === 'healthy');
  await group.clock.advance(600_000 - 5_000 - group.clock.monotonic());
  assert.equal(a.state.current(), 'healthy');
  await group.clock.advance(6_000);
  assert.equal(a.state.current(), 'unconfigured');
  assert.equal(b.state.members(), 2);
  assert.equal(b.state.current(), 'healthy', 'it still answers and counts');
});
