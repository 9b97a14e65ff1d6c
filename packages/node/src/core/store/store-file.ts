/** The files of one store: `store.sqlite` with its journal, and `store.lock` by which one process holds the folder. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Engine } from './sqlite-engine.ts';
import { failureOf, StoreFailure } from './sqlite-failure.ts';

export interface StoreFileConfig {
  readonly folder: string;
  readonly newStoreId: string;
  /** Greatest size of the main file; 0: what the disk has. */
  readonly maxBytes: number;
}

export function storeFileOf(folder: string): string {
  return join(folder, 'store.sqlite');
}

/**
 * Holds `folder` for this process until disposed or until the process ends, however it ends: the lock is the
 * kernel's (taken by SQLite), so there are no stale ones, and it holds between containers that share a volume.
 */
export function lockFolder(folder: string): Disposable {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const owner = join(folder, 'store.pid');
  const file = join(folder, 'store.lock');
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    writeFileSync(owner, `${process.pid}\n`);
  } catch (error) {
    lock.close();
    const { code } = failureOf(error, file);
    if (isBusy(error))
      throw new StoreFailure({ code: 'HOME_IN_USE', details: { folder, pid: readPid(owner) } });
    // There is nothing in it, so what the database holds is whole.
    if (code !== 'STORE_CORRUPT') throw error;
    const reason = `${file} is no lock; remove it while no node runs there`;
    throw new StoreFailure({ code: 'HOME_UNWRITABLE', details: { folder, reason } });
  }
  return {
    [Symbol.dispose]() {
      try {
        rmSync(owner, { force: true });
      } finally {
        lock.close();
      }
    },
  };
}

/** Opens the store of `folder`, or makes one: built aside and renamed, so an empty file is always damage, never a start. */
export function openStoreFile({ folder, newStoreId, maxBytes }: StoreFileConfig): Engine {
  const file = storeFileOf(folder);
  if (!existsSync(file)) {
    if (existsSync(`${file}-wal`)) {
      throw new StoreFailure({
        code: 'STORE_CORRUPT',
        details: { file, reason: 'it is missing, but its journal is there' },
      });
    }
    createStoreFile(folder, newStoreId);
  } else if (statSync(file).size === 0) {
    throw new StoreFailure({ code: 'STORE_CORRUPT', details: { file, reason: 'it is empty' } });
  }
  return new Engine({ file, newStoreId, maxBytes });
}

function createStoreFile(folder: string, newStoreId: string): void {
  const file = storeFileOf(folder);
  const draft = `${file}.new`;
  for (const suffix of ['', '-wal', '-shm']) rmSync(draft + suffix, { force: true });
  new Engine({ file: draft, newStoreId })[Symbol.dispose]();
  sync(draft);
  renameSync(draft, file);
  sync(folder);
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readPid(file: string): number | string {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || 'unknown';
  } catch {
    return 'unknown';
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}
