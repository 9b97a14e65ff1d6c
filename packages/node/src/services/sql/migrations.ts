/**
 * Migrations: numbered from 1, each once and as a whole, whoever brings them at the same time. What was applied is a row
 * with its checksum, written in the same transaction; a text that changed afterwards is refused.
 */
import { type Crypto, P2posError, type SqlMigration } from '@p2pos/protocol';
import type { Engine, EngineOptions, Statement } from './engine.ts';
import { examine, trust } from './statements/examination.ts';
import { splitStatements } from './statements/tokens.ts';

export interface MigrationDeps {
  readonly engine: Engine;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** ms since the epoch. */
  readonly now: () => number;
}

export interface MigrationOutcome {
  /** Numbers that were applied now. */
  readonly applied: number[];
  /** The greatest number that is applied. */
  readonly version: number;
}

const TABLE =
  'CREATE TABLE IF NOT EXISTS _p2pos_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INTEGER NOT NULL)';
const READ = 'SELECT number, checksum FROM _p2pos_migrations ORDER BY number';
const NOTE = 'INSERT INTO _p2pos_migrations VALUES (?, ?, ?, ?)';
const utf8 = new TextEncoder();

/** @throws P2posError SQL_MIGRATION, what a statement of them does wrong */
export async function migrate(
  { engine, crypto, now }: MigrationDeps,
  migrations: readonly SqlMigration[],
  options: EngineOptions,
): Promise<MigrationOutcome> {
  const checksumOf = (text: string) => Buffer.from(crypto.sha256(utf8.encode(text))).toString('hex');
  checkNumbers(migrations);
  // Keys with a blank, which no client can send.
  await engine.write(
    {
      statements: [{ examined: trust(TABLE, 'CREATE'), params: [] }],
      key: 'migrations 0',
      hash: checksumOf(TABLE),
    },
    options,
  );
  const read: Statement = { examined: trust(READ, 'SELECT'), params: [] };
  const { rows } = await engine.query(read, { ...options, consistency: 'linearizable' });
  const known = new Map(rows.map(([number, checksum]) => [Number(number), String(checksum)]));
  const applied: number[] = [];
  for (const { number, name, sql } of migrations) {
    const checksum = checksumOf(sql);
    const before = known.get(number);
    if (before === checksum) continue;
    if (before !== undefined)
      throw refused(
        `number ${number} (${name}) was applied with another text; add a new one instead of changing it`,
      );
    if (number > 1 && !known.has(number - 1))
      throw refused(`number ${number} cannot be applied before ${number - 1}`);
    const statements: Statement[] = splitStatements(sql).map(({ text }) => ({
      examined: examine(text),
      params: [],
    }));
    statements.push({ examined: trust(NOTE, 'INSERT'), params: [number, name, checksum, now()] });
    await engine.write({ statements, key: `migration ${number}`, hash: checksum }, options);
    known.set(number, checksum);
    applied.push(number);
  }
  return { applied, version: Math.max(0, ...known.keys()) };
}

function checkNumbers(migrations: readonly SqlMigration[]): void {
  for (const [at, { number }] of migrations.entries()) {
    const before = migrations[at - 1]?.number;
    if (before !== undefined && number !== before + 1)
      throw refused(`number ${number} comes after ${before}; they go up by one`);
  }
}

function refused(reason: string): P2posError {
  return new P2posError('SQL_MIGRATION', { reason });
}
