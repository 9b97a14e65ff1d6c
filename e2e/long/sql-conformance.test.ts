/** The same statements through the API on both engines and in node:sqlite: the same rows, changes, ids and refusals. */
import assert from 'node:assert/strict';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { test } from 'node:test';
import { isP2posError, type SqlValue } from '@p2pos/protocol';
import type { SqlDatabaseClient } from '@p2pos/sdk';
import { type MadeStatement, statementsOf } from '../../packages/node/src/services/sql/testing/statements.ts';
import { startDev } from '../harness.ts';

const SEEDS = [1, 2];
const COUNT = 1_500;

type Outcome = { rows: SqlValue[][] } | { changes: number; id: SqlValue } | { refused: string };

test(`${SEEDS.length * COUNT} statements give the same on both engines as in SQLite itself`, {
  timeout: 300_000,
}, async (t) => {
  await using dev = await startDev({ nodes: 3 });
  await using client = dev.client(1);
  for (const seed of SEEDS) {
    const reference = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true, readBigInts: true });
    const names = { sqlite: `file${seed}`, rqlite: `group${seed}` } as const;
    for (const engine of ['sqlite', 'rqlite'] as const) await client.sql.create(names[engine], { engine });
    const kinds = new Map<string, number>();
    for (const made of statementsOf(seed, COUNT)) {
      const wanted = ofReference(reference, made);
      const kind = Object.keys(wanted)[0] as string;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const got = await Promise.all(
        (['sqlite', 'rqlite'] as const).map((engine) => ofClient(client.sql(names[engine]), made)),
      );
      for (const [at, outcome] of got.entries())
        assert.deepEqual(
          outcome,
          wanted,
          `${['sqlite', 'rqlite'][at]}: ${made.sql} ${made.params.map(String)}`,
        );
    }
    t.diagnostic(`seed ${seed}: ${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
    assert.ok((kinds.get('rows') ?? 0) > COUNT / 4 && (kinds.get('changes') ?? 0) > COUNT / 4);
    reference.close();
  }
});

function ofReference(db: DatabaseSync, { sql, params, reads }: MadeStatement): Outcome {
  const bound = params.map((value) =>
    typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value,
  ) as SQLInputValue[];
  try {
    const statement = db.prepare(sql);
    if (reads) {
      statement.setReturnArrays(true);
      const rows = statement.all(...bound) as unknown as SqlValue[][];
      return { rows: rows.map((row) => row.map(narrow)) };
    }
    const { changes, lastInsertRowid } = statement.run(...bound);
    const isChange = /^(?:insert|update|delete|replace)/i.test(sql);
    const inserts = /^(?:insert|replace)/i.test(sql) && Number(changes) > 0;
    return { changes: isChange ? Number(changes) : 0, id: inserts ? narrow(BigInt(lastInsertRowid)) : null };
  } catch (error) {
    const { errcode = 1 } = error as { errcode?: number };
    return { refused: (errcode & 0xff) === 19 || errcode === 20 ? 'SQL_CONSTRAINT' : 'SQL_SYNTAX' };
  }
}

function narrow(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

async function ofClient(db: SqlDatabaseClient, { sql, params, reads }: MadeStatement): Promise<Outcome> {
  try {
    if (reads) return { rows: (await db.rows(sql, params)).rows };
    const { changes, lastInsertId } = await db.execute(sql, params);
    return { changes, id: lastInsertId };
  } catch (error) {
    if (!isP2posError(error)) throw error;
    return { refused: error.code };
  }
}
