/** Presence behind its door: this node's own heartbeat, the judging and passing on of others', and what is kept. */
import { type Crypto, P2posError, type SignedDocument, type Signer } from '@p2pos/protocol';
import { createAllowance } from '../allowance/index.ts';
import type { Clock } from '../clock/index.ts';
import { createEmitter, type Events } from '../events/index.ts';
import type { Liveness, NodeState, NodeStateEvents } from '../liveness/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Address, Net, PeerId } from '../net/index.ts';
import type { Random } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { Store } from '../store/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createGossip, MAX_BATCH } from './gossip.ts';
import { createHeartbeatReader, type HeartbeatReader } from './heartbeat.ts';
import { openPresenceHistory } from './history.ts';
import { createInbox } from './inbox.ts';
import type { Heartbeat, Known, Presence, PresenceEvents, Reachability } from './index.ts';
import { createOwnHeartbeat } from './own-heartbeat.ts';
import { compareStamps, createSightings } from './sightings.ts';
import { HEARTBEAT } from './wire.ts';

export interface PresenceDeps {
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly net: Pick<Net, 'peerId' | 'events' | 'connections' | 'isConnected'>;
  readonly membership: Pick<Membership, 'systemId' | 'view' | 'heads' | 'events'>;
  readonly state: { current(): NodeState; readonly events: Events<NodeStateEvents> };
  readonly liveness: Pick<Liveness, 'clockOffsetMs' | 'pulse' | 'isAlive'>;
  readonly store: Store;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where others reach this node; the first 8 are told. */
  readonly addresses: () => readonly Address[];
  /** 0 … 1. */
  readonly load: () => number;
  readonly disk: () => Promise<{ readonly usedBytes: number; readonly freeBytes: number }>;
  /** Default: its own. A simulation of very many nodes reads each heartbeat once for all of them. */
  readonly reader?: HeartbeatReader;
}

export interface PresenceConfig {
  /** Of this software. */
  readonly version: string;
  readonly intervalMs?: number;
  /** How far a heartbeat's date may be off the corrected time, either way. */
  readonly windowMs?: number;
  readonly onlineForMs?: number;
  readonly offlineAfterMs?: number;
}

const FLUSH_MS = 10_000;
const ROUND_TRIP_EVERY_MS = 60_000;
const PUSH_TIMEOUT_MS = 5_000;

