/**
 * Judges heartbeats that peers hand in: size, form, system, membership, newer than known, window, rate, and only then
 * the signature, so that a flood of copies costs no cryptography.
 */
import { isP2posError, P2posError, parseTimestamp, type SignedDocument } from '@p2pos/protocol';
import type { Allowance } from '../allowance/index.ts';
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';
import type { HeartbeatReader } from './heartbeat.ts';
import type { Heartbeat, Known } from './index.ts';
import { compareStamps, type Held, type Sightings } from './sightings.ts';

/** `own`: signed by this node's key. `known`: this very one or a copy under judgement. `older`: a newer one is known. */
export type Verdict =
  | 'accepted'
  | 'own'
  | 'known'
  | 'older'
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
  readonly correctedNow: () => number;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** How often a subject may be heard anew: its heartbeats go on to everyone. */
  readonly subjects: Allowance;
  readonly accepted: (held: Held, from: PeerId) => void;
  /** One of this node's own key that is not the newest that this process sent. */
  readonly own: (heartbeat: Heartbeat) => void;
}

export interface Inbox {
  /** @throws P2posError OVERLOADED */
  judge(document: Uint8Array, from: PeerId): Promise<Verdict>;
  /** Which heartbeat it is, where it was judged before; without reading it again. */
  stampOf(document: Uint8Array): Known | undefined;
}

/** Signatures under verification at once. */
const MAX_UNDER_WAY = 256;
/** Names of documents judged before; each comes about log2(n) times. */
const MAX_SEEN = 4_096;

export function createInbox(deps: InboxDeps, config: { readonly windowMs: number }): Inbox {
  const { self, reader, sightings, isListed, correctedNow, clock, subjects } = deps;
  const underWay = new Set<string>();
  const seen = new Map<string, Known>();

  /** Above 0: a newer one is known; 0: this one; below: it is news. */
  function orderOf(heartbeat: Heartbeat): number {
    const known = sightings.get(heartbeat.peerId);
    return known ? compareStamps(known.sighting.heartbeat, heartbeat) : -1;
  }

  function remember(name: string, { peerId, incarnation, seq }: Heartbeat): void {
    seen.set(name, { peerId, incarnation, seq });
    if (seen.size > MAX_SEEN) seen.delete(seen.keys().next().value as string);
  }

  async function judgeNewer(document: SignedDocument<Heartbeat>, from: PeerId): Promise<Verdict> {
    const heartbeat = document.body;
    await reader.verify(document);
    // A newer one may have come, or its sender may have been removed, while the signature was verified.
    if (orderOf(heartbeat) >= 0) return 'older';
    if (!isListed(heartbeat.peerId)) return 'not_member';
    if (!subjects.take(heartbeat.peerId, 1)) return 'too_many';
    const sighting = { heartbeat, receivedAt: clock.now() };
    deps.accepted(sightings.set(sighting, document.bytes, clock.monotonic()), from);
    return 'accepted';
  }

  async function judgeDecoded(document: SignedDocument<Heartbeat>, from: PeerId): Promise<Verdict> {
    const { peerId, at, incarnation } = document.body;
    if (!isListed(peerId)) return 'not_member';
    const order = orderOf(document.body);
    if (order === 0) return 'known';
    const inWindow = Math.abs(parseTimestamp(at) - correctedNow()) <= config.windowMs;
    const otherLife = sightings.get(peerId)?.sighting.heartbeat.incarnation !== incarnation;
    if (peerId === self && (otherLife || order < 0)) {
      await reader.verify(document);
      deps.own(document.body);
      return 'own';
    }
    if (order > 0) return 'older';
    if (!inWindow) return 'outside_window';
    return subjects.left(peerId) < 1 ? 'too_many' : judgeNewer(document, from);
  }

  return {
    stampOf: (bytes) => seen.get(reader.nameOf(bytes)),
    async judge(bytes, from) {
      const name = reader.nameOf(bytes);
      if (seen.has(name) || underWay.has(name)) return 'known';
      if (underWay.size >= MAX_UNDER_WAY)
        throw new P2posError('OVERLOADED', { what: 'Presence of this node' });
      underWay.add(name);
      try {
        const document = reader.decode(bytes);
        const verdict = await judgeDecoded(document, from);
        if (verdict === 'accepted' || verdict === 'known' || verdict === 'own')
          remember(name, document.body);
        return verdict;
      } catch (error) {
        if (isP2posError(error, 'DOCUMENT_SIGNATURE')) return 'forged';
        if (isP2posError(error, 'DOCUMENT_MALFORMED')) return 'malformed';
        throw error;
      } finally {
        underWay.delete(name);
      }
    },
  };
}
