/** A node's log: appended by the node itself, kept within two files of bounded size by whoever supervises it. */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

const MAX_LOG_BYTES = 8 * 1_024 * 1_024;
const TAIL_BYTES = 16 * 1_024;

/** Opens for appending. The descriptor goes to the child and is closed here after. */
export function openLog(file: string): { readonly fd: number; readonly startsAt: number } & Disposable {
  mkdirSync(dirname(file), { recursive: true });
  if (sizeOf(file) > MAX_LOG_BYTES / 2) renameSync(file, `${file}.1`);
  const fd = openSync(file, 'a', 0o600);
  return { fd, startsAt: sizeOf(file), [Symbol.dispose]: () => closeSync(fd) };
}

/** While a process has it open: what is in it moves to `.1`. Lines written in between are lost, which a log can bear. */
export function boundLog(file: string, maxBytes = MAX_LOG_BYTES): void {
  if (sizeOf(file) <= maxBytes) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file, 0);
}

/** The last lines that were written at or after the offset `from`. */
export function lastLines(file: string, count: number, from = 0): string[] {
  const size = sizeOf(file);
  const start = Math.max(size < from ? 0 : from, size - TAIL_BYTES);
  const bytes = Buffer.alloc(Math.max(0, size - start));
  if (bytes.length === 0) return [];
  const fd = openSync(file, 'r');
  try {
    readSync(fd, bytes, 0, bytes.length, start);
  } finally {
    closeSync(fd);
  }
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.slice(-count);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