export async function createPresence(deps: PresenceDeps, config: PresenceConfig): Promise<Presence> {
  const { rpc, net, membership, state, liveness, store, crypto, clock, random, log } = deps;
  const { version, intervalMs = 30_000, windowMs = 300_000 } = config;
  const { onlineForMs = 90_000, offlineAfterMs = 150_000 } = config;
  const self = net.peerId;
  const events = createEmitter<PresenceEvents>((error) =>
    log.error({ action: 'presence_listener_failed', error }, 'a listener of presence failed'),
  );
  const isListed = (peerId: PeerId) => membership.view().members.has(peerId);
  const members = () => membership.view().members.size;
  const correctedNow = () => clock.now() + liveness.clockOffsetMs();
  const { reader = createHeartbeatReader(crypto, membership.systemId) } = deps;
  const sightings = createSightings(clock, correctedNow);
  const subjects = createAllowance(clock, { burst: () => 10, perSecond: () => 1 });
  const senders = createAllowance(clock, {
    burst: () => 4 * members() + 256,
    perSecond: () => (4 * members() + 64) / 30,
  });
  /** Documents with a bad form or signature; members' software makes none. */
  const faults = createAllowance(clock, { burst: () => 10, perSecond: () => 1 / 60 });

  const history = await openPresenceHistory({ store, clock, log });
  const firstIncarnation = await history.nextIncarnation(clock.now());
  await restore();

  const tasks = createTaskGroup({ clock, random, log });
  const gossip = createGossip({
    net,
    isListed,
    listed: members,
    clock,
    random,
    tasks,
    async push(target, documents, signal) {
      const options = { timeoutMs: PUSH_TIMEOUT_MS, signal };
      const answer = await rpc.call(target, HEARTBEAT, 'push', { heartbeats: [...documents] }, options);
      await accept(answer.newer, target);
      return answer.accepted;
    },
  });
  const inbox = createInbox(
    {
      self,
      reader,
      sightings,
      isListed,
      correctedNow,
      clock,
      subjects,
      own: (heartbeat) => own.met(heartbeat),
      accepted({ sighting, document }, from) {
        const { peerId } = sighting.heartbeat;
        history.keep({ peerId, receivedAt: sighting.receivedAt, document });
        history.note(peerId, 'heartbeat', sighting.heartbeat.seq);
        gossip.spread({ subject: peerId, document, from });
        events.emit('heartbeat:accepted', sighting);
      },
    },
    { windowMs },
  );

  /** What was known before the restart, so a replay of it is none the fresher for that. */
  async function restore(): Promise<void> {
    for (const { peerId, receivedAt, document } of await history.heartbeats()) {
      try {
        if (peerId === self || !isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
        const signed: SignedDocument<Heartbeat> = reader.decode(document);
        await reader.verify(signed);
        const agoMs = Math.max(0, clock.now() - receivedAt);
        sightings.set({ heartbeat: signed.body, receivedAt }, document, clock.monotonic() - agoMs);
      } catch {
        history.forget(peerId);
      }
    }
  }

  const own = createOwnHeartbeat(
    {
      ...deps,
      history,
      tasks,
      correctedNow,
      isListed,
      firstIncarnation,
      sealed(heartbeat, document) {
        sightings.set({ heartbeat, receivedAt: clock.now() }, document, clock.monotonic());
        gossip.spread({ subject: self, document, from: undefined });
      },
      duplicated: (error) => events.emit('identity:duplicate', error),
    },
    { intervalMs, version },
  );
  const { announce } = own;

  async function accept(documents: readonly Uint8Array[], from: PeerId): Promise<number> {
    let news = 0;
    for (const document of documents) {
      if (faults.left(from) < 1) throw new P2posError('OVERLOADED', { what: 'Presence of this node' });
      const verdict = await inbox.judge(document, from);
      if (verdict === 'accepted') news++;
      if (verdict !== 'malformed' && verdict !== 'forged') continue;
      faults.take(from, 1);
      log.debug({ action: 'refuse_heartbeat', from, verdict }, 'heartbeat refused');
      if (faults.left(from) < 1) {
        log.warn(
          { action: 'refuse_heartbeats', from },
          'member hands in false heartbeats, no more taken for a minute',
        );
      }
    }
    return news;
  }

  const served = rpc.serve(HEARTBEAT, {
    push: async ({ heartbeats }, { peerId }) => {
      if (!isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      if (!senders.take(peerId, heartbeats.length)) {
        throw new P2posError('OVERLOADED', { what: 'Presence of this node' });
      }
      const accepted = await accept(heartbeats, peerId);
      return { accepted, newer: newerOfSender(heartbeats, peerId) };
    },
  });

  /** What the sender's key signed that this push of it does not know: another process of it lives, or one did. */
  function newerOfSender(heartbeats: readonly Uint8Array[], sender: PeerId): Uint8Array[] {
    const held = sightings.get(sender);
    return held && heartbeats.some((bytes) => isOlderOf(bytes, sender)) ? [held.document] : [];
  }
  function isOlderOf(bytes: Uint8Array, sender: PeerId): boolean {
    const held = sightings.get(sender);
    const stamp = inbox.stampOf(bytes) ?? stampIn(bytes);
    return (
      held !== undefined &&
      stamp?.peerId === sender &&
      compareStamps(stamp, held.sighting.heartbeat) < 0
    );
  }
  function stampIn(bytes: Uint8Array): Known | undefined {
    try {
      return reader.decode(bytes).body;
    } catch {
      return undefined;
    }
  }

  function ageMs(peerId: PeerId): number | undefined {
    const held = sightings.get(peerId);
    return held && sightings.ageMs(held);
  }

  function reachability(peerId: PeerId): Reachability {
    if (peerId === self || net.isConnected(peerId) || liveness.isAlive(peerId)) return 'online';
    const age = ageMs(peerId) ?? Number.POSITIVE_INFINITY;
    if (age < onlineForMs) return 'online';
    return age < offlineAfterMs ? 'suspect' : 'offline';
  }

  const subscriptions = [
    state.events.on('state:changed', announce),
    membership.events.on('membership:changed', () => {
      for (const { sighting } of [...sightings.all()]) {
        const { peerId } = sighting.heartbeat;
        if (isListed(peerId)) continue;
        sightings.delete(peerId);
        history.forget(peerId);
      }
      for (const memory of [subjects, senders, faults]) memory.retain(isListed);
      announce();
    }),
    net.events.on('peer:connected', (peerId) => {
      if (isListed(peerId)) history.note(peerId, 'connected');
    }),
    net.events.on('peer:disconnected', (peerId) => {
      if (isListed(peerId)) history.note(peerId, 'disconnected');
    }),
  ];
  tasks.every({ name: 'presence_flush', intervalMs: FLUSH_MS }, () => history.flush());
  tasks.every({ name: 'presence_round_trips', intervalMs: ROUND_TRIP_EVERY_MS }, async () => {
    for (const peerId of membership.view().members.keys()) {
      const pulse = liveness.isAlive(peerId) ? liveness.pulse(peerId) : undefined;
      if (pulse) history.note(peerId, 'round_trip', pulse.roundTripMs);
    }
  });
  announce();

  return {
    events,
    sighting: (peerId) => sightings.get(peerId)?.sighting,
    ageMs,
    reachability,
    announce,
    duplicate: own.duplicate,
    incarnation: own.incarnation,
    known: () =>
      [...sightings.all()].map(({ sighting: { heartbeat } }): Known => {
        return { peerId: heartbeat.peerId, incarnation: heartbeat.incarnation, seq: heartbeat.seq };
      }),
    newerThan(known, maxBytes) {
      const stamps = new Map(known.map((one) => [one.peerId, one]));
      const documents: Uint8Array[] = [];
      let bytes = 0;
      for (const held of sightings.all()) {
        const stamp = stamps.get(held.sighting.heartbeat.peerId);
        if (stamp && compareStamps(stamp, held.sighting.heartbeat) >= 0) continue;
        if (Math.abs(sightings.ageMs(held)) > windowMs) continue;
        if (documents.length >= MAX_BATCH || bytes + held.document.length > maxBytes)
          return { documents, more: true };
        documents.push(held.document);
        bytes += held.document.length;
      }
      return { documents, more: false };
    },
    accept,
    async [Symbol.asyncDispose]() {
      own[Symbol.dispose]();
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      served[Symbol.dispose]();
      gossip[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
      await history.flush();
    },
  };
}
