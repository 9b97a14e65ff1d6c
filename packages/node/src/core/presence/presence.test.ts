import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimestamp, isP2posError } from '@p2pos/protocol';
import { instantCrypto } from '../../testing/instant-crypto.ts';
import { createPeerGroup, type Peer, type PeerGroup } from '../../testing/peer-group.ts';
import { fanOut } from './gossip.ts';
import { sealHeartbeat } from './heartbeat.ts';
import type { Heartbeat } from './index.ts';
import { HEARTBEAT } from './wire.ts';

const seqOf = (holder: Peer, peerId: string) => holder.presence.sighting(peerId)?.heartbeat.seq ?? 0;
const everyoneHeard = (group: PeerGroup) => () =>
  group.peers.every((a) => group.peers.every((b) => a.presence.sighting(b.peerId) !== undefined));

/** A heartbeat of node `i`, signed by `signer` (default: itself). */
async function forge(group: PeerGroup, i: number, fields: Partial<Heartbeat> = {}, signer = i) {
  const heartbeat: Heartbeat = {
    systemId: group.system.systemId,
    peerId: group.idOf(i),
    incarnation: group.clock.now() + 1_000,
    seq: 1,
    at: formatTimestamp(group.clock.now()),
    state: 'healthy',
    load: 0.5,
    disk: { usedBytes: 1, freeBytes: 2 },
    store: { storeId: 'forged', commits: 0 },
    heads: { epoch: 1, snapshot: '0'.repeat(64), revocations: '0'.repeat(64), keys: '0'.repeat(64) },
    addresses: [],
    version: 'forged',
    ...fields,
  };
  const signing = group.system.nodes[signer];
  assert.ok(signing);
  return sealHeartbeat(heartbeat, signing.signer, instantCrypto);
}
/** Pushes from peer `from` to peer 0 and answers how many it took. */
async function push(group: PeerGroup, from: number, heartbeats: Uint8Array[]): Promise<number> {
  const sender = group.peers[from] as Peer;
  const call = sender.rpc.call(group.idOf(0), HEARTBEAT, 'push', { heartbeats }, { timeoutMs: 5_000 });
  return (await group.during(call)).accepted;
}
const versionAt0 = (group: PeerGroup, i: number) =>
  group.peers[0]?.presence.sighting(group.idOf(i))?.heartbeat.version;

test('within seconds each knows what each says of itself', async () => {
  await using group = await createPeerGroup(5);
  const tookMs = await group.until(everyoneHeard(group));
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
  await group.clock.advance(3_000);
  const heartbeat = group.peers[1]?.presence.sighting(group.idOf(3))?.heartbeat;
  assert.equal(heartbeat?.state, 'healthy', 'the change of state was told at once');
  assert.equal(heartbeat?.load, 0.25);
  assert.deepEqual(heartbeat?.disk, { usedBytes: 1, freeBytes: 2 });
  assert.equal(heartbeat?.store.storeId, group.peers[3]?.store.storeId);
  assert.deepEqual(heartbeat?.heads, group.peers[3]?.membership.heads());
  assert.deepEqual(heartbeat?.addresses, [group.hub.addressOf(group.idOf(3))]);
});

test('a heartbeat comes about every 30 s', async () => {
  await using group = await createPeerGroup(2);
  await group.until(everyoneHeard(group));
  await group.clock.advance(5_000);
  const [a, b] = group.peers as [Peer, Peer];
  const before = seqOf(a, b.peerId);
  await group.clock.advance(300_000);
  const heard = seqOf(a, b.peerId) - before;
  assert.ok(heard >= 8 && heard <= 13, `${heard} in 300 s`);
});

test('a change is passed on at once, what is none within seconds, and the log says nothing of it', async () => {
  await using group = await createPeerGroup(3, {
    mesh: { intervalMs: 3_600_000, wantedConnections: 0 },
    initConnections: () => [],
  });
  const [hub, a, b] = group.peers as [Peer, Peer, Peer];
  const { signal } = new AbortController();
  for (const peer of [a, b]) await peer.net.dial([group.hub.addressOf(hub.peerId)], { signal });
  await group.until(everyoneHeard(group));
  await group.clock.advance(5_000);
  assert.equal(a.net.isConnected(b.peerId), false);
  const before = seqOf(a, b.peerId);
  b.presence.announce();
  await group.clock.advance(3_000);
  assert.equal(seqOf(a, b.peerId), before + 1);
  await group.stop(2);
  const again = await group.start(2);
  await again.net.dial([group.hub.addressOf(hub.peerId)], { signal });
  await group.clock.advance(500);
  assert.equal(a.presence.sighting(b.peerId)?.heartbeat.incarnation, again.presence.incarnation());
  assert.equal(
    a.lines.some(({ level }) => level === 'error' || level === 'warn'),
    false,
  );
});

