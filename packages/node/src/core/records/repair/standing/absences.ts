/**
 * What follows for this node when it was removed and is listed again. Deletions do not wait for who is no member and of no
 * set that is needed, so what it holds may be deleted and forgotten by all: in each slot of which it holds anything it has
 * to come back (`returning.ts`) before it counts. The chain of snapshots tells, so that nobody's word is needed.
 */
import type { Logger } from '../../../log/index.ts';
import type { PeerId } from '../../../net/index.ts';
import type { Row, Store } from '../../../store/index.ts';
import type { Topology } from '../../placement/topology.ts';
import type { PeerMemory, ReturningSlot } from './memory.ts';
import type { Returns } from './returns.ts';

export interface AbsencesDeps {
  readonly self: PeerId;
  readonly topology: Pick<Topology, 'absencesOf' | 'placedNow'>;
  readonly memory: Pick<PeerMemory, 'absences' | 'saveAbsences'>;
  readonly standing: { readonly returns: Pick<Returns, 'suspend' | 'expect'> };
  readonly store: Pick<Store, 'read'>;
  readonly log: Logger;
}

export interface Absences {
  /** To be called when the membership has changed, before anything is done under it. */
  look(): void;
  /** Draws the conclusions. False: the disk does not give what is held, or has not kept yet that they were drawn. */
  conclude(): Promise<boolean>;
}

const HELD = 'SELECT DISTINCT replicas, slot FROM records';

export function createAbsences({ self, topology, memory, standing, store, log }: AbsencesDeps): Absences {
  let seen = memory.absences;
  /** Listed again since the earliest of these, of which nothing was concluded yet. */
  let since: number | undefined;
  /** Concluded, and not kept. */
  let unsaved: readonly ReturningSlot[] = [];

  async function concludeFrom(epoch: number, concluded: typeof seen): Promise<void> {
    const rows = await store.read<Row>(HELD);
    if (seen !== concluded) return;
    const slots = rows.map((row) => ({ count: Number(row['replicas']), slot: Number(row['slot']), epoch }));
    since = undefined;
    unsaved = [...unsaved, ...slots];
    standing.returns.expect(slots);
  }

  return {
    look() {
      if (!topology.placedNow()) return;
      const fresh = topology.absencesOf(self).filter(({ listedBy }) => !seen.has(listedBy));
      if (fresh.length === 0) return;
      seen = new Set([...seen, ...fresh.map(({ listedBy }) => listedBy)]);
      since = Math.min(since ?? Number.POSITIVE_INFINITY, ...fresh.map(({ epoch }) => epoch));
      standing.returns.suspend();
    },
    async conclude() {
      const concluded = seen;
      try {
        if (since !== undefined) await concludeFrom(since, concluded);
        if (seen !== concluded) return false;
        if ([...concluded].every((hash) => memory.absences.has(hash))) return true;
        await memory.saveAbsences(concluded, unsaved);
        if (seen !== concluded) return false;
        unsaved = [];
        return true;
      } catch (error) {
        log.warn({ action: 'absences', error }, 'what follows from an absence is not kept yet');
        return false;
      }
    },
  };
}
