import { parseDuration, type SqlDatabase } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';

const DEFAULT_KEEP = 7;

export const adjustDatabase: Action = async (invocation, [name = ''], flags) => {
  const { signal } = invocation;
  const readers = numberOf(flags['readers'], '--readers', 0, 8);
  const voters = votersOf(flags['voters']);
  const backup = backupOf(flags['backupEvery'], flags['backupKeep']);
  const settings = {
    ...(readers !== undefined && { readers }),
    ...(voters !== undefined && { voters }),
    ...(backup !== undefined && { backup }),
  };
  const database = await withNode(invocation, async ({ client }) =>
    Object.keys(settings).length === 0
      ? (await client.sql(name).status({ signal })).database
      : client.sql(name).adjust(settings, { signal }),
  );
  show(invocation, database);
  return undefined;
};

export const moveDatabase: Action = async (invocation, [name = '', engine], flags) => {
  const { terminal, signal } = invocation;
  const voters = votersOf(flags['voters']);
  terminal.progress(`moving ${name}: writes wait…`);
  const wish = { engine: engine as 'sqlite' | 'rqlite', ...(voters !== undefined && { voters }) };
  const moved = await withNode(invocation, ({ client }) => client.sql(name).move(wish, { signal }));
  terminal.progress('');
  show(invocation, moved);
  if (!moved.moved) terminal.say('it was there already; nothing changed');
  return undefined;
};

function show({ terminal, options }: Invocation, database: SqlDatabase): void {
  if (options.json) {
    terminal.print(JSON.stringify(database));
    return;
  }
  const { name, engine, holders, readers = 0, backup } = database;
  const kept = backup
    ? `a backup every ${backup.everyMs / 1_000} s, ${backup.keep} kept`
    : 'no backups by itself';
  terminal.print(`${name}: ${engine} on ${holders.length} node(s), ${readers} reader(s), ${kept}`);
}

function votersOf(text: unknown): 3 | 5 | undefined {
  if (text === undefined) return undefined;
  if (text === '3') return 3;
  if (text === '5') return 5;
  throw usage('--voters is 3 or 5.', 'p2pctl sql settings NAME --voters 5');
}

function numberOf(text: unknown, flag: string, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw usage(`${flag} is a whole number from ${least} to ${most}.`, 'p2pctl sql settings --help');
}

function backupOf(every: unknown, keep: unknown): { everyMs: number; keep: number } | null | undefined {
  if (every === 'off') return null;
  const kept = numberOf(keep, '--backup-keep', 1, 1_000) ?? DEFAULT_KEEP;
  if (every !== undefined) return { everyMs: parseDuration(String(every)), keep: kept };
  if (keep === undefined) return undefined;
  throw usage(
    '--backup-keep goes with --backup-every.',
    'p2pctl sql settings NAME --backup-every 1h --backup-keep 24',
  );
}
