/** Statements of many kinds, made from a seed: what they give must not depend on the engine that runs them. */
import type { SqlValue } from '@p2pos/protocol';
import { createSeededRandom } from '../../../testing/seeded-random.ts';

export interface MadeStatement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly reads: boolean;
}

const SCHEMA = [
  'CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER, r REAL, t TEXT, b BLOB)',
  'CREATE TABLE c (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a, k TEXT UNIQUE, v, CHECK (v IS NULL OR v <> 13))',
  'CREATE TABLE w (x INTEGER, y TEXT COLLATE NOCASE, z NUMERIC, PRIMARY KEY (x, y)) WITHOUT ROWID',
  'CREATE TABLE s (i INT NOT NULL, j ANY) STRICT',
  'CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT)',
  'CREATE INDEX a_n ON a (n, t)',
  'CREATE INDEX c_part ON c (v) WHERE v IS NOT NULL',
  "CREATE TRIGGER c_gone AFTER DELETE ON c BEGIN INSERT INTO log (what) VALUES ('gone ' || old.id); END",
  'CREATE VIEW both AS SELECT a.id, a.t, c.k, c.v FROM a JOIN c ON c.a = a.id',
];
const WORDS = [
  'tea',
  'Tea',
  'ü',
  '☕',
  '',
  ' x ',
  'a%b',
  "it's",
  '10',
  '-3',
  '1e2',
  "x'41'",
  'null',
  'line\nbreak',
  'z'.repeat(40),
];