test('a heartbeat is passed on to at most about log2(n) members', () => {
  assert.deepEqual(
    [1, 2, 5, 16, 256, 1_000].map((members) => fanOut(members)),
    [3, 3, 3, 4, 8, 10],
  );
});

test('changes in a burst make few heartbeats', async () => {
  await using group = await createPeerGroup(2);
  await group.until(everyoneHeard(group));
  await group.clock.advance(5_000);
  const [a, b] = group.peers as [Peer, Peer];
  const before = seqOf(b, a.peerId);
  for (let i = 0; i < 100; i++) {
    a.presence.announce();
    await group.clock.advance(30);
  }
  await group.clock.advance(2_000);
  const heard = seqOf(b, a.peerId) - before;
  assert.ok(heard >= 3 && heard <= 5, `${heard} in 3 s`);
});

test('a replay of an older heartbeat changes nothing, after a restart of the receiver too', async () => {
  await using group = await createPeerGroup(3);
  await group.until(everyoneHeard(group));
  const old = group.peers[1]?.presence.newerThan([], 1_000_000).documents ?? [];
  assert.equal(old.length, 3);
  await group.clock.advance(120_000);
  const seqs = () => [1, 2].map((i) => seqOf(group.peers[0] as Peer, group.idOf(i)));
  const before = seqs();
  assert.equal(await push(group, 1, old), 0);
  const after = seqs();
  assert.ok(
    after.every((seq, i) => seq >= (before[i] ?? 0)),
    `${before} became ${after}`,
  );
  await group.clock.advance(15_000);
  for (const i of [0, 1, 2]) await group.stop(i);
  const alone = await group.start(0);
  assert.equal(await alone.presence.accept(old, group.idOf(1)), 0);
  assert.ok(seqs().every((seq, i) => seq > 0 && seq >= (before[i] ?? 0)));
});

test('forged, foreign, malformed and misdated heartbeats are refused, at the bounds of ±5 min exactly', async () => {
  await using group = await createPeerGroup(4, { members: [0, 1, 2], later: [3] });
  await group.until(everyoneHeard(group));
  const at = (offsetMs: number) => ({ at: formatTimestamp(group.clock.now() + offsetMs) });
  const wrong: Record<string, Uint8Array> = {
    'signed by another': await forge(group, 2, {}, 1),
    'of no member': await forge(group, 3),
    'of another system': await forge(group, 2, { systemId: `sys1${'a'.repeat(52)}` }),
    'too old': await forge(group, 2, at(-301_000)),
    'too new': await forge(group, 2, at(301_000)),
    'more than 4 KiB': new Uint8Array(4_096),
    'one bit turned': (await forge(group, 2)).map((byte, i) => (i === 60 ? byte ^ 1 : byte)),
  };
  for (const [what, document] of Object.entries(wrong)) {
    assert.equal(await push(group, 1, [document]), 0, what);
    assert.notEqual(versionAt0(group, 2), 'forged', what);
  }
  assert.equal(await push(group, 1, [await forge(group, 2, { ...at(-299_000), version: 'old' })]), 1);
  assert.equal(await push(group, 1, [await forge(group, 2, { ...at(299_000), seq: 2, version: 'new' })]), 1);
  assert.equal(versionAt0(group, 2), 'new');
});

test('the window applies to the time of most members, not to a clock that is wrong', async () => {
  await using group = await createPeerGroup(4, { skewMs: (i) => (i === 0 ? 3_600_000 : 0) });
  await group.until(everyoneHeard(group));
  await group.clock.advance(120_000);
  const wrong = group.peers[0] as Peer;
  for (const i of [1, 2, 3]) {
    assert.equal(wrong.presence.reachability(group.idOf(i)), 'online');
    assert.ok((wrong.presence.ageMs(group.idOf(i)) ?? Number.POSITIVE_INFINITY) < 60_000);
    assert.ok((group.peers[i]?.presence.ageMs(wrong.peerId) ?? Number.POSITIVE_INFINITY) < 60_000);
  }
});

