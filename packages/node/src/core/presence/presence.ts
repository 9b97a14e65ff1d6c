/** Presence behind its door: this node's own heartbeat, the judging and passing on of others', and what is kept. */
import { type Crypto, P2posError, parseTimestamp, type Signer } from '@p2pos/protocol';
import { type Allowance, createAllowance } from '../allowance/index.ts';
import type { Clock } from '../clock/index.ts';
import { createEmitter, type Events } from '../events/index.ts';
import type { Liveness, NodeState, NodeStateEvents } from '../liveness/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Address, Net, PeerId } from '../net/index.ts';
import type { Random } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { Store, StorePosition } from '../store/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createGossip, MAX_BATCH } from './gossip.ts';
import { createHeartbeatReader, type HeartbeatReader } from './heartbeat.ts';
import { openPresenceHistory } from './history.ts';
import { createInbox, type Verdict } from './inbox.ts';
import { createOwnHeartbeat } from './own-heartbeat.ts';
import type { Known, Presence, PresenceEvents, Reachability } from './port.ts';
import { createSightings } from './sightings.ts';
import { HEARTBEAT } from './wire.ts';

export interface PresenceDeps {
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly net: Pick<Net, 'peerId' | 'events' | 'connections' | 'isConnected'>;
  readonly membership: Pick<Membership, 'systemId' | 'view' | 'heads' | 'events'>;
  readonly state: { current(): NodeState; readonly events: Events<NodeStateEvents> };
  readonly liveness: Pick<Liveness, 'clockOffsetMs' | 'pulse' | 'isAlive'>;
  readonly store: Store;
  /** What heartbeats tell of the store. Default: where it is. */
  readonly position?: () => StorePosition;
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

const FLUSH_MS = 60_000;
const ROUND_TRIP_EVERY_MS = 60_000;
const PUSH_TIMEOUT_MS = 5_000;
const OVERLOADED = { what: 'Presence of this node' };

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
  const whole = { burst: () => 4 * members() + 256, perSecond: () => (4 * members() + 64) / 30 };
  const [senders, offerers] = [createAllowance(clock, whole), createAllowance(clock, whole)];
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
    },
    async offer(target, names, signal) {
      const options = { timeoutMs: PUSH_TIMEOUT_MS, signal };
      return (await rpc.call(target, HEARTBEAT, 'offer', { names: [...names] }, options)).lacking;
    },
  });
  /** Monotonic, ms; what was heard since is not on disk. */
  let writtenAt = Number.NEGATIVE_INFINITY;
  const inbox = createInbox(
    {
      self,
      reader,
      sightings,
      isListed,
      listed: members,
      correctedNow,
      clock,
      own: (heartbeat) => own.met(heartbeat),
      accepted(held, from) {
        const { heartbeat, read, changed } = held;
        const { peerId } = heartbeat;
        if (changed) history.note(peerId, 'heartbeat', heartbeat.seq);
        gossip.spread({ subject: peerId, name: read.name, document: read.document, from, urgent: changed });
        events.emit('heartbeat:accepted', held);
      },
    },
    { windowMs },
  );

  /** What was known before the restart, so a replay of it is none the fresher for that. */
  async function restore(): Promise<void> {
    for (const { peerId, receivedAt, document } of await history.heartbeats()) {
      try {
        if (peerId === self || !isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
        const read = reader.read(document);
        await reader.verify(read);
        const agoMs = Math.max(0, clock.now() - receivedAt);
        sightings.set(read, receivedAt, clock.monotonic() - agoMs);
      } catch {
        history.forget(peerId);
      }
    }
  }

  const own = createOwnHeartbeat(
    {
      ...deps,
      position: deps.position ?? (() => store.position()),
      history,
      tasks,
      correctedNow,
      isListed,
      firstIncarnation,
      sealed(heartbeat, document) {
        const read = { name: reader.nameOf(document), heartbeat, document, at: parseTimestamp(heartbeat.at) };
        sightings.set(read, clock.now(), clock.monotonic());
        gossip.tell(document);
      },
      duplicated: (error) => events.emit('identity:duplicate', error),
    },
    { intervalMs, version },
  );
  const { announce } = own;

  /** `behind`: something that `from` handed over of itself is older than what is known of it. */
  async function take(documents: readonly Uint8Array[], from: PeerId) {
    let news = 0;
    let behind = false;
    for (const document of documents) {
      if (faults.left(from) < 1) throw new P2posError('OVERLOADED', OVERLOADED);
      const judged = inbox.judge(document, from);
      const verdict = typeof judged === 'string' ? judged : await judged;
      if (verdict === 'accepted') news++;
      else if (verdict === 'behind') behind = true;
      else if (verdict === 'malformed' || verdict === 'forged') blame(from, verdict);
    }
    return { news, behind };
  }
  const accept = async (documents: readonly Uint8Array[], from: PeerId) => (await take(documents, from)).news;

  function blame(from: PeerId, verdict: Verdict): void {
    faults.take(from, 1);
    log.debug({ action: 'refuse_heartbeat', from, verdict }, 'heartbeat refused');
    if (faults.left(from) >= 1) return;
    log.warn(
      { action: 'refuse_heartbeats', from },
      'member hands in false heartbeats, no more taken for a minute',
    );
  }

  function admit(peerId: PeerId, allowance: Allowance, cost: number): void {
    if (!isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
    if (!allowance.take(peerId, cost)) throw new P2posError('OVERLOADED', OVERLOADED);
  }
  const served = rpc.serve(HEARTBEAT, {
    async push({ heartbeats }, { peerId }) {
      admit(peerId, senders, heartbeats.length);
      const { news, behind } = await take(heartbeats, peerId);
      // Another process with the sender's key lives, or one did.
      const held = behind ? sightings.get(peerId) : undefined;
      return { accepted: news, newer: held ? [held.read.document] : [] };
    },
    async offer({ names }, { peerId }) {
      admit(peerId, offerers, names.length);
      const lacking: number[] = [];
      for (let place = 0; place < names.length; place++) {
        if (!inbox.knows(names[place] as string)) lacking.push(place);
      }
      return { lacking };
    },
  });

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

  async function write(): Promise<void> {
    for (const { heartbeat, receivedAt, heardAt, read } of sightings.all()) {
      const { peerId } = heartbeat;
      if (heardAt > writtenAt && peerId !== self)
        history.keep({ peerId, receivedAt, document: read.document });
    }
    writtenAt = clock.monotonic();
    await history.flush();
  }

  const subscriptions = [
    state.events.on('state:changed', announce),
    membership.events.on('membership:changed', () => {
      for (const { heartbeat } of [...sightings.all()]) {
        const { peerId } = heartbeat;
        if (isListed(peerId)) continue;
        sightings.delete(peerId);
        history.forget(peerId);
      }
      for (const memory of [senders, offerers, faults]) memory.retain(isListed);
      announce();
    }),
    net.events.on('peer:connected', (peerId) => {
      if (isListed(peerId)) history.note(peerId, 'connected');
    }),
    net.events.on('peer:disconnected', (peerId) => {
      if (isListed(peerId)) history.note(peerId, 'disconnected');
    }),
  ];
  tasks.every({ name: 'presence_flush', intervalMs: FLUSH_MS }, write);
  tasks.every({ name: 'presence_round_trips', intervalMs: ROUND_TRIP_EVERY_MS }, async () => {
    for (const peerId of membership.view().members.keys()) {
      const pulse = liveness.isAlive(peerId) ? liveness.pulse(peerId) : undefined;
      if (pulse) history.note(peerId, 'round_trip', pulse.roundTripMs);
    }
  });
  announce();

  return {
    events,
    sighting: (peerId) => sightings.get(peerId),
    ageMs,
    reachability,
    announce,
    duplicate: own.duplicate,
    incarnation: own.incarnation,
    known: () =>
      [...sightings.all()].map(({ heartbeat: { peerId, incarnation, seq } }): Known => {
        return { peerId, incarnation, seq };
      }),
    newerThan(known, maxBytes) {
      const documents: Uint8Array[] = [];
      let bytes = 0;
      for (const held of sightings.lackedBy(known)) {
        if (Math.abs(sightings.ageMs(held)) > windowMs) continue;
        const { document } = held.read;
        if (documents.length >= MAX_BATCH || bytes + document.length > maxBytes)
          return { documents, more: true };
        documents.push(document);
        bytes += document.length;
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
      await write();
    },
  };
}