export function* statementsOf(seed: number, count: number): Generator<MadeStatement> {
  const random = createSeededRandom(seed);
  const below = (n: number) => Math.floor(random.float() * n);
  const one = <T>(list: readonly T[]) => list[below(list.length)] as T;
  const number = () => one([0, 1, -1, 7, 13, 42, 255, 1_000_003, -4_294_967_296, 2 ** 53 - 1]);
  const id = () => below(60);
  const value = (): SqlValue =>
    one<() => SqlValue>([
      () => null,
      number,
      () => one([0.5, -0.25, 1e10, 3.25, 1e-7]),
      () => one(WORDS),
      () => Uint8Array.of(below(256), 0, below(256)),
      () => 2n ** 60n + BigInt(below(100)),
    ])();
  const column = () => one(['n', 'r', 't', 'b', 'id']);
  // Versions of SQLite write reals as text with different numbers of digits.
  const exact = () => one(['n', 't', 'b', 'id']);
  const term = (): string =>
    one([
      () => column(),
      () => `${number()}`,
      () => `(${exact()} ${one(['+', '-', '*', '||', '&', '|', '<<', '%'])} ${one([1, 2, 3, 7])})`,
      () => `abs(ifnull(CAST(${column()} AS INTEGER), 0) % 1000)`,
      () => `length(${exact()})`,
      () => `upper(t)`,
      () => `substr(t, ${below(4)}, ${below(4)})`,
      () => `coalesce(${column()}, ${number()})`,
      () => `typeof(${column()})`,
      () => `iif(n > ${number()}, t, hex(b))`,
      () => `CASE ${column()} WHEN ${number()} THEN 'x' ELSE ${column()} END`,
      () => `CAST(${exact()} AS ${one(['TEXT', 'INTEGER', 'REAL', 'BLOB', 'NUMERIC'])})`,
      () => `date('2026-01-01', '+' || (abs(ifnull(id, 0)) % 400) || ' days')`,
      () => `json_array(n, t)`,
      () => `round(r, ${below(4)})`,
      () => `trim(t)`,
      () => `quote(${exact()})`,
    ])();
  const condition = (): string =>
    one([
      () => `${term()} ${one(['=', '<>', '<', '>', '<=', '>=', 'IS', 'IS NOT'])} ${term()}`,
      () => `${column()} IN (${number()}, ${number()}, 'tea')`,
      () => `${column()} BETWEEN ${number()} AND ${number()}`,
      () => `t LIKE ${one(["'t%'", "'%e_'", "'a\\%%' ESCAPE '\\'"])}`,
      () => `t GLOB ${one(["'[tT]*'", "'*e?'"])}`,
      () => `EXISTS (SELECT 1 FROM c WHERE c.a = a.id AND c.v ${one(['>', '<'])} ${number()})`,
      () => `NOT (${column()} IS NULL)`,
    ])();
  const reading = (): string =>
    one([
      () =>
        `SELECT id, ${term()}, ${term()} FROM a WHERE ${condition()} ${one(['AND', 'OR'])} ${condition()} ORDER BY id`,
      () =>
        `SELECT ${one(['count(*)', 'sum(n % 1000)', 'avg(n % 1000)', 'count(r)', 'min(t)', 'max(n)', 'group_concat(DISTINCT n)'])} FROM (SELECT * FROM a WHERE ${condition()} ORDER BY id)`,
      () => `SELECT n, count(*), max(id) FROM a GROUP BY n HAVING count(*) > ${below(3)} ORDER BY n`,
      () =>
        `SELECT a.id, c.k, c.v FROM a ${one(['JOIN', 'LEFT JOIN'])} c ON c.a = a.id WHERE ${condition().replaceAll(/\bid\b/g, 'a.id')} ORDER BY a.id, c.id`,
      () => `SELECT * FROM both WHERE v ${one(['>', '<', 'IS NOT'])} ${number()} ORDER BY id, k`,
      () =>
        `SELECT id, sum(n % 100) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), row_number() OVER (PARTITION BY n ORDER BY id) FROM a ORDER BY id`,
      () =>
        `WITH RECURSIVE f(i, x) AS (SELECT 1, ${below(9)} UNION ALL SELECT i + 1, x * 2 + i FROM f WHERE i < 12) SELECT * FROM f ORDER BY i`,
      () =>
        `SELECT n FROM a ${one(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} SELECT a FROM c ORDER BY 1`,
      () =>
        `SELECT x, y, z, typeof(z) FROM w WHERE y = '${one(['TEA', 'tea', 'Ü'])}' OR x < ${below(30)} ORDER BY x, y`,
      () =>
        `SELECT value, typeof(value) FROM json_each('[1, 2.5, "x", null, true, ${number()}]') ORDER BY key`,
      () =>
        `SELECT id FROM a ORDER BY ${column()} ${one(['ASC', 'DESC'])} ${one(['', 'NULLS LAST'])}, id LIMIT ${below(9)} OFFSET ${below(5)}`,
      () => `SELECT ?1, typeof(?1), ?2 || '', ?1 IS ?2`,
      () => `SELECT i, j FROM s ORDER BY i, j`,
      () => `SELECT id, what FROM log ORDER BY id`,
      () => `VALUES (${number()}, 'x'), (NULL, x'00ff')`,
      () => `SELECT nothing FROM a`,
      () => `SELEKT 1`,
      () => `SELECT abs(-9223372036854775807 - 1)`,
    ])();
  const writing = (): MadeStatement => {
    const write = (sql: string, ...params: SqlValue[]) => ({ sql, params, reads: false });
    return one([
      () =>
        write(
          'INSERT INTO a (id, n, r, t, b) VALUES (?, ?, ?, ?, ?)',
          id(),
          value(),
          value(),
          value(),
          value(),
        ),
      () => write('INSERT INTO a (n, r, t) VALUES (?, ?, ?)', number(), value(), one(WORDS)),
      () => write('INSERT OR REPLACE INTO a (id, n, t) VALUES (?, ?, ?)', id(), number(), value()),
      () => write('INSERT INTO c (a, k, v) VALUES (?, ?, ?)', id(), one(WORDS) + below(30), value()),
      () =>
        write(
          'INSERT INTO c (a, k, v) VALUES (?, ?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v',
          id(),
          one(WORDS) + below(30),
          number(),
        ),
      () => write('INSERT OR IGNORE INTO c (id, k, v) VALUES (?, ?, 13)', id(), one(WORDS)),
      () => write('INSERT INTO w VALUES (?, ?, ?)', below(40), one(WORDS), value()),
      () => write('INSERT INTO s VALUES (?, ?)', value(), value()),
      () =>
        write(
          `UPDATE a SET n = ?, t = ${one(["t || 'x'", 'upper(t)', 'NULL', '?2'])} WHERE id % 7 = ?3`,
          number(),
          'k',
          below(7),
        ),
      () => write('UPDATE a SET r = n * 1.5 WHERE id < ?', id()),
      () => write('UPDATE w SET y = lower(y), z = z + 1 WHERE x = ?', below(40)),
      () => write('DELETE FROM c WHERE id = ?', id()),
      () => write('DELETE FROM a WHERE id = ? AND NOT EXISTS (SELECT 1 FROM c WHERE c.a = a.id)', id()),
      () => write('DELETE FROM c WHERE v IS ?', value()),
      () => write('INSERT INTO a SELECT id + 1000, n, r, t, b FROM a WHERE id = ?', id()),
      () => write('UPDATE nowhere SET x = ?', 1),
    ])();
  };
  for (const sql of SCHEMA) yield { sql, params: [], reads: false };
  for (let i = SCHEMA.length; i < count; i++) {
    if (random.float() < 0.45) yield writing();
    else {
      const sql = reading();
      yield { sql, params: sql.includes('?1') ? [value(), value()] : [], reads: true };
    }
  }
}
