/** Disks that fail, are full, slow or stall, that are lost, come back as an old copy, or have a flipped bit. */
import { rowsOf } from '../rows.ts';
import { isListed } from '../wounds.ts';
import { type Fault, type Ground, short } from './ground.ts';

export type DiskKind = 'disk' | 'stall' | 'lost disk' | 'old copy' | 'flipped bit';

/** Where the bytes of a record lie, and what is known of it beside them. Most of a disk are values. */
const COLUMNS = ['value', 'value', 'value', 'header', 'proof', 'leaf'] as const;

export function diskFaults(ground: Ground, onLoss: (i: number) => void): Record<DiskKind, Fault> {
  const { sim, random, wounds, later, start, count } = ground;

  /** Of one that is a member, so that it has something to lose. */
  async function replace(i: number, image?: Uint8Array): Promise<boolean> {
    if (ground.isOver() || !isListed(sim, i) || wounds.open(sim)) return false;
    await sim.crash(i);
    sim.replaceDisk(i, image);
    wounds.disk(sim, i);
    sim.trace.add(`node${i} ${image ? 'has an old copy of its disk' : 'lost its disk'}`);
    onLoss(i);
    later(short(random), () => start(i));
    return true;
  }

  /** Of a disk that is new and was never opened none. */
  const commitsOf = (i: number) =>
    rowsOf<{ commits: number }>(sim, i, '_p2pos_store', 'SELECT commits FROM _p2pos_store')[0]?.commits ?? 0;

  return {
    disk(i) {
      const disk = sim.disks[i];
      if (!disk) return false;
      const what = random.pick(['failing', 'full', 'slow'] as const);
      if (what === 'slow') disk.commitMs = 20 + random.float() * 300;
      else disk[what] = true;
      later(short(random) / 2, () => {
        if (what === 'slow') disk.commitMs = 0.5;
        else disk[what] = false;
      });
      return true;
    },
    /** Longer than anybody waits for an answer. */
    stall(i) {
      const disk = sim.disks[i];
      if (!disk) return false;
      disk.stalledUntil = sim.clock.monotonic() + 6_000 + 24_000 * random.float();
      return true;
    },
    'lost disk': (i) => replace(i),
    /** Now the copy, later the accident; counted then. */
    'old copy'(i) {
      const image = sim.disk(i).image();
      const before = commitsOf(i);
      later(120_000 + random.float() * 600_000, async () => {
        // Of one that was down all the while it would be no older.
        if (commitsOf(i) !== before && (await replace(i, image))) count('old copy');
      });
      return false;
    },
    'flipped bit'(i) {
      // One that has just lost its disk has no tables before it is up.
      if (!sim.isUp(i) || !isListed(sim, i) || wounds.open(sim, i)) return false;
      const column = random.pick(COLUMNS);
      // Half of them among the few keys that are asked for most.
      const hot = random.chance(0.5) ? "AND namespace = 'default/kv' AND length(key) <= 3" : '';
      const rows = sim
        .disk(i)
        .peek<{ id: number; bytes: Uint8Array }>(
          `SELECT id, ${column} AS bytes FROM records WHERE length(${column}) > 0 ${hot} ORDER BY id`,
        );
      if (rows.length === 0) return false;
      const { id, bytes } = random.pick(rows);
      const flipped = new Uint8Array(bytes);
      const at = random.below(flipped.length);
      flipped[at] = (flipped[at] as number) ^ (1 << random.below(8));
      sim.trace.add(`node${i} has a flipped bit in a ${column}`);
      sim.disk(i).tamper({ sql: `UPDATE records SET ${column} = ? WHERE id = ?`, params: [flipped, id] });
      wounds.row(sim, i, { id, column, bytes: flipped });
      return true;
    },
  };
}
