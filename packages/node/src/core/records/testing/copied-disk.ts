/** A disk in a file, so that an old copy of it can take its place: what a home restored from a backup is. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Testbed } from './testbed.ts';

export interface CopiedDisk {
  /** For the testbed: that node's disk lies in the folder. */
  readonly file: (index: number) => string;
  copy(): void;
  /** Ends the node, which starts from the copy next time. */
  restore(bed: Testbed): Promise<void>;
}

export function copiedDisk(folder: string, of: number): CopiedDisk {
  const disk = join(folder, 'disk');
  const copied = join(folder, 'copy');
  return {
    file: (index) => (index === of ? disk : ':memory:'),
    copy() {
      for (const end of ['', '-wal']) copyFileSync(disk + end, copied + end);
    },
    async restore(bed) {
      await bed.crash(of);
      bed.replaceDisk(of, copied);
    },
  };
}
