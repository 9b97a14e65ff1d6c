import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createPeerGroup, type Peer, type PeerGroup } from '../../testing/peer-group.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { type Clock, sleep } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { createLiveness } from './liveness.ts';

const peer = (group: PeerGroup, i: number) => group.peers[i] as Peer;
const states = (group: PeerGroup) => group.peers.map(({ state }) => state.current());
const allHealthy = (group: PeerGroup) => () => states(group).every((state) => state === 'healthy');
const meshed = (group: PeerGroup) => () =>
  group.peers.every((a) => group.peers.every((b) => a === b || a.net.isConnected(b.peerId)));

test('round trips and clock offsets come from pings', async () => {
  await using group = await createPeerGroup(3, { latencyMs: 20, skewMs: (i) => (i === 2 ? 30_000 : 0) });
  await group.until(() => meshed(group)() && allHealthy(group)());
  await group.clock.advance(20_000);
  const [a, , c] = group.peers as [Peer, Peer, Peer];
  const pulse = a.liveness.pulse(c.peerId);
  assert.equal(pulse?.roundTripMs, 40);
  assert.equal(pulse?.p95Ms, 40);
  assert.equal(Math.round(pulse?.offsetMs ?? 0), 30_000);
  assert.equal(a.liveness.clockOffsetMs(), 0, 'the median of 0, 0 and 30 s');
  assert.equal(Math.round(c.liveness.clockOffsetMs()), -30_000);
  assert.deepEqual(a.liveness.clocks(), { answered: 2, offsetMs: 0 });
  assert.equal(
    c.lines.some((line) => line.action === 'clock_off'),
    false,
  );
});

test('pings tell how far the stores of others have come', async () => {
  await using group = await createPeerGroup(2);
  await group.until(meshed(group));
  const [a, b] = group.peers as [Peer, Peer];
  const told: unknown[] = [];
  a.liveness.events.on('peer:position', (position) => told.push(position));
  await b.store.write([{ sql: 'CREATE TABLE one (id)' }]);
  await group.clock.advance(3_000);
  assert.deepEqual(told.at(-1), { peerId: b.peerId, store: b.store.position() });
});

test('a clock more than 60 s off is warned of once, also after it was moved', async () => {
  let skewMs = 0;
  await using group = await createPeerGroup(4, { skewMs: (i) => (i === 3 ? skewMs : 0) });
  await group.until(() => meshed(group)() && allHealthy(group)());
  await group.clock.advance(30_000);
  const wrong = peer(group, 3);
  const warnings = () => wrong.lines.filter((line) => line.action === 'clock_off').length;
  assert.equal(warnings(), 0);
  skewMs = 120_000;
  await group.clock.advance(4_000);
  assert.equal(warnings(), 1);
  assert.equal(Math.round(wrong.liveness.clockOffsetMs()), -120_000);
  await group.clock.advance(60_000);
  assert.equal(warnings(), 1);
  assert.equal(Math.abs(Math.round(peer(group, 0).liveness.clockOffsetMs())), 0);
});

test('those that fell silent say nothing of the time as long as two others answer', async () => {
  await using group = await createPeerGroup(7, { skewMs: (i) => (i > 2 ? 7_200_000 : 0) });
  await group.until(meshed(group));
  await group.clock.advance(10_000);
  const { liveness } = peer(group, 0);
  assert.equal(Math.round(liveness.clockOffsetMs()), 7_200_000, 'what most say');
  for (const i of [3, 4, 5, 6]) await group.stop(i);
  await group.clock.advance(60_000);
  assert.deepEqual(liveness.clocks(), { answered: 2, offsetMs: 0 });
});

test('where one half of the clocks says one time and the other half another, nobody knows which is right', async () => {
  await using group = await createPeerGroup(4, { skewMs: (i) => (i > 1 ? 7_200_000 : 0) });
  await group.until(meshed(group));
  await group.clock.advance(10_000);
  for (const [i, sign] of [1, 1, -1, -1].entries()) {
    const { answered, offsetMs } = peer(group, i).liveness.clocks();
    assert.deepEqual([answered, Math.round(offsetMs)], [1, sign * 7_200_000]);
    assert.equal(peer(group, i).liveness.clockOffsetMs(), 0);
  }
});

test('what one member alone says is told, and moves no clock', async () => {
  await using group = await createPeerGroup(2, { skewMs: (i) => (i === 1 ? 30_000 : 0) });
  const [a] = group.peers as [Peer, Peer];
  assert.deepEqual(a.liveness.clocks(), { answered: 0, offsetMs: 0 });
  await group.until(meshed(group));
  await group.clock.advance(5_000);
  const { answered, offsetMs } = a.liveness.clocks();
  assert.deepEqual([answered, Math.round(offsetMs)], [1, 30_000]);
  assert.equal(a.liveness.clockOffsetMs(), 0);
});

test('half of the clocks alone move none', async () => {
  await using group = await createPeerGroup(4, { skewMs: (i) => (i < 2 ? 0 : 200_000) });
  await group.until(meshed(group));
  await group.clock.advance(5_000);
  assert.equal(peer(group, 0).liveness.clockOffsetMs(), 0);
});

test('a half-open link is dropped after three misses and found again when it works', async () => {
  await using group = await createPeerGroup(2);
  await group.until(allHealthy(group));
  await group.clock.advance(10_000);
  const [a, b] = group.peers as [Peer, Peer];
  group.hub.cut(b.peerId, a.peerId);
  assert.equal(a.net.isConnected(b.peerId), true);
  const tookMs = await group.until(() => !a.net.isConnected(b.peerId), 60_000);
  // Two intervals a miss at most; and one ping tells nothing, where the peer gives up first and its end closes the channel.
  assert.ok(tookMs >= 5_900 && tookMs <= 16_500, `${tookMs} ms`);
  group.hub.heal();
  await group.until(() => a.net.isConnected(b.peerId) && a.liveness.isAlive(b.peerId), 60_000);
});

