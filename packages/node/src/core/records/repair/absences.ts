/**
 * What follows for this node when it was removed and is listed again. Deletions wait for who was removed, but not for long:
 * if it was away for longer and holds any record, that may be long deleted and forgotten by all, and it starts as a learner,
 * whatever the others remember of its disk. The chain of snapshots tells, so that nobody's word is needed for it.
 */
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Store } from '../../store/index.ts';
import type { Topology } from '../placement/topology.ts';
import type { PeerMemory } from './memory.ts';
import type { Standing } from './standing.ts';

export interface AbsencesDeps {
  readonly self: PeerId;
  readonly topology: Pick<Topology, 'absencesOf' | 'placedNow'>;
  readonly memory: Pick<PeerMemory, 'absences' | 'saveAbsences'>;
  readonly standing: Pick<Standing, 'suspend' | 'resume' | 'relearn' | 'doubt' | 'mark'>;
  readonly store: Pick<Store, 'read'>;
  readonly log: Logger;
}

export interface AbsencesConfig {
  /** Who was away for less holds nothing that all others may have forgotten. */
  readonly harmlessMs: number;
}

export interface Absences {
  /** To be called when the membership has changed, before anything is done under it. */
  look(): void;
  /** Draws the conclusions, and keeps that they were drawn. False: the disk did not take it, or give. */
  conclude(): Promise<boolean>;
}

export function createAbsences(
  { self, topology, memory, standing, store, log }: AbsencesDeps,
  { harmlessMs }: AbsencesConfig,
): Absences {
  let seen = memory.absences;
  /** Of absences that were too long, not all have been concluded from. */
  let isOpen = false;

  const isKept = (hashes: ReadonlySet<string>) =>
    [...hashes].every((hash) => memory.absences?.has(hash)) && memory.absences !== undefined;

  return {
    look() {
      if (!topology.placedNow()) return;
      const all = topology.absencesOf(self);
      const fresh = all.filter(({ listedBy }) => !seen?.has(listedBy));
      if (seen && fresh.length === 0) return;
      seen = new Set([...(seen ?? []), ...fresh.map(({ listedBy }) => listedBy)]);
      if (fresh.some(({ ms }) => ms >= harmlessMs)) {
        isOpen = true;
        standing.suspend();
      } else if (fresh.length > 0) standing.doubt();
    },
    async conclude() {
      const concluded = seen;
      try {
        if (isOpen) {
          const records = await store.read('SELECT 1 FROM records LIMIT 1');
          if (seen !== concluded) return false;
          isOpen = false;
          if (records.length > 0) standing.relearn();
          else standing.resume();
        }
        if (!concluded || isKept(concluded)) return true;
        // First that it is a learner, so that a crash in between is no way around it.
        await standing.mark();
        await memory.saveAbsences(concluded);
        return true;
      } catch (error) {
        log.warn({ action: 'absences', error }, 'what follows from an absence is not kept yet');
        return false;
      }
    },
  };
}
