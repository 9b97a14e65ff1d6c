/**
 * Copies of records that are gone for good until others have given them back: a disk that was lost, is an old copy, or has a
 * flipped bit. With three replicas the second such loss may take what only those two held, as promised; so none comes before
 * the one before has healed. Each must heal: a node that runs on an empty disk and is taken for whole is a broken promise.
 */
import type { Logger } from '../../packages/node/src/core/log/index.ts';
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import { rowsOf } from './rows.ts';

export interface Wounds {
  /** Hears the nodes say that they have caught up. */
  readonly log: Logger;
  /** Whether any is still open, but for those of this node: two of one node are one copy less. */
  open(sim: Simnet, besides?: number): boolean;
  /** It runs on another disk from its next start on. */
  disk(sim: Simnet, i: number): void;
  /** Whether that was so since then, monotonic ms. */
  replacedSince(i: number, ms: number): boolean;
  /** Whoever left without handing over first: as good as lost until the others have taken its place. */
  leaving(sim: Simnet, i: number): void;
  /** The row bears these bytes in that column until it is mended. */
  row(
    sim: Simnet,
    i: number,
    flipped: { readonly id: number; readonly column: string; readonly bytes: Uint8Array },
  ): void;
  /** In words, of those that did not heal; with `ageMs`: that are at least so old. */
  unhealed(sim: Simnet, ageMs?: number): string[];
}

interface Wound {
  readonly node: number;
  readonly since: number;
  readonly text: string;
  healed(sim: Simnet): boolean;
  /** While its node is removed: whether others have taken its place. */
  replaced?: ((sim: Simnet) => boolean) | undefined;
}

export function createWounds(): Wounds {
  let wounds: Wound[] = [];
  const caughtUp = new Set<string>();
  /** When each last got another disk, monotonic ms. */
  const replaced = new Map<number, number>();

  function logOf(fields: Readonly<Record<string, unknown>>): Logger {
    return {
      debug() {},
      info({ action }) {
        if (action === 'caught_up') caughtUp.add(String(fields['node']));
      },
      warn() {},
      error() {},
      child: (more) => logOf({ ...fields, ...more }),
    };
  }

  function look(sim: Simnet): void {
    // One that is removed answers nobody, and comes back as a newcomer: it is healed when others have taken its place.
    wounds = wounds.filter((wound) => {
      if (!isListed(sim, wound.node)) wound.replaced ??= settledSince(sim.snapshot.body.epoch);
      else wound.replaced = undefined;
      return !(wound.replaced ?? wound.healed)(sim);
    });
  }

  return {
    log: logOf({}),
    open(sim, besides) {
      look(sim);
      return wounds.some(({ node }) => node !== besides);
    },
    replacedSince: (i, ms) => (replaced.get(i) ?? Number.NEGATIVE_INFINITY) >= ms,
    disk(sim, i) {
      caughtUp.delete(`node${i}`);
      replaced.set(i, sim.clock.monotonic());
      const before = termOf(sim, i);
      wounds.push({
        node: i,
        since: sim.clock.monotonic(),
        text: `node${i} came back without its disk and never had to catch up`,
        // It may die between the commit that says so and the line that does.
        healed: (sim) => sim.isUp(i) && (caughtUp.has(`node${i}`) || termOf(sim, i) > before),
      });
    },
    leaving(sim, i) {
      wounds.push({
        node: i,
        since: sim.clock.monotonic(),
        text: `node${i} was removed and its slots never settled`,
        healed: settledSince(sim.snapshot.body.epoch + 1),
      });
    },
    row(sim, i, { id, column, bytes }) {
      wounds.push({
        node: i,
        since: sim.clock.monotonic(),
        text: `a flipped bit in a ${column} on the disk of node${i} was never mended`,
        healed(sim) {
          const [row] = sim
            .disk(i)
            .peek<{ bytes: Uint8Array | null }>(`SELECT ${column} AS bytes FROM records WHERE id = ?`, [id]);
          return !row?.bytes || Buffer.compare(row.bytes, bytes) !== 0;
        },
      });
    },
    unhealed(sim, ageMs = 0) {
      look(sim);
      const now = sim.clock.monotonic();
      return wounds.filter(({ since }) => now - since >= ageMs).map(({ text }) => text);
    },
  };
}

/** No move is under way as far as any member knows, and all are there to tell. One that was removed hears of nothing. */
export function isAtRest(sim: Simnet): boolean {
  return sim.nodes.every(({ records }, j) => {
    if (!isListed(sim, j)) return true;
    const { open, unsettled } = records.moves();
    return sim.isUp(j) && open + unsettled === 0;
  });
}

/** Each member, at some time after that snapshot, knew of no move that is under way: not all need be up at once. */
function settledSince(epoch: number): (sim: Simnet) => boolean {
  const told = new Set<number>();
  return (sim) => {
    for (const [j, { records, membership }] of sim.nodes.entries()) {
      if (!isListed(sim, j) || !sim.isUp(j) || membership.view().epoch < epoch) continue;
      const { open, unsettled } = records.moves();
      if (open + unsettled === 0) told.add(j);
    }
    return [...sim.nodes.keys()].every((j) => !isListed(sim, j) || told.has(j));
  };
}

export function isListed(sim: Simnet, i: number): boolean {
  const { peerId } = sim.nodes[i] ?? {};
  return sim.snapshot.body.members.some((member) => member.peerId === peerId);
}

/** Greater each time that what lies there has caught up; 0 while it is known to lack something. */
function termOf(sim: Simnet, i: number): number {
  const sql = 'SELECT term FROM repair_self WHERE learner = 0';
  return rowsOf<{ term: number }>(sim, i, 'repair_self', sql)[0]?.term ?? 0;
}
