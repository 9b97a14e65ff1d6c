/**
 * In which slots this node has yet to come back, since it was removed and is listed again: what it holds there may have
 * been deleted meanwhile (`absences.ts` says where, `returning.ts` how it comes back).
 */
import { textOfSlot } from '../../format/names.ts';
import type { PeerMemory, PlacedSlot, ReturningSlot } from './memory.ts';

export interface Returns {
  /** Everywhere, until `expect` says where. */
  suspend(): void;
  /** There and nowhere else, but for where it has to already. */
  expect(slots: readonly ReturningSlot[]): void;
  /** As the disk keeps them, with those that are excused. */
  all(): readonly ReturningSlot[];
  /** Whether it does not count there for that. */
  isDue(slot: number, count: number): boolean;
  /** Whether it is due in any that `matters`, or may be. */
  isDueIn(matters: (one: PlacedSlot) => boolean): boolean;
  /** What was held there is needed: they count, though the disk may not keep yet that they do. */
  excuse(slots: readonly PlacedSlot[]): void;
  /** Came back there: durable before they count. */
  finish(slots: readonly PlacedSlot[]): Promise<void>;
}

export function createReturns(
  memory: Pick<PeerMemory, 'returning' | 'saveReturned'>,
  onChange: () => void,
): Returns {
  const expected = new Map<string, ReturningSlot>(memory.returning.map((one) => [textOfSlot(one), one]));
  const excused = new Set<string>();
  let suspended = false;

  function isDue(slot: number, count: number): boolean {
    if (suspended) return true;
    // Asked for every record; nearly always there is none.
    if (expected.size === excused.size) return false;
    const name = textOfSlot({ slot, count });
    return expected.has(name) && !excused.has(name);
  }

  return {
    suspend() {
      suspended = true;
      onChange();
    },
    expect(slots) {
      suspended = false;
      for (const one of slots) {
        const name = textOfSlot(one);
        const epoch = Math.min(one.epoch, expected.get(name)?.epoch ?? one.epoch);
        expected.set(name, { ...one, epoch });
        excused.delete(name);
      }
      onChange();
    },
    all: () => [...expected.values()],
    isDue,
    isDueIn: (matters) =>
      suspended || [...expected.values()].some((one) => isDue(one.slot, one.count) && matters(one)),
    excuse(slots) {
      const due = slots.filter(({ slot, count }) => isDue(slot, count));
      for (const one of due) excused.add(textOfSlot(one));
      if (due.length > 0) onChange();
    },
    async finish(slots) {
      if (slots.length === 0) return;
      await memory.saveReturned(slots);
      for (const one of slots) {
        expected.delete(textOfSlot(one));
        excused.delete(textOfSlot(one));
      }
      onChange();
    },
  };
}
