import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MAX_SNAPSHOT_BYTES, P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { reasonOf } from '../json-file.ts';
import { withNode } from '../node-client.ts';
import { wordsOf } from './pushed.ts';

export const pushFile: Action = async (invocation, [file = ''], _flags) => {
  const { terminal, options, signal } = invocation;
  const bytes =
    file === '-' ? await terminal.read(MAX_SNAPSHOT_BYTES) : readSnapshot(resolve(invocation.folder, file));
  const answer = await withNode(invocation, ({ client }) => client.members.push(bytes, { signal }));
  if (options.json) terminal.print(JSON.stringify(answer));
  else terminal.print(`${answer.result}; ${wordsOf(answer)}`);
  return undefined;
};

export const writeSnapshot: Action = async (invocation) => {
  const bytes = await withNode(invocation, ({ client }) =>
    client.members.snapshot({ signal: invocation.signal }),
  );
  await invocation.terminal.write(bytes);
  return undefined;
};

function readSnapshot(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
}
