/** What a home holds besides key and settings: optional files, and how much its folder takes of the disk. */
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { P2posError } from '@p2pos/protocol';

const MAX_BYTES = 4 * 1_024 * 1_024;

/** Undefined where there is none. @throws P2posError CONFIG_INVALID where it cannot be read or is too large */
export async function readHomeFile(home: string, name: string): Promise<Uint8Array | undefined> {
  const file = join(home, name);
  const refuse = (reason: string) =>
    new P2posError('CONFIG_INVALID', { place: file, key: 'the file', reason });
  try {
    if ((await stat(file)).size > MAX_BYTES) throw refuse(`is larger than ${MAX_BYTES} bytes`);
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (error instanceof P2posError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw refuse(`cannot be read: ${code}`);
  }
}

/** Bytes of the folder's files, and what the disk under it has left. */
export async function diskUse(folder: string): Promise<{ usedBytes: number; freeBytes: number }> {
  const names = await readdir(folder);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  const { bsize, bavail } = await statfs(folder);
  return { usedBytes: sizes.reduce((sum, size) => sum + size, 0), freeBytes: bavail * bsize };
}
