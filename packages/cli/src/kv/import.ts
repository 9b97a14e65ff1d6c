/** Stores the files of a folder; what cannot be stored is named, and the rest goes on. */
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { KvKey, MAX_KV_VALUE_BYTES, P2posError } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';
import type { Action } from '../action.ts';
import { listFiles } from '../import/listing.ts';
import { EXIT, type Invocation } from '../invocation.ts';
import { reasonOf } from '../json-file.ts';
import { withNode } from '../node-client.ts';
import { ttlOption } from './explanation.ts';

const IN_FLIGHT = 16;

interface Left {
  readonly path: string;
  readonly reason: string;
}

export const importFolder: Action = async (invocation, [dir = '', prefix = ''], flags) => {
  const { terminal, options } = invocation;
  const ttlMs = ttlOption(flags['ttl']);
  const folder = resolve(invocation.folder, dir);
  const { files, unnamed } = await listFiles(folder, { all: flags['all'] === true });
  const left: Left[] = unnamed.map((path) => ({ path, reason: 'its name is not valid UTF-8' }));
  let bytes = 0;
  let imported = 0;
  await withNode(invocation, async ({ client }) => {
    const queue = files.values();
    const work = async () => {
      for (const path of queue) {
        invocation.signal.throwIfAborted();
        const outcome = await importFile(client, invocation, join(folder, path), `${prefix}${path}`, ttlMs);
        if (typeof outcome === 'number') {
          imported += 1;
          bytes += outcome;
        } else left.push({ path, reason: outcome });
        terminal.progress(`${imported} of ${files.length} files, ${bytes} bytes: ${path}`);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  });
  terminal.progress('');
  if (options.json) terminal.print(JSON.stringify({ imported, bytes, left }));
  else {
    terminal.print(`imported ${imported} files, ${bytes} bytes, under ${prefix}`);
    for (const { path, reason } of left) terminal.say(`left out ${path}: ${reason}`);
  }
  return left.length > 0 ? EXIT.partly : EXIT.done;
};

/** Bytes stored, or why the file was left out. What stops all files is thrown. */
async function importFile(
  client: Client,
  { signal }: Invocation,
  file: string,
  key: string,
  ttlMs: number | undefined,
): Promise<number | string> {
  const name = KvKey.safeParse(key);
  if (!name.success) return `the key ${key.slice(0, 80)} is no key: ${name.error.issues[0]?.message}`;
  let value: Uint8Array;
  try {
    const found = await stat(file);
    if (!found.isFile()) return 'it is no file';
    if (found.size > MAX_KV_VALUE_BYTES)
      return `it is larger than ${MAX_KV_VALUE_BYTES} bytes (${found.size})`;
    value = await readFile(file);
  } catch (error) {
    return reasonOf(error);
  }
  try {
    await client.kv.put(key, value, { signal, ...(ttlMs !== undefined && { ttlMs }) });
    return value.length;
  } catch (error) {
    if (
      error instanceof P2posError &&
      (error.code === 'KV_VALUE_TOO_LARGE' || error.code === 'KV_KEY_INVALID')
    )
      return error.message;
    throw error;
  }
}