test('who is no member is neither told nor heard', async () => {
  await using group = await createPeerGroup(3, { members: [0, 1] });
  await group.until(() => group.peers[2]?.net.isConnected(group.idOf(0)) === true);
  await group.clock.advance(60_000);
  const stranger = group.peers[2] as Peer;
  assert.equal(stranger.presence.sighting(group.idOf(0)), undefined);
  assert.equal(group.peers[0]?.presence.sighting(stranger.peerId), undefined);
  await assert.rejects(push(group, 2, [await forge(group, 1)]), (error) =>
    isP2posError(error, 'NOT_A_MEMBER'),
  );
  group.setMembers([0, 2]);
  assert.equal(group.peers[0]?.presence.sighting(group.idOf(1)), undefined, 'a removed member is forgotten');
});

test('online, suspect, offline: after 90 s and 150 s without a word', async () => {
  await using group = await createPeerGroup(3);
  await group.until(everyoneHeard(group));
  await group.clock.advance(10_000);
  const a = group.peers[0] as Peer;
  const c = group.idOf(2);
  await group.stop(2);
  const lastAgeMs = a.presence.ageMs(c) ?? 0;
  await group.clock.advance(89_000 - lastAgeMs);
  assert.equal(a.presence.reachability(c), 'online');
  await group.clock.advance(2_000);
  assert.equal(a.presence.reachability(c), 'suspect');
  await group.clock.advance(58_000);
  assert.equal(a.presence.reachability(c), 'suspect');
  await group.clock.advance(2_000);
  assert.equal(a.presence.reachability(c), 'offline');
  assert.equal(a.membership.view().members.has(c), true, 'offline never means removed');
  await group.start(2);
  await group.until(() => a.presence.reachability(c) === 'online');
  assert.equal(a.presence.reachability(a.peerId), 'online');
  assert.equal(a.presence.reachability('12D3KooWstranger'), 'offline');
});

test('the incarnation grows with each start, with a clock set back too', async () => {
  let skewMs = 0;
  await using group = await createPeerGroup(2, { skewMs: (i) => (i === 1 ? skewMs : 0) });
  await group.until(everyoneHeard(group));
  const incarnation = () => group.peers[0]?.presence.sighting(group.idOf(1))?.heartbeat.incarnation ?? 0;
  const first = incarnation();
  assert.equal(first, Date.UTC(2026, 0, 1));
  await group.stop(1);
  await group.clock.advance(1_000);
  await group.start(1);
  await group.until(() => incarnation() > first);
  const second = incarnation();
  await group.stop(1);
  skewMs = -100_000;
  await group.start(1);
  await group.until(() => incarnation() > second);
  assert.equal(incarnation(), second + 1);
});

test('a node that lost its disk and whose clock went back is heard again', async () => {
  await using group = await createPeerGroup(2, { later: [1], skewMs: (i) => (i === 1 ? -200_000 : 0) });
  const ahead = await forge(group, 1, { incarnation: group.clock.now() + 10_000_000, seq: 7 });
  const a = group.peers[0] as Peer;
  assert.equal(await a.presence.accept([ahead], a.peerId), 1);
  const b = await group.start(1);
  await group.until(() => (a.presence.sighting(b.peerId)?.heartbeat.version ?? '') === 'test', 120_000);
  assert.equal(b.presence.duplicate(), undefined);
});

test('two live processes with one key find out about each other, both, though the first to know ends', async () => {
  await using group = await createPeerGroup(4);
  await group.until(everyoneHeard(group));
  await group.clock.advance(60_000);
  const first = group.peers[3] as Peer;
  const second = await group.twin(3);
  const ended: PromiseLike<void>[] = [];
  for (const process of [first, second]) {
    process.presence.events.on('identity:duplicate', ({ code }) => {
      assert.equal(code, 'IDENTITY_DUPLICATE');
      ended.push(process[Symbol.asyncDispose]());
    });
  }
  await group.until(() => ended.length === 2, 180_000);
  for (const { presence, lines } of [first, second]) {
    assert.equal(presence.duplicate()?.code, 'IDENTITY_DUPLICATE');
    const errors = lines.filter((line) => line.action === 'identity_duplicate' && line.level === 'error');
    assert.equal(errors.length, 1);
  }
});

test('a node that is told of a newer incarnation of its own goes above it', async () => {
  await using group = await createPeerGroup(2, { mesh: { intervalMs: 3_600_000 } });
  await group.until(everyoneHeard(group));
  await group.clock.advance(20_000);
  const [a, b] = group.peers as [Peer, Peer];
  const incarnation = group.clock.now() + 1_000_000;
  assert.equal(await a.presence.accept([await forge(group, 1, { incarnation })], b.peerId), 1);
  await group.until(() => (a.presence.sighting(b.peerId)?.heartbeat.incarnation ?? 0) > incarnation, 45_000);
  assert.equal(b.presence.duplicate(), undefined, 'one alone proves no second process');
});

