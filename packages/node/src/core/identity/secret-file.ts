/** Files that only their owner may read: how they are read, and how they are made without ever being half there. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { P2posError } from '@p2pos/protocol';

/** Far more than a key or a passphrase takes. */
const MAX_BYTES = 65_536;
const OTHERS = 0o077;

/** Undefined: there is none. Rejects with SECRET_FILE_EXPOSED or SECRET_FILE_UNREADABLE. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY);
    const { mode, size } = await file.stat();
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      throw new P2posError('SECRET_FILE_EXPOSED', { file: path });
    }
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, which is no key`);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof P2posError) throw error;
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new P2posError(
      'SECRET_FILE_UNREADABLE',
      { file: path, reason: messageOf(error) },
      { cause: error },
    );
  }
}

/** False: there was one already, which is left alone. Its folder is made when missing. */
export async function createSecretFile(path: string, text: string): Promise<boolean> {
  const draft = await writeDraft(path, text);
  try {
    await link(draft, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw unwritable(path, error);
  } finally {
    await rm(draft, { force: true });
  }
}

export async function replaceSecretFile(path: string, text: string): Promise<void> {
  const draft = await writeDraft(path, text);
  try {
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(draft, { force: true });
    throw unwritable(path, error);
  }
}

async function writeDraft(path: string, text: string): Promise<string> {
  const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}.new`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await using file = await open(draft, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    return draft;
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, constants.O_RDONLY);
  await handle.sync();
}

function unwritable(path: string, error: unknown): P2posError {
  return new P2posError(
    'HOME_UNWRITABLE',
    { folder: dirname(path), reason: messageOf(error) },
    { cause: error },
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
