/**
 * How the keeper of an app divides a quota among gateways: by what is asked of each, max-min fair (Bertsekas & Gallager
 * 1992, §6.5.2), and never granting what another still holds. Nine tenths are divided; the rest is what gateways that
 * hold no share may let through by themselves, so that all together stay within the quota.
 */

/** What may be let through without a share, of the whole quota, by all gateways together. */
export const UNASKED = 0.1;
/** Room to grow within a lease: twice what was asked, and this part of the quota. */
const ROOM = 0.25;

interface Holding {
  demand: number;
  share: number;
  until: number;
}

export interface Ask {
  readonly gateway: string;
  readonly demand: number;
  /** What it still holds of a share that another keeper gave. */
  readonly held?: number | undefined;
  readonly quota: number;
  /** Its part of what needs no share. */
  readonly alone: number;
  readonly now: number;
  readonly leaseMs: number;
}

export interface Allocation {
  /** The share, a second, of `gateway` until `now + leaseMs`. */
  ask(ask: Ask): number;
}

export function createAllocation(): Allocation {
  const holdings = new Map<string, Holding>();
  /** Until then shares of the keeper before are about, of which not all are known: nobody gets more than it has. */
  let adoptingUntil = Number.NEGATIVE_INFINITY;

  return {
    ask({ gateway, demand, held, quota, alone, now, leaseMs }) {
      for (const [id, { until }] of holdings) if (until <= now) holdings.delete(id);
      if (held !== undefined && now >= adoptingUntil) adoptingUntil = now + leaseMs;
      const own = holdings.get(gateway) ?? { demand, share: held ?? 0, until: now };
      const most = now < adoptingUntil ? Math.max(own.share, alone) : divisibleOf(quota);
      own.demand = demand;
      holdings.set(gateway, own);
      const divisible = divisibleOf(quota);
      const demands = [...holdings.values()].map((holding) => holding.demand);
      const wanted = Math.min(fairLevel(demands, divisible), demand * 2 + quota * ROOM);
      const others = [...holdings].reduce((sum, [id, { share }]) => (id === gateway ? sum : sum + share), 0);
      own.share = Math.max(0, Math.min(wanted, most, divisible - others));
      own.until = now + leaseMs;
      return own.share;
    },
  };
}

function divisibleOf(quota: number): number {
  return quota * (1 - UNASKED);
}

/** The level at which each demand is cut so that all together are at most `total`; above all of them if they are less. */
export function fairLevel(demands: readonly number[], total: number): number {
  const sorted = demands.toSorted((a, b) => a - b);
  let left = total;
  for (const [i, demand] of sorted.entries()) {
    const level = left / (sorted.length - i);
    if (demand >= level) return level;
    left -= demand;
  }
  return (sorted.at(-1) ?? 0) + left / Math.max(1, sorted.length);
}
