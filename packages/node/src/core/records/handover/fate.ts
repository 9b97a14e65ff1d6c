/** What becomes of a record that lies where it belongs no more, by what its present replicas have instead of it. */
import { majorityOf } from '../placement/quorum.ts';

/**
 * Of a replica that has not the record: it has something newer, knows nothing of the key, or nothing of one that was deleted;
 * `unclear`: what it has counts for nothing.
 */
export type Lack = 'newer' | 'unknown' | 'forgotten' | 'unclear';

/**
 * - `held`: a majority has it, or something newer. It may go.
 * - `forgotten`: a deletion that fewer than a majority can still remember. It may go, and must: who still remembers it waits for that.
 * - `aside`: fewer than a majority can know anything of the key and nobody has the record, at most something newer.
 * - `waits`: too few have answered, or the others will hear of it from who has it.
 */
export type Fate = 'held' | 'forgotten' | 'aside' | 'waits';

/** Of those that answered of `size` replicas, what each lacks; undefined: it has the record. */
export function fateOf(all: readonly (Lack | undefined)[], size: number): Fate {
  const answers = all.filter((lack) => lack !== 'unclear');
  const majority = majorityOf(size);
  const lacking = answers.filter((lack) => lack === 'unknown' || lack === 'forgotten').length;
  if (answers.length - lacking >= majority) return 'held';
  if (size - lacking >= majority) return 'waits';
  if (answers.includes('forgotten')) return 'forgotten';
  return answers.includes(undefined) ? 'waits' : 'aside';
}
