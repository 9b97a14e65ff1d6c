/**
 * Judges heartbeats that peers hand in: size, form, system, membership, newer than known, window, rate, and only then
 * the signature, so that a flood of copies costs no cryptography.
 */
import { isP2posError, P2posError } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';
import type { HeartbeatReader, ReadHeartbeat } from './heartbeat.ts';
import type { Heartbeat } from './port.ts';
import { compareStamps, type Held, type Sightings } from './sightings.ts';

/**
 * `own`: signed by this node's key. `known`: this very one or a copy under judgement. `older`: a newer one is known;
 * `behind`: and it is of who handed it in.
 */
export type Verdict =
  | 'accepted'
  | 'own'
  | 'known'
  | 'older'
  | 'behind'
  | 'not_member'
  | 'outside_window'
  | 'too_many'
  | 'malformed'
  | 'forged';

export interface InboxDeps {
  readonly self: PeerId;
  readonly reader: HeartbeatReader;
  readonly sightings: Sightings;
  readonly isListed: (peerId: PeerId) => boolean;
  readonly listed: () => number;
  readonly correctedNow: () => number;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly accepted: (held: Held, from: PeerId) => void;
  /** One of this node's own key that is not the newest that this process sent. */
  readonly own: (heartbeat: Heartbeat) => void;
}

/** Whatever comes, the same document will not be news. */
const LASTING: ReadonlySet<Verdict> = new Set(['accepted', 'own', 'known', 'older', 'behind']);

export interface Inbox {
  /** At once where no signature must be verified. @throws P2posError OVERLOADED */
  judge(document: Uint8Array, from: PeerId): Verdict | Promise<Verdict>;
  /** Judged already or under judgement. */
  knows(name: string): boolean;
}

/** Signatures under verification at once. */
const MAX_UNDER_WAY = 256;
/** Names of documents judged before, for each member: each is offered for some seconds, and a new one comes every 30 s. */
const SEEN_PER_MEMBER = 2;
const MIN_SEEN = 512;

export function createInbox(deps: InboxDeps, config: { readonly windowMs: number }): Inbox {
  const { self, reader, sightings, isListed, correctedNow, clock } = deps;
  const underWay = new Set<string>();
  const seen = new Map<string, PeerId>();
  /** The names in `seen`, in the order that they came, from `oldest` on round. */
  const names: string[] = [];
  let oldest = 0;

  /** Above 0: a newer one is known; 0: this one; below: it is news. */
  function orderOf(heartbeat: Heartbeat): number {
    const known = sightings.get(heartbeat.peerId);
    return known ? compareStamps(known.heartbeat, heartbeat) : -1;
  }

  function remember({ name, heartbeat }: ReadHeartbeat): void {
    if (names.length >= MIN_SEEN + SEEN_PER_MEMBER * deps.listed()) {
      oldest = (oldest + 1) % names.length;
      seen.delete(names[oldest] as string);
      names[oldest] = name;
    } else names.push(name);
    seen.set(name, heartbeat.peerId);
  }

  /** Of one judged before. */
  function judgeCopy(name: string, from: PeerId): Verdict {
    const isOfSender = seen.get(name) === from;
    return isOfSender && sightings.get(from)?.read.name !== name ? 'behind' : 'known';
  }

  /** Whatever can be said without cryptography; undefined: its signature matters. */
  function judgeUnverified({ heartbeat, at }: ReadHeartbeat, from: PeerId): Verdict | undefined {
    const { peerId, incarnation } = heartbeat;
    if (!isListed(peerId)) return 'not_member';
    const order = orderOf(heartbeat);
    if (order === 0) return 'known';
    const otherLife = sightings.get(peerId)?.heartbeat.incarnation !== incarnation;
    if (peerId === self && (otherLife || order < 0)) return undefined;
    if (order > 0) return peerId === from ? 'behind' : 'older';
    if (Math.abs(at - correctedNow()) > config.windowMs) return 'outside_window';
    return sightings.mayHear(peerId) ? undefined : 'too_many';
  }

  function judgeVerified(read: ReadHeartbeat, from: PeerId): Verdict {
    const { heartbeat } = read;
    const { peerId } = heartbeat;
    if (peerId === self) {
      deps.own(heartbeat);
      return 'own';
    }
    // A newer one may have come, or its sender may have been removed, while the signature was verified.
    if (orderOf(heartbeat) >= 0) return 'older';
    if (!isListed(peerId)) return 'not_member';
    if (!sightings.mayHear(peerId)) return 'too_many';
    deps.accepted(sightings.set(read, clock.now(), clock.monotonic()), from);
    return 'accepted';
  }

  async function judgeLater(read: ReadHeartbeat, from: PeerId, verified: Promise<void>): Promise<Verdict> {
    underWay.add(read.name);
    try {
      await verified;
      const verdict = judgeVerified(read, from);
      if (LASTING.has(verdict)) remember(read);
      return verdict;
    } catch (error) {
      if (isP2posError(error, 'DOCUMENT_SIGNATURE')) return 'forged';
      throw error;
    } finally {
      underWay.delete(read.name);
    }
  }

  return {
    knows: (name) => seen.has(name) || underWay.has(name),
    judge(bytes, from) {
      const name = reader.nameOf(bytes);
      if (seen.has(name)) return judgeCopy(name, from);
      if (underWay.has(name)) return 'known';
      if (underWay.size >= MAX_UNDER_WAY)
        throw new P2posError('OVERLOADED', { what: 'Presence of this node' });
      let read: ReadHeartbeat;
      try {
        read = reader.read(bytes);
      } catch (error) {
        if (isP2posError(error, 'DOCUMENT_MALFORMED')) return 'malformed';
        throw error;
      }
      let verdict = judgeUnverified(read, from);
      if (verdict === undefined) {
        const verified = reader.verify(read);
        if (verified) return judgeLater(read, from, verified);
        verdict = judgeVerified(read, from);
      }
      if (LASTING.has(verdict)) remember(read);
      return verdict;
    },
  };
}
