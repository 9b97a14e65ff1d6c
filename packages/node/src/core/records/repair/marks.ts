/** When each member was last found to hold the same as this node, slot by slot, and when it held nothing of others. */
import type { PeerId } from '../../net/index.ts';
import { textOfSlot } from '../format/names.ts';
import type { PlacedSlot } from './standing/memory.ts';

export interface RepairMarks {
  /** When, on the monotonic clock, the last comparison began after which both held the same there; undefined: never. */
  reconciledAt(peerId: PeerId, place: PlacedSlot): number | undefined;
  /** When the member last said that it holds nothing which belongs to others. */
  cleanAt(peerId: PeerId): number | undefined;
}

export interface MarkKeeper extends RepairMarks {
  /** A comparison that began then has ended: but for these, both hold the same in all slots that they share. */
  reconciled(peerId: PeerId, at: number, apart: readonly PlacedSlot[]): void;
  /** Undefined: it holds what belongs to others, or may. */
  clean(peerId: PeerId, at: number | undefined): void;
  /** What others have said says nothing any more. */
  keepOnly(isListed: (peerId: PeerId) => boolean): void;
}

interface Reconciled {
  readonly at: number;
  /** Where it was so earlier, or never. */
  readonly before: ReadonlyMap<string, number | undefined>;
}

export function createMarks(): MarkKeeper {
  const reconciled = new Map<PeerId, Reconciled>();
  const clean = new Map<PeerId, number>();

  function reconciledAt(peerId: PeerId, place: PlacedSlot): number | undefined {
    const known = reconciled.get(peerId);
    if (!known || known.before.size === 0) return known?.at;
    const name = textOfSlot(place);
    return known.before.has(name) ? known.before.get(name) : known.at;
  }

  return {
    reconciledAt,
    cleanAt: (peerId) => clean.get(peerId),
    reconciled(peerId, at, apart) {
      const before = new Map(apart.map((place) => [textOfSlot(place), reconciledAt(peerId, place)]));
      reconciled.set(peerId, { at, before });
    },
    clean(peerId, at) {
      if (at === undefined) clean.delete(peerId);
      else clean.set(peerId, at);
    },
    keepOnly(isListed) {
      for (const marks of [reconciled, clean])
        for (const peerId of marks.keys()) if (!isListed(peerId)) marks.delete(peerId);
    },
  };
}
