/** How long bytes take on each link: drawn from a seed, with retransmissions for what is lost, and links that are slow for a while. */
import type { SeededRandom } from '../seeded-random.ts';

export interface LinkConfig {
  /** Median of one way, ms, before the link's own distance. */
  readonly medianMs: number;
  /** Share of chunks lost once or more; each costs a retransmission. */
  readonly loss: number;
  readonly retransmitMs: number;
}

export interface Links {
  latencyMs(from: number, to: number): number;
  /** One direction takes `factor` times as long from now on; 1 ends it. */
  slow(from: number, to: number, factor: number): void;
  healAll(): void;
}

export const LAN: LinkConfig = { medianMs: 1, loss: 0.002, retransmitMs: 200 };

const MAX_NODES = 1_048_576;

export function createLinks(random: SeededRandom, { medianMs, loss, retransmitMs }: LinkConfig): Links {
  const distances = new Map<number, number>();
  const slowed = new Map<number, number>();
  const wayOf = (from: number, to: number) => from * MAX_NODES + to;

  /** Log-normal about 1: most take what they take, few take much longer. */
  function spread(): number {
    const normal = Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
    return Math.exp(0.35 * normal);
  }

  return {
    latencyMs(from, to) {
      const link = from < to ? wayOf(from, to) : wayOf(to, from);
      let distance = distances.get(link);
      if (distance === undefined) {
        distance = medianMs * (0.5 + random.float());
        distances.set(link, distance);
      }
      let ms = distance * spread() * (slowed.get(wayOf(from, to)) ?? 1);
      for (let wait = retransmitMs; random.chance(loss) && wait < 60_000; wait *= 2) ms += wait;
      return ms;
    },
    slow(from, to, factor) {
      if (factor === 1) slowed.delete(wayOf(from, to));
      else slowed.set(wayOf(from, to), factor);
    },
    healAll: () => slowed.clear(),
  };
}
