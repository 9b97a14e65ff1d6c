/**
 * Single-row inserts and reads through three nodes (engine rqlite), beside three rqlited of the same binary and settings
 * asked directly at their leader; idempotency rows are included in ours. Then the engine sqlite at the service's door, and
 * through WebSocket and HTTP, beside raw node:sqlite whose inserts are batched by 64. All of it durable when answered.
 */
import { connect, type SqlDatabaseClient } from '@p2pos/sdk';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import { openEngine } from '../../packages/node/src/services/sql/testing/engines.ts';
import { measure } from '../kv/load.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { openRawSqlite } from './embedded.ts';
import { startPlainRqlite } from './plain-rqlite.ts';

const BODY = 'x'.repeat(100);
const INSERT = 'INSERT INTO t (n, body) VALUES (?, ?)';
const READ = 'SELECT n, body FROM t WHERE id = ?';
const TABLE = 'CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, body TEXT)';
const ROWS = 1_000;
const WARM_UP_SECONDS = 2;
const EMBEDDED = 'embedded: inserts/s, 64 in flight';

interface Candidate {
  readonly name: string;
  readonly insert: (i: number) => Promise<unknown>;
  readonly read?: (id: number) => Promise<unknown>;
}

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using stack = new AsyncDisposableStack();
  const dev = stack.use(await startDev({ nodes: 3 }));
  const plain = await startPlainRqlite();
  if (plain) stack.use(plain);
  else say('skipped: needs rqlited');
  const clustered: Candidate[] = [];
  if (plain) {
    await plain.execute(TABLE);
    clustered.push({
      name: 'rqlite',
      insert: (i) => plain.execute(INSERT, i, BODY),
      read: (id) => plain.query(READ, 'none', id),
    });
    clustered.push(await clusteredOurs(dev, stack));
  }
  const raw = stack.use(await openRawSqlite());
  const embedded = await embeddedOurs(dev, stack);

  const series: (Series & { values: number[] })[] = [];
  const record = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  for (const candidate of [...clustered, ...embedded]) {
    say(`warming ${candidate.name}`);
    await measure({ width: 64, seconds: WARM_UP_SECONDS }, candidate.insert);
  }
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const width of [1, 64, 256]) {
      for (const { name, insert, read } of clustered) {
        const written = await measure({ width, seconds }, insert);
        record(`clustered: inserts/s, ${width} in flight`, name, written.perSecond);
        record(`clustered: insert p50 ms, ${width} in flight`, name, written.p50);
        record(`clustered: insert p99 ms, ${width} in flight`, name, written.p99);
        if (!read || width === 256) continue;
        const found = await measure({ width, seconds }, (i) => read((i % ROWS) + 1));
        record(`clustered: reads/s at level none, ${width} in flight`, name, found.perSecond);
      }
    }
    record(EMBEDDED, 'node:sqlite by 64', raw.insertsPerSecond(64, seconds));
    record(EMBEDDED, 'node:sqlite one by one', raw.insertsPerSecond(1, seconds));
    for (const { name, insert } of embedded) {
      const { perSecond } = await measure({ width: 64, seconds }, insert);
      record(EMBEDDED, name, perSecond);
    }
  }
  for (const { candidate, values } of [...series].filter(({ measure }) => measure === EMBEDDED)) {
    const base = series.find((one) => one.measure === EMBEDDED && one.candidate === 'node:sqlite by 64');
    for (const [at, value] of values.entries())
      record('embedded: % of node:sqlite by 64', candidate, (100 * value) / (base?.values[at] ?? Number.NaN));
  }
  return {
    versions: { rqlite: plain?.version ?? 'absent', node: process.version },
    baseline: 'rqlite',
    series,
  };
}

async function clusteredOurs(dev: DevSystem, stack: AsyncDisposableStack): Promise<Candidate> {
  await using operator = dev.client(0);
  await operator.sql.create('clustered', { engine: 'rqlite', voters: 3 });
  await operator.sql('clustered').execute(TABLE);
  const { holders } = await operator.sql('clustered').status();
  const leader = holders.find(({ role }) => role === 'leader')?.peerId;
  const at = dev.nodes().findIndex(({ peerId }) => peerId === leader);
  const client = stack.use(connect({ url: dev.node(at).http, token: dev.token(at), maxAttempts: 1 }));
  const db = client.sql('clustered');
  return {
    name: 'p2pos, at the leader’s node',
    insert: (i) => db.execute(INSERT, [i, BODY]),
    read: (id) => db.rows(READ, [id], { consistency: 'none' }),
  };
}

async function embeddedOurs(dev: DevSystem, stack: AsyncDisposableStack): Promise<Candidate[]> {
  const door = stack.use(await openEngine('sqlite', { statementTimeoutMs: 10_000 }));
  await door.write([TABLE]);
  await using operator = dev.client(0);
  await operator.sql.create('embedded');
  await operator.sql('embedded').execute(TABLE);
  const over = (transport: 'socket' | 'http'): SqlDatabaseClient => {
    const client = connect({ url: dev.node(0).http, token: dev.token(0), maxAttempts: 1, transport });
    return stack.use(client).sql('embedded');
  };
  const [socket, http] = [over('socket'), over('http')];
  return [
    { name: 'p2pos at its door', insert: (i) => door.write([[INSERT, i, BODY]]) },
    { name: 'p2pos by WebSocket', insert: (i) => socket.execute(INSERT, [i, BODY]) },
    { name: 'p2pos by HTTP', insert: (i) => http.execute(INSERT, [i, BODY]) },
  ];
}
