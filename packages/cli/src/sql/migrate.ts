import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { SqlMigration } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';

export const migrateDatabase: Action = async (invocation, [name = '', dir = ''], _flags) => {
  const { terminal, options, signal, folder } = invocation;
  const migrations = await readMigrations(resolve(folder, dir));
  const outcome = await withNode(invocation, ({ client }) =>
    client.sql(name).migrate(migrations, { signal }),
  );
  if (options.json) terminal.print(JSON.stringify(outcome));
  else if (outcome.applied.length === 0) terminal.print(`${name} is at ${outcome.version}; nothing to apply`);
  else terminal.print(`applied ${outcome.applied.join(', ')}; ${name} is at ${outcome.version}`);
  return undefined;
};

async function readMigrations(path: string): Promise<SqlMigration[]> {
  const next = 'p2pctl sql migrate NAME DIR';
  const names = await readdir(path).catch(() => {
    throw usage(`${path} is no folder that can be read.`, next);
  });
  const files = names.flatMap((file) => {
    const [, number, name] = /^(\d+)[_-](.+)\.sql$/.exec(file) ?? [];
    return number === undefined || name === undefined ? [] : [{ file, number: Number(number), name }];
  });
  if (files.length === 0) throw usage(`${path} has no files such as 1_users.sql.`, next);
  files.sort((a, b) => a.number - b.number);
  return Promise.all(
    files.map(async ({ file, number, name }) => ({
      number,
      name,
      sql: await readFile(join(path, file), 'utf8'),
    })),
  );
}
