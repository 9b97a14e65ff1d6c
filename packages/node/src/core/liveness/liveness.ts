/** The pinger behind the door: one small call per connected member and interval. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { PING } from '@p2pos/protocol/rpc';
import { type Clock, sleep } from '../clock/index.ts';
import { createEmitter } from '../events/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Net, PeerId } from '../net/index.ts';
import type { Random } from '../random/index.ts';
import { jitter } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { StorePosition } from '../store/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createLocalHealth } from './local-health.ts';
import type { ClockOpinion, Liveness, LivenessEvents } from './port.ts';
import { CLOCK_JUMP_MS, createPulseRecorder, middlesOf, type PulseRecorder } from './pulse.ts';

export interface LivenessDeps {
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly net: Pick<Net, 'peerId' | 'events' | 'connections' | 'isConnected' | 'hangUp'>;
  readonly membership: Pick<Membership, 'view' | 'events'>;
  /** What others are told of this node's store. */
  readonly position: () => StorePosition;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface LivenessConfig {
  /** Between two pings to a peer, and how long one may take. */
  readonly pingIntervalMs?: number;
  /** Unanswered pings in a row after which a connection is dropped. */
  readonly misses?: number;
  /** How long an answer proves life. Default: five intervals, so that a few late answers in a row are not taken for a death. */
  readonly aliveForMs?: number;
}

/** Beyond this difference to the others' clocks an operator should look. */
export const CLOCK_WARN_MS = 60_000;
/** Offsets older than this say nothing any more. */
const OFFSET_VALID_MS = 3_600_000;
/** An offset that was worked out holds for this long, unless a clock moves or a peer answers. */
const OFFSET_KEPT_MS = 100;
/** The wall clock is read in whole milliseconds, so two readings may differ from the monotonic one by so much. */
const OFFSET_DRIFT_MS = 1;
/** A connection over which calls cannot even be sent is dropped after this long. */
const SILENT_MS = 30_000;

interface PingAnswer {
  readonly at: number;
  readonly store?: StorePosition | undefined;
}

interface Patient {
  readonly pulse: PulseRecorder;
  alive: boolean;
}

