/**
 * One `dev` per folder. The lock is the operating system's own, taken through SQLite on a file that holds
 * nothing: it ends with the process, however that ends, and nobody has to judge whether a pid is still the same.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { P2posError } from '@p2pos/protocol';
import type { Layout } from './layout.ts';

/** Throws DEV_ALREADY_RUNNING with the pid of the holder. */
export function lockHome(layout: Layout): Disposable {
  const database = new DatabaseSync(layout.lock, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    const isLocked = cause instanceof Error && 'errcode' in cause && cause.errcode === 5;
    if (isLocked)
      throw new P2posError('DEV_ALREADY_RUNNING', { home: layout.home, pid: readPid(layout) ?? 'unknown' });
    throw new P2posError('HOME_UNUSABLE', { home: layout.home, reason: String(cause) }, { cause });
  }
  writeFileSync(layout.pid, `${process.pid}\n`);
  return {
    [Symbol.dispose]() {
      rmSync(layout.pid, { force: true });
      database.close();
    },
  };
}

export function readPid(layout: Layout): number | undefined {
  try {
    return Number(readFileSync(layout.pid, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
