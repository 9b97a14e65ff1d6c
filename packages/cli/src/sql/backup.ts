import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { formatBytes } from '../table.ts';

const LONG_MS = 180_000;

export const backupDatabase: Action = async (invocation, [name = '', file = ''], _flags) => {
  const { terminal, options, signal, folder } = invocation;
  const bytes = await withNode(invocation, ({ client }) =>
    client.sql(name).backup({ signal, timeoutMs: LONG_MS }),
  );
  await writeFile(resolve(folder, file), bytes, { flag: 'wx', mode: 0o600 }).catch((error) => {
    throw usage(
      `${file} cannot be written: ${error.code === 'EEXIST' ? 'it is there already' : error.message}.`,
      'p2pctl sql backup NAME OTHER-FILE',
    );
  });
  if (options.json) terminal.print(JSON.stringify({ file, bytes: bytes.length }));
  else terminal.print(`wrote ${formatBytes(bytes.length)} to ${file}`);
  return undefined;
};

export const restoreDatabase: Action = async (invocation, [name = '', file = ''], flags) => {
  const { terminal, options, signal, folder } = invocation;
  const asked = flags['confirm'] as string | undefined;
  const question = `Replace everything in ${name} by ${file}?`;
  const agreed = asked ?? (terminal.isKeyboard && (await terminal.confirm(question)) ? name : undefined);
  if (agreed === undefined)
    throw usage(
      'Replacing a database must be confirmed.',
      `p2pctl sql restore ${name} ${file} --confirm ${name}`,
    );
  const bytes = await readFile(resolve(folder, file)).catch((error) => {
    throw usage(`${file} cannot be read: ${error.message}.`, 'p2pctl sql restore NAME FILE');
  });
  await withNode(invocation, ({ client }) =>
    client.sql(name).restore(bytes, agreed, { signal, timeoutMs: LONG_MS }),
  );
  if (options.json) terminal.print(JSON.stringify({ bytes: bytes.length }));
  else terminal.print(`${name} is now what was in ${file}`);
  return undefined;
};