export function createLiveness(deps: LivenessDeps, config: LivenessConfig = {}): Liveness {
  const { rpc, net, membership, clock, random, log } = deps;
  const { pingIntervalMs = 2_000, misses: maxMisses = 3, aliveForMs = 5 * pingIntervalMs } = config;
  const events = createEmitter<LivenessEvents>((error) =>
    log.error({ action: 'liveness_listener_failed', error }, 'a listener of liveness failed'),
  );
  const tasks = createTaskGroup({ clock, random, log });
  const health = createLocalHealth();
  /** Listed members that answered at least once. */
  const patients = new Map<PeerId, Patient>();
  const misses = new Map<PeerId, number>();
  /** When connected listed peers last said anything, monotonic ms. */
  const heardAt = new Map<PeerId, number>();
  const inFlight = new Set<PeerId>();
  /** Connected anew while a ping over the old connection still waits. */
  const again = new Set<PeerId>();
  let expiry: Disposable | undefined;
  let offset = { until: 0, ahead: 0, opinion: { answered: 0, offsetMs: 0 } };
  let clockWarned = false;
  let wallAhead = clock.now() - clock.monotonic();

  const isListed = (peerId: PeerId) => peerId !== net.peerId && membership.view().members.has(peerId);

  function ping(peerId: PeerId): void {
    if (inFlight.has(peerId) || !isListed(peerId)) return;
    inFlight.add(peerId);
    tasks.run('ping', async (signal) => {
      const timeoutMs = pingIntervalMs * health.multiplier();
      const sentAt = clock.monotonic();
      try {
        const answer = await rpc.call(peerId, PING, 'ping', { at: clock.now() }, { timeoutMs, signal });
        answered(peerId, sentAt, answer);
      } catch (error) {
        if (!signal.aborted) failed(peerId, clock.monotonic() - sentAt - timeoutMs, error);
      } finally {
        inFlight.delete(peerId);
        if (again.delete(peerId)) ping(peerId);
      }
    });
  }

  function heard(peerId: PeerId): void {
    misses.delete(peerId);
    if (net.isConnected(peerId)) heardAt.set(peerId, clock.monotonic());
  }

  function answered(peerId: PeerId, sentAt: number, { at, store }: PingAnswer): void {
    heard(peerId);
    if (!isListed(peerId)) return;
    if (store) events.emit('peer:position', { peerId, store });
    const known = patients.get(peerId);
    const patient = known ?? { pulse: createPulseRecorder(clock), alive: false };
    if (!known) patients.set(peerId, patient);
    const moved = patient.pulse.answered(sentAt, clock.monotonic(), at);
    // Without an answer for very long it did not count.
    if (moved || !patient.alive) offset.until = 0;
    if (patient.alive) return;
    patient.alive = true;
    if (!expiry) watchExpiry();
    events.emit('peer:alive', peerId);
  }

  function failed(peerId: PeerId, lateMs: number, error: unknown): void {
    if (!net.isConnected(peerId)) return;
    if (isP2posError(error, 'OVERLOADED') || isP2posError(error, 'PEER_UNREACHABLE')) {
      // Nothing was sent, or the peer would not take it; only time tells whether anything still comes back.
      const since = heardAt.get(peerId);
      if (since === undefined) heardAt.set(peerId, clock.monotonic());
      else if (clock.monotonic() - since >= SILENT_MS) drop(peerId);
    } else if (!isP2posError(error, 'TIMEOUT')) {
      // An error that the peer answered proves that the link works; it is no proof that the peer counts us in.
      heard(peerId);
    } else if (!health.observe(lateMs)) {
      const count = (misses.get(peerId) ?? 0) + 1;
      misses.set(peerId, count);
      if (count >= maxMisses) drop(peerId);
    }
  }

  function drop(peerId: PeerId): void {
    log.info({ action: 'drop_connection', peer: peerId }, 'connection dropped, pings unanswered');
    tasks.run('hang_up', () => net.hangUp(peerId));
  }

  function watchExpiry(): void {
    expiry?.[Symbol.dispose]();
    expiry = undefined;
    const alive = [...patients.values()].filter((patient) => patient.alive);
    if (alive.length === 0 || tasks.signal.aborted) return;
    const next = Math.min(...alive.map((patient) => patient.pulse.lastAnswerAt() + aliveForMs));
    // At least 1 ms: a difference of floating-point times may be too small to move the clock.
    expiry = clock.after(Math.max(1, next - clock.monotonic()), () => {
      const lost = [...patients].filter(([peerId, patient]) => patient.alive && !isAlive(peerId));
      for (const [, patient] of lost) patient.alive = false;
      watchExpiry();
      for (const [peerId] of lost) events.emit('peer:lost', peerId);
    });
  }

  function isAlive(peerId: PeerId): boolean {
    const patient = patients.get(peerId);
    return patient !== undefined && clock.monotonic() - patient.pulse.lastAnswerAt() < aliveForMs;
  }

  /** Asked several times for every record: worked out again when a peer answers, a clock moves, or after a while. */
  function clocks(): ClockOpinion {
    const monotonic = clock.monotonic();
    const ahead = clock.now() - monotonic;
    if (monotonic < offset.until && Math.abs(ahead - offset.ahead) <= OFFSET_DRIFT_MS) return offset.opinion;
    const oldest = monotonic - OFFSET_VALID_MS;
    const since = (from: number) =>
      [...patients.values()].map(({ pulse }) => pulse).filter((pulse) => pulse.lastAnswerAt() >= from);
    // Who fell silent may have done so with a wrong clock.
    const fresh = since(monotonic - aliveForMs);
    const offsets = (fresh.length >= 2 ? fresh : since(oldest)).map((pulse) => pulse.offsetMs());
    const [only = 0] = offsets;
    const opinion =
      offsets.length < 2 ? { answered: offsets.length, offsetMs: only } : opinionOf([0, ...offsets]);
    offset = { until: monotonic + OFFSET_KEPT_MS, ahead, opinion };
    return offset.opinion;
  }

  /** Where two halves say two things, it is as if one alone had answered: nobody knows which is right. */
  function opinionOf(values: readonly number[]): ClockOpinion {
    const { near, far } = middlesOf(values);
    if (Math.abs(far - near) > CLOCK_WARN_MS) return { answered: 1, offsetMs: far };
    return { answered: values.length - 1, offsetMs: near };
  }

  function clockOffsetMs(): number {
    const { answered, offsetMs } = clocks();
    return answered < 2 ? 0 : offsetMs;
  }

  function watchClock(): void {
    const ahead = clock.now() - clock.monotonic();
    if (Math.abs(ahead - wallAhead) > CLOCK_JUMP_MS) {
      for (const patient of patients.values()) patient.pulse.forgetOffsets();
    }
    wallAhead = ahead;
    const offsetMs = Math.round(clockOffsetMs());
    const off = Math.abs(offsetMs) > CLOCK_WARN_MS;
    if (off && !clockWarned) {
      log.warn(
        { action: 'clock_off', offset_ms: offsetMs },
        'clock differs from most members; set it by ntp',
      );
    } else if (!off && clockWarned) {
      log.info({ action: 'clock_agrees', offset_ms: offsetMs }, 'clock agrees with the members again');
    }
    clockWarned = off;
  }

  const served = rpc.serve(PING, {
    ping: async (_, { peerId }) => {
      if (!isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      return { at: clock.now(), store: deps.position() };
    },
  });

  const subscriptions = [
    net.events.on('peer:connected', (peerId) => {
      heardAt.set(peerId, clock.monotonic());
      if (inFlight.has(peerId)) again.add(peerId);
      else ping(peerId);
    }),
    net.events.on('peer:disconnected', (peerId) => {
      misses.delete(peerId);
      heardAt.delete(peerId);
      again.delete(peerId);
    }),
    membership.events.on('membership:changed', () => {
      for (const [peerId, patient] of [...patients]) {
        if (isListed(peerId)) continue;
        patients.delete(peerId);
        misses.delete(peerId);
        offset.until = 0;
        if (patient.alive) events.emit('peer:lost', peerId);
      }
      for (const { peerId } of net.connections()) ping(peerId);
    }),
  ];

  tasks.run('ping_loop', async (signal) => {
    while (!signal.aborted) {
      for (const peerId of new Set(net.connections().map((connection) => connection.peerId))) ping(peerId);
      const waitMs = jitter(random, pingIntervalMs, 0.1);
      const from = clock.monotonic();
      await sleep(clock, waitMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      health.observe(clock.monotonic() - from - waitMs);
      watchClock();
    }
  });

  return {
    events,
    pulse: (peerId) => patients.get(peerId)?.pulse.read(),
    isAlive,
    clockOffsetMs,
    clocks,
    async [Symbol.asyncDispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      served[Symbol.dispose]();
      expiry?.[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
      expiry?.[Symbol.dispose]();
    },
  };
}
