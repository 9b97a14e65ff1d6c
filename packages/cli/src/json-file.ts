/** Small JSON files that are read by others while they are written: replaced in one step, never half there. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { P2posError } from '@p2pos/protocol';
import type { z } from 'zod';

export function writeJsonFile(file: string, value: unknown, options?: { readonly durable: boolean }): void {
  replaceFile(file, `${JSON.stringify(value, null, 2)}\n`, options);
}

/** 0600; on disk when this returns, unless it need not outlive a power cut. */
export function replaceFile(file: string, content: string | Uint8Array, { durable = true } = {}): void {
  const next = `${file}.${process.pid}.new`;
  const fd = openSync(next, 'w', 0o600);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    if (durable) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, file);
}

/** Undefined where there is no file. FILE_UNREADABLE where it is not what it should be. */
export function readJsonFile<S extends z.ZodType>(file: string, schema: S): z.output<S> | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(error) }, { cause: error });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new P2posError(
      'FILE_UNREADABLE',
      { file, reason: 'its content is not what p2pctl wrote' },
      { cause },
    );
  }
}

export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** In words: what the system says when a file cannot be had. */
export function reasonOf(error: unknown): string {
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'it does not exist',
    ENOTDIR: 'a part of its path is no folder',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'the file system is read-only',
    EISDIR: 'it is a folder',
    EEXIST: 'something else is there',
    ENOSPC: 'the disk is full',
    ELOOP: 'its symbolic links lead in a circle',
    ENAMETOOLONG: 'the name is too long',
  };
  return known[codeOf(error) ?? ''] ?? (error instanceof Error ? error.message : String(error));
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
