/** The files of a folder: those that git tracks there, or outside a clone all but `.git` and `node_modules`. */
import { execFile } from 'node:child_process';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { P2posError } from '@p2pos/protocol';
import { reasonOf } from '../json-file.ts';

export interface Listing {
  /** Relative to the folder, with `/` between names, in order. */
  readonly files: readonly string[];
  /** Files whose names are no text and so can be no key; shown with replacement characters. */
  readonly unnamed: readonly string[];
}

const MAX_LIST_BYTES = 256 * 1_048_576;
const LEFT_OUT: ReadonlySet<string> = new Set(['.git', 'node_modules']);

/** @throws P2posError FILE_UNREADABLE */
export async function listFiles(folder: string, { all }: { readonly all: boolean }): Promise<Listing> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw new P2posError('FILE_UNREADABLE', { file: folder, reason: reasonOf(cause) }, { cause });
  });
  if (!found.isDirectory())
    throw new P2posError('FILE_UNREADABLE', { file: folder, reason: 'it is no folder' });
  const listed = all ? undefined : await gitListed(folder);
  return sort(listed ?? (await walk(folder)));
}

/** Undefined outside a clone, and where there is no git. */
async function gitListed(folder: string): Promise<Buffer[] | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, 'ls-files', '-z'], {
      encoding: 'buffer',
      maxBuffer: MAX_LIST_BYTES,
    });
    return split(stdout);
  } catch {
    return undefined;
  }
}

function split(list: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf(0, start);
    names.push(list.subarray(start, end));
    start = end + 1;
  }
  return names;
}

/** Links to folders are not followed: they may lead in a circle or out of the folder. */
async function walk(folder: string): Promise<Buffer[]> {
  const files: Buffer[] = [];
  const open: string[] = [''];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    // Latin-1 keeps every byte of a name, whatever its encoding was meant to be.
    const entries = await opendir(join(folder, Buffer.from(at, 'latin1').toString()), {
      encoding: 'latin1' as 'utf8',
    }).catch((cause: unknown) => {
      throw new P2posError('FILE_UNREADABLE', { file: join(folder, at), reason: reasonOf(cause) }, { cause });
    });
    for await (const entry of entries) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!LEFT_OUT.has(entry.name)) open.push(path);
      } else if (entry.isFile() || entry.isSymbolicLink()) files.push(Buffer.from(path, 'latin1'));
    }
  }
  return files;
}

function sort(names: readonly Buffer[]): Listing {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const files: string[] = [];
  const unnamed: string[] = [];
  for (const name of names.toSorted(Buffer.compare)) {
    try {
      files.push(decoder.decode(name));
    } catch {
      unnamed.push(name.toString());
    }
  }
  return { files, unnamed };
}
