import { isP2posError, type SqlHolderStatus } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { formatBytes, renderTable } from '../table.ts';

export const createDatabase: Action = async (invocation, [name = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const engine = flags['engine'] as 'sqlite' | 'rqlite';
  const voters = votersOf(flags['voters']);
  const made = await withNode(invocation, ({ client }) =>
    client.sql.create(name, { engine, ...(voters && { voters }) }, { signal }),
  );
  if (options.json) terminal.print(JSON.stringify(made));
  else if (made.created) terminal.print(`created ${name} (${made.engine}) on ${made.holders.length} node(s)`);
  else
    terminal.print(
      `${name} was there already (${made.engine}, ${made.holders.length} node(s)); nothing changed`,
    );
  return undefined;
};

function votersOf(text: unknown): 1 | 3 | 5 | undefined {
  if (text === undefined) return undefined;
  const voters = Number(text);
  if (voters === 1 || voters === 3 || voters === 5) return voters;
  throw usage('--voters is 3 or 5.', 'p2pctl sql create NAME --engine rqlite --voters 3');
}

export const dropDatabase: Action = async (invocation, [name = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const asked = flags['confirm'] as string | undefined;
  const agreed =
    asked ??
    (terminal.isKeyboard && (await terminal.confirm(`Delete ${name} and everything in it?`))
      ? name
      : undefined);
  if (agreed === undefined)
    throw usage('Deleting a database must be confirmed.', `p2pctl sql drop ${name} --confirm ${name}`);
  const { existed } = await withNode(invocation, ({ client }) => client.sql.drop(name, agreed, { signal }));
  if (options.json) terminal.print(JSON.stringify({ existed }));
  else terminal.print(existed ? `deleted ${name}` : `there was no database ${name}`);
  return undefined;
};

export const listDatabases: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const databases = await withNode(invocation, ({ client }) => client.sql.list({ signal }));
  if (options.json) terminal.print(JSON.stringify({ databases }));
  else if (databases.length === 0) terminal.say('there are no databases; make one: p2pctl sql create NAME');
  else {
    const rows = databases.map(({ name, engine, holders, createdAt }) => [
      name,
      engine,
      String(holders.length),
      createdAt,
    ]);
    terminal.print(renderTable(['database', 'engine', 'nodes', 'created'], rows));
  }
  return undefined;
};

export const showStatus: Action = async (invocation, [name = '']) => {
  const { terminal, options, signal } = invocation;
  const status = await withNode(invocation, ({ client }) => client.sql(name).status({ signal }));
  if (options.json) terminal.print(JSON.stringify(status));
  else {
    const { engine, holders } = { ...status.database, holders: status.holders };
    terminal.print(`${name}: ${engine}, ${holders.filter(isWell).length} of ${holders.length} node(s) well`);
    terminal.print(
      renderTable(
        ['node', 'role', 'version', 'index', 'size', 'problem'],
        holders.map((one) => [
          one.peerId,
          one.role,
          one.engineVersion ?? '',
          one.index === null ? '' : String(one.index),
          formatBytes(one.bytes ?? undefined),
          one.problem ?? '',
        ]),
      ),
    );
  }
  return undefined;
};

function isWell({ reachable, problem }: SqlHolderStatus): boolean {
  return reachable && problem === null;
}

export const recoverDatabase: Action = async (invocation, [name = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const outcome = await withNode(invocation, async ({ client }) => {
    const db = client.sql(name);
    const confirm = flags['confirm'] as string | undefined;
    try {
      return await db.recover(confirm, { signal });
    } catch (error) {
      if (!isP2posError(error, 'SQL_RECOVER_RISK') || !terminal.isKeyboard) throw error;
      terminal.say(error.message);
      if (!(await terminal.confirm('Go on?'))) throw error;
      return db.recover(name, { signal });
    }
  });
  if (options.json) terminal.print(JSON.stringify(outcome));
  else
    terminal.print(`${name} goes on from ${outcome.survivor} (index ${outcome.index}); other voters join it`);
  return undefined;
};

export const showSchema: Action = async (invocation, [name = '']) => {
  const { terminal, options, signal } = invocation;
  const schema = await withNode(invocation, ({ client }) => client.sql(name).schema({ signal }));
  if (options.json) terminal.print(JSON.stringify(schema));
  else if (schema.tables.length === 0) terminal.say(`${name} has no tables`);
  else
    for (const { sql, indexes } of schema.tables) {
      terminal.print(`${sql ?? ''};`);
      for (const index of indexes) if (index.sql !== null) terminal.print(`${index.sql};`);
    }
  return undefined;
};
