/** More than one ring: with few members all of them hold what has seven replicas, drained or not. */
import type { Testbed } from './testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const SUFFIXES: Readonly<Record<number, string>> = { 3: '/kv', 7: '/all' };

/** A name in the namespace that has seven. */
export const everywhere = { namespace: 'default/all', key: bytes('k'), partition: bytes('k') };

/** Of a test bed that was made with `declare: false` and the same numbers of replicas: a namespace for each. */
export function declareRings(bed: Testbed, counts: readonly number[]): void {
  for (const { records } of bed.nodes())
    for (const replicas of counts)
      records.declare({
        suffix: SUFFIXES[replicas] as string,
        kind: 'lww',
        author: 'member',
        replicas,
        maxValueBytes: 1_000,
      });
}
