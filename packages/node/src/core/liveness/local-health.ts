/**
 * How far this node trusts its own judgement: a process whose event loop runs late must not blame its peers.
 * After the local health multiplier of Lifeguard (Dadgar, Phillips, Currey 2018, §IV).
 */

/** A timer that fires this much after its time counts as late. */
export const LATE_MS = 200;
/** Timeouts grow to at most 1 + this many times their length. */
const MAX_SCORE = 4;

export interface LocalHealth {
  /** Takes by how much a timer of ours was late; true when that was too much to judge others by. */
  observe(lateMs: number): boolean;
  /** What timeouts are multiplied with, 1 … 5. */
  multiplier(): number;
}

export function createLocalHealth(): LocalHealth {
  let score = 0;
  return {
    observe(lateMs) {
      const late = lateMs > LATE_MS;
      score = late ? Math.min(MAX_SCORE, score + Math.ceil(lateMs / 1_000)) : Math.max(0, score - 1);
      return late;
    },
    multiplier: () => 1 + score,
  };
}
