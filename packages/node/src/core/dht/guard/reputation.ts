/**
 * Who is not heard for a while: peers, and networks of many such peers, that asked for far too much or sent what cannot be
 * true. Bans end by themselves, double with each repeat up to a day, and are forgotten after a day of good conduct.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { NetworkGroup } from '../routing/network-group.ts';

export interface ReputationConfig {
  /** Points at which a peer is banned. */
  readonly limit: number;
  /** A network bears this share of its peers' points. */
  readonly networkShare: number;
  /** Half of the points are forgotten after this long. */
  readonly halfLifeMs: number;
  readonly firstBanMs: number;
  readonly maxBanMs: number;
}

export const DEFAULT_REPUTATION: ReputationConfig = {
  limit: 100,
  networkShare: 1 / 4,
  halfLifeMs: 10 * 60_000,
  firstBanMs: 10 * 60_000,
  maxBanMs: 24 * 3_600_000,
};

/** The one blamed longest ago is forgotten beyond this many: memory is bounded, not memory's precision. */
const MAX_REMEMBERED = 16_384;

interface Standing {
  points: number;
  at: number;
  bans: number;
  bannedUntil: number;
}

export interface Reputation {
  /** True: that was the drop too much, it is banned from now on. */
  blame(peerId: PeerId, network: NetworkGroup | undefined, points: number): boolean;
  /** How much longer it is not heard, ms; 0: it is. */
  bannedMs(peerId: PeerId, network: NetworkGroup | undefined): number;
  /** @throws P2posError PEER_BANNED */
  require(peerId: PeerId, network: NetworkGroup | undefined): void;
  /** Peers and networks that are banned now. */
  banned(): number;
}

export function createReputation(
  { clock }: { readonly clock: Pick<Clock, 'monotonic'> },
  config: ReputationConfig = DEFAULT_REPUTATION,
): Reputation {
  const standings = new Map<string, Standing>();
  const names = (peerId: PeerId, network: NetworkGroup | undefined) =>
    network === undefined ? [peerId] : [peerId, `net ${network}`];

  function current(name: string): Standing {
    const now = clock.monotonic();
    const standing = standings.get(name) ?? { points: 0, at: now, bans: 0, bannedUntil: 0 };
    standings.delete(name);
    standings.set(name, standing);
    if (standings.size > MAX_REMEMBERED) forgetOne();
    standing.points *= 0.5 ** ((now - standing.at) / config.halfLifeMs);
    if (standing.bannedUntil > 0 && now - standing.bannedUntil > config.maxBanMs) standing.bans = 0;
    standing.at = now;
    return standing;
  }

  /** Those under a ban last: a crowd of new names must not free an old one. */
  function forgetOne(): void {
    const now = clock.monotonic();
    let tried = 0;
    for (const [name, { bannedUntil }] of standings) {
      if (bannedUntil > now && tried++ < 64) continue;
      standings.delete(name);
      return;
    }
  }

  function bannedMs(peerId: PeerId, network: NetworkGroup | undefined): number {
    if (standings.size === 0) return 0;
    const now = clock.monotonic();
    let longest = 0;
    for (const name of names(peerId, network))
      longest = Math.max(longest, (standings.get(name)?.bannedUntil ?? 0) - now);
    return longest;
  }

  return {
    blame(peerId, network, points) {
      let banned = false;
      for (const [index, name] of names(peerId, network).entries()) {
        const standing = current(name);
        standing.points += index === 0 ? points : points * config.networkShare;
        if (standing.points < config.limit) continue;
        standing.points = 0;
        const lengthMs = Math.min(config.maxBanMs, config.firstBanMs * 2 ** standing.bans);
        standing.bans++;
        standing.bannedUntil = clock.monotonic() + lengthMs;
        banned = true;
      }
      return banned;
    },
    bannedMs,
    require(peerId, network) {
      const ms = bannedMs(peerId, network);
      if (ms > 0) throw new P2posError('PEER_BANNED', { peerId, seconds: Math.ceil(ms / 1_000) });
    },
    banned() {
      const now = clock.monotonic();
      let count = 0;
      for (const { bannedUntil } of standings.values()) if (bannedUntil > now) count++;
      return count;
    },
  };
}
