/** Things that go wrong, at random: crashes, cut links, failing disks, and members that come and go meanwhile. */
import { P2posError } from '@p2pos/protocol';
import type { SeededRandom } from '../../../testing/seeded-random.ts';
import { storeThrough } from '../../../testing/store-through.ts';
import { sleep } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import { nameOf, type Testbed } from './testbed.ts';

export interface Faults {
  /** Resolves when the fault is over. */
  next(): Promise<void>;
  /** Ends all faults: links healed, disks well, nodes up. */
  repair(): Promise<void>;
}

/** A disk whose writes fail while told so, and that takes its time: before it reads, before and after it commits. */
export function fickle(
  store: Store,
  fails: () => boolean,
  pause: () => Promise<void> = async () => {},
): Store {
  let turn: Promise<unknown> = Promise.resolve();
  return storeThrough(store, {
    async read(sql, params) {
      await pause();
      return store.read(sql, params);
    },
    async write(statements) {
      if (fails()) throw new P2posError('STORE_FAILED', { reason: 'told to' });
      // Commits keep the order of the calls, however slow the disk.
      const committed = turn.then(pause).then(() => store.write(statements));
      turn = committed.catch(() => {});
      const results = await committed;
      await pause();
      return results;
    },
  });
}

export function createFaults(
  bed: Testbed,
  failing: Set<number>,
  random: SeededRandom,
  keys: readonly string[],
  told: string[],
): Faults {
  const { clock, size } = bed;
  const restarting = new Set<number>();
  let members = new Set(Array.from({ length: size - 1 }, (_, i) => i));
  let epoch = 1;
  let cut = false;

  const wait = (leastMs: number, mostMs: number) =>
    sleep(clock, leastMs + random.float() * (mostMs - leastMs));
  const all = () => Array.from({ length: size }, (_, i) => i);

  async function crash(indexes: readonly number[]): Promise<void> {
    const up = indexes.filter((index) => bed.node(index).isUp() && !restarting.has(index));
    for (const index of up) restarting.add(index);
    for (const index of up) await bed.crash(index);
    await wait(200, 4_000);
    for (const index of up) {
      await bed.start(index);
      restarting.delete(index);
    }
  }

  async function partition(): Promise<void> {
    if (cut) return;
    cut = true;
    const side = all().filter(() => random.chance(0.5));
    bed.partition(
      side,
      all().filter((index) => !side.includes(index)),
    );
    await wait(300, 4_000);
    await bed.heal();
    cut = false;
  }

  async function fail(): Promise<void> {
    const index = random.below(size);
    failing.add(index);
    await wait(200, 3_000);
    failing.delete(index);
  }

  function isMoving(): boolean {
    return [...members].some((index) => {
      const { membership } = bed.node(index);
      if (!bed.node(index).isUp() || membership.view().epoch < epoch) return true;
      try {
        return keys.some((key) => bed.node(index).records.locate(nameOf(key)).previous.length > 0);
      } catch {
        return true;
      }
    });
  }

  async function changeMembers(): Promise<void> {
    // Removing twice before the first move is over may leave a set without a majority: that takes force.
    if (isMoving()) return;
    const next = new Set(members);
    const index = random.below(size);
    if (next.has(index)) {
      if (next.size <= 4) return;
      next.delete(index);
    } else {
      next.add(index);
    }
    const before = members;
    members = next;
    told.push(`members ${[...next].sort().join('')}`);
    const snapshot = await bed.snapshot(bed.members(...next));
    epoch = snapshot.body.epoch;
    await Promise.all(
      [...new Set([...before, ...next])].map(async (one) => {
        await wait(0, 2_500);
        if (bed.node(one).isUp()) await bed.give(one, snapshot).catch(() => {});
      }),
    );
  }

  return {
    async next() {
      const kind = random.pick([
        'crash',
        'crash',
        'crash all',
        'partition',
        'partition',
        'fail',
        'members',
        'members',
        'members',
      ]);
      told.push(kind);
      if (kind === 'crash') await crash([random.below(size)]);
      if (kind === 'crash all') await crash(all());
      if (kind === 'partition') await partition();
      if (kind === 'fail') await fail();
      if (kind === 'members') await changeMembers();
    },
    async repair() {
      failing.clear();
      await bed.heal();
      for (const index of all())
        if (!bed.node(index).isUp() && !restarting.has(index)) await bed.start(index);
      await bed.settleMembership();
    },
  };
}