test('a member counts as alive for 10 s after its last answer, no longer', async () => {
  await using group = await createPeerGroup(3);
  await group.until(meshed(group));
  await group.clock.advance(10_000);
  const a = peer(group, 0);
  const b = peer(group, 1).peerId;
  const lost: string[] = [];
  a.liveness.events.on('peer:lost', (peerId) => lost.push(peerId));
  await group.stop(1);
  const answeredAt = a.liveness.pulse(b)?.lastAnswerAt ?? 0;
  await group.clock.advance(answeredAt + 9_990 - group.clock.monotonic());
  assert.equal(a.liveness.isAlive(b), true);
  assert.deepEqual(lost, []);
  await group.clock.advance(20);
  assert.equal(a.liveness.isAlive(b), false);
  assert.deepEqual(lost, [b]);
});

test('a removed member is forgotten at once', async () => {
  await using group = await createPeerGroup(3);
  await group.until(meshed(group));
  await group.clock.advance(3_000);
  const a = peer(group, 0);
  const gone = group.idOf(2);
  const lost: string[] = [];
  a.liveness.events.on('peer:lost', (peerId) => lost.push(peerId));
  group.setMembers([0, 1]);
  assert.equal(a.liveness.pulse(gone), undefined);
  assert.deepEqual(lost, [gone]);
  await group.clock.advance(10_000);
  assert.equal(a.liveness.pulse(gone), undefined);
});

test('a partition leaves the majority healthy and the minority degraded; both are healthy when it heals', async () => {
  await using group = await createPeerGroup(5);
  await group.until(() => meshed(group)() && allHealthy(group)());
  group.partition([0, 1], [2, 3, 4]);
  await group.clock.advance(30_000);
  assert.deepEqual(states(group), ['degraded', 'degraded', 'healthy', 'healthy', 'healthy']);
  group.hub.heal();
  const tookMs = await group.until(() => meshed(group)() && allHealthy(group)(), 120_000);
  assert.ok(tookMs < 45_000, `${tookMs} ms`);
});

/** Liveness alone beside one connected member, which by default never answers, on timers that are `lateMs` late. */
function createSilentPair(
  lateMs: number,
  failure?: 'OVERLOADED' | 'NOT_A_MEMBER' | (() => Promise<{ at: number }>),
  manual = createManualClock(),
) {
  const clock: Clock = { ...manual, after: (delayMs, run) => manual.after(delayMs + lateMs, run) };
  const quiet = { on: () => ({ [Symbol.dispose]() {} }) };
  const hungUp: string[] = [];
  const pings: number[] = [];
  const connected = () => hungUp.length === 0;
  const liveness = createLiveness({
    clock,
    random: createSeededRandom('silent'),
    log: silentLogger,
    membership: { view: () => ({ members: new Map([['b', {}]]) }) as never, events: quiet },
    position: () => ({ storeId: 's', commits: 1 }),
    net: {
      peerId: 'a',
      events: quiet,
      connections: () => (connected() ? [{ peerId: 'b' } as never] : []),
      isConnected: connected,
      hangUp: async (peerId) => void hungUp.push(peerId),
    },
    rpc: {
      serve: () => ({ [Symbol.dispose]() {} }),
      async call(_peerId, _capability, _method, _input, { timeoutMs, signal }) {
        pings.push(timeoutMs);
        if (typeof failure === 'function') return failure() as never;
        if (failure === undefined) await sleep(clock, timeoutMs, { signal });
        throw new P2posError(failure ?? 'TIMEOUT');
      },
    },
  });
  return { manual, liveness, hungUp, pings };
}

test('a node whose own timers are late blames nobody, and waits longer', async () => {
  const punctual = createSilentPair(0);
  await punctual.manual.advance(10_000);
  assert.deepEqual(punctual.hungUp, ['b']);
  const late = createSilentPair(400);
  await late.manual.advance(60_000);
  assert.deepEqual(late.hungUp, []);
  assert.equal(Math.max(...late.pings), 10_000, 'five times the interval, not more');
  for (const { manual, liveness } of [punctual, late]) {
    const closing = liveness[Symbol.asyncDispose]();
    await manual.advance(1_000);
    await closing;
  }
});

test('a link that refuses is alive; one over which nothing can be sent for 30 s is dropped', async () => {
  const refusing = createSilentPair(0, 'NOT_A_MEMBER');
  await refusing.manual.advance(60_000);
  assert.deepEqual(refusing.hungUp, []);
  assert.equal(refusing.liveness.isAlive('b'), false);
  const clogged = createSilentPair(0, 'OVERLOADED');
  await clogged.manual.advance(29_000);
  assert.deepEqual(clogged.hungUp, []);
  await clogged.manual.advance(5_000);
  assert.deepEqual(clogged.hungUp, ['b']);
});

test('after the machine slept, the offset comes from new answers alone', async () => {
  const manual = createManualClock();
  let wayMs = 0;
  const answer = async () => {
    await sleep(manual, wayMs);
    return { at: manual.now() };
  };
  const { liveness } = createSilentPair(0, answer, manual);
  await manual.advance(5_000);
  assert.equal(liveness.pulse('b')?.offsetMs, 0);
  // Wall clocks go on, ours and the peer's, while the monotonic one stood still; answers now take longer than before.
  wayMs = 100;
  manual.jump(30_000);
  await manual.advance(5_000);
  assert.equal(Math.abs(liveness.pulse('b')?.offsetMs ?? 0) <= 50, true);
  const closing = liveness[Symbol.asyncDispose]();
  await manual.advance(1_000);
  await closing;
});
