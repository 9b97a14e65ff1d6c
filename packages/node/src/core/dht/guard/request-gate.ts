/**
 * How much each peer and each network may ask of this node: token buckets in bounded memory, by what a peer cannot choose —
 * the key that it proved and the network that it comes from, never a name in its message. What we asked for costs nothing.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { NetworkGroup } from '../routing/network-group.ts';
import type { Reputation } from './reputation.ts';

export interface RequestLimits {
  /** Each second, and twice as much at once. */
  readonly perPeer: number;
  readonly perNetwork: number;
}

export const DEFAULT_REQUEST_LIMITS: RequestLimits = { perPeer: 1_000, perNetwork: 4_000 };

/** Of one turn; beyond, the turn ends early: memory is bounded, not memory's precision. */
const MAX_BUCKETS = 8_192;
/** A bucket is full again after two seconds, so one that was not used in the last two turns need not be kept. */
const TURN_MS = 5_000;
/** Points of a refused request: a second of ten thousand requests is a ban. */
const FLOOD_POINTS = 0.02;

export interface RequestGate {
  /** @throws P2posError PEER_BANNED, OVERLOADED */
  enter(peerId: PeerId, network: NetworkGroup | undefined, cost: number): void;
}

export function createRequestGate(
  { clock, reputation }: { readonly clock: Pick<Clock, 'monotonic'>; readonly reputation: Reputation },
  limits: RequestLimits,
): RequestGate {
  interface Bucket {
    left: number;
    at: number;
  }
  let recent = new Map<string, Bucket>();
  let before = new Map<string, Bucket>();
  let turnedAt = clock.monotonic();

  function bucketOf(name: string, rate: number, now: number): Bucket {
    if (now - turnedAt > TURN_MS || recent.size >= MAX_BUCKETS) {
      before = now - turnedAt > 2 * TURN_MS ? new Map() : recent;
      recent = new Map();
      turnedAt = now;
    }
    const bucket = recent.get(name) ?? before.get(name) ?? { left: 2 * rate, at: now };
    recent.set(name, bucket);
    return bucket;
  }

  function take(name: string, rate: number, cost: number): boolean {
    const now = clock.monotonic();
    const bucket = bucketOf(name, rate, now);
    bucket.left = Math.min(2 * rate, bucket.left + ((now - bucket.at) / 1_000) * rate);
    bucket.at = now;
    if (bucket.left < cost) return false;
    bucket.left -= cost;
    return true;
  }

  return {
    enter(peerId, network, cost) {
      reputation.require(peerId, network);
      const may =
        take(peerId, limits.perPeer, cost) &&
        (network === undefined || take(`net ${network}`, limits.perNetwork, cost));
      if (may) return;
      reputation.blame(peerId, network, FLOOD_POINTS);
      throw new P2posError('OVERLOADED', { what: 'The hash table of this node' });
    },
  };
}