test('a late copy makes nobody look alive', async () => {
  await using group = await createPeerGroup(3, { later: [2] });
  await group.until(() => group.peers[0]?.state.current() === 'healthy');
  const old = await forge(group, 2, { at: formatTimestamp(group.clock.now() - 200_000) });
  assert.equal(await push(group, 1, [old]), 1);
  assert.equal(group.peers[0]?.presence.reachability(group.idOf(2)), 'offline');
});

test('restarts in quick succession are no duplicate', async () => {
  await using group = await createPeerGroup(3, { skewMs: (i) => (i === 2 ? -45_000 : 0) });
  await group.until(everyoneHeard(group));
  for (let round = 0; round < 5; round++) {
    await group.clock.advance(7_000);
    await group.stop(2);
    await group.start(2);
    await group.clock.advance(20_000);
    assert.equal(group.peers[2]?.presence.duplicate(), undefined);
  }
  assert.equal(
    group.peers.some(({ lines }) => lines.some((line) => line.action === 'identity_duplicate')),
    false,
  );
});

test('a flood of false heartbeats is cut off and costs one warning', async () => {
  await using group = await createPeerGroup(3);
  await group.until(everyoneHeard(group));
  const a = group.peers[0] as Peer;
  const documents: Uint8Array[] = [];
  for (let seq = 1; seq <= 40; seq++) documents.push(await forge(group, 2, { seq }, 1));
  await assert.rejects(push(group, 1, documents), (error) => isP2posError(error, 'OVERLOADED'));
  await assert.rejects(push(group, 1, documents.slice(0, 1)), (error) => isP2posError(error, 'OVERLOADED'));
  assert.equal(a.lines.filter((line) => line.action === 'refuse_heartbeats').length, 1);
  assert.equal(await push(group, 2, [await forge(group, 1)]), 1, 'others are served as before');
});

test('a member that hands in more than a whole system says is told to wait', async () => {
  await using group = await createPeerGroup(3);
  await group.until(everyoneHeard(group));
  const copies = Array.from({ length: 64 }, () => group.peers[1]?.presence.newerThan([], 4_096).documents[0]);
  const batch = copies.filter((copy) => copy !== undefined);
  for (let round = 0; round < 4; round++) assert.equal(await push(group, 1, batch), 0);
  await assert.rejects(push(group, 1, batch), (error) => isP2posError(error, 'OVERLOADED'));
  await group.clock.advance(30_000);
  assert.equal(await push(group, 1, batch), 0);
});

test('a member that floods true heartbeats of its own is heard at most ten at once and one a second', async () => {
  await using group = await createPeerGroup(3);
  await group.until(everyoneHeard(group));
  await group.stop(2);
  await group.clock.advance(15_000);
  const documents: Uint8Array[] = [];
  for (let seq = 1; seq <= 60; seq++) documents.push(await forge(group, 2, { seq }));
  const taken = await push(group, 1, documents);
  assert.ok(taken <= 10, `${taken}`);
  await group.clock.advance(5_000);
  const more = await push(group, 1, documents.slice(20));
  assert.ok(more >= 4 && more <= 6, `${more}`);
});

test('connections, heartbeats and round trips are written in batches', async () => {
  await using group = await createPeerGroup(3);
  await group.until(everyoneHeard(group));
  await group.clock.advance(1_000);
  const a = group.peers[0] as Peer;
  const before = a.store.position().commits;
  await group.clock.advance(180_000);
  const commits = a.store.position().commits - before;
  assert.ok(commits <= 10, `${commits} commits in 180 s, with those of the address book`);
  await group.stop(2);
  await group.clock.advance(75_000);
  const rows = await group.during(
    a.store.read<{ event: string; count: number }>(
      'SELECT event, count(*) AS count FROM presence_log GROUP BY event',
    ),
  );
  const counts = Object.fromEntries(rows.map(({ event, count }) => [event, Number(count)]));
  assert.equal(counts['connected'], 2);
  assert.equal(counts['disconnected'], 1);
  assert.ok((counts['heartbeat'] ?? 0) >= 2);
  assert.ok((counts['heartbeat'] ?? 0) <= 6, 'what only says that a member lives is not logged');
  assert.ok((counts['round_trip'] ?? 0) >= 2);
});
