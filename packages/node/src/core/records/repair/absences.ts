/**
 * What follows for this node when it was removed and is listed again. Deletions wait for who was removed, but not for long:
 * if it was away for longer, what it holds may be long deleted and forgotten by all, and it starts as a learner, whatever the
 * others remember of its disk. The chain of snapshots tells, so that nobody's word is needed for it.
 */
import type { PeerId } from '../../net/index.ts';
import type { Topology } from '../placement/topology.ts';
import type { PeerMemory } from './memory.ts';
import type { Standing } from './standing.ts';

export interface AbsencesDeps {
  readonly self: PeerId;
  readonly topology: Pick<Topology, 'absencesOf' | 'placedNow'>;
  readonly memory: Pick<PeerMemory, 'absences' | 'saveAbsences'>;
  readonly standing: Pick<Standing, 'relearn' | 'doubt' | 'mark'>;
}

export interface AbsencesConfig {
  /** Who was away for less holds nothing that all others may have forgotten. */
  readonly harmlessMs: number;
}

export interface Absences {
  /** To be called when the membership has changed, before anything is done under it. */
  look(): void;
  /** Durable: what was concluded is not concluded again. */
  keep(): Promise<void>;
}

export function createAbsences(
  { self, topology, memory, standing }: AbsencesDeps,
  { harmlessMs }: AbsencesConfig,
): Absences {
  let seen = memory.absences;
  return {
    look() {
      if (!topology.placedNow()) return;
      const all = topology.absencesOf(self);
      // A disk that is new, or older than this: nothing is known of what was before.
      seen ??= all.length;
      const fresh = all.slice(seen);
      if (fresh.length === 0) return;
      seen = all.length;
      if (fresh.some((ms) => ms >= harmlessMs)) standing.relearn();
      else standing.doubt();
    },
    async keep() {
      if (seen === undefined || seen === memory.absences) return;
      const now = seen;
      // First that it is a learner, so that a crash in between is no way around it.
      await standing.mark();
      await memory.saveAbsences(now);
    },
  };
}
