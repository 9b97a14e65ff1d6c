/**
 * Five nodes, three voters, eight writers; every 10 s the node of the leader is killed (kill -9, its rqlited dies with it).
 * How long nothing is acknowledged after each kill, and whether what was acknowledged is there, once: `--rounds 12` are two
 * minutes. Ends with an error when the history has a fault.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Client, connect } from '@p2pos/sdk';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import { findProgram } from '../../packages/node/src/services/sql/rqlite/program.ts';
import {
  faultsOf,
  type HistoryRead,
  type HistoryWrite,
  silencesAfter,
} from '../../packages/node/src/services/sql/testing/history.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';

const WRITERS = 8;
const PERIOD_MS = 10_000;
const PATIENCE_MS = 20_000;
const PAUSE_MS = 20;

export async function run({ rounds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const program = await findProgram({ development: true });
  if (typeof program === 'string') throw new Error(`skipped: needs rqlited: ${program}`);
  await using dev = await startDev({ nodes: 5 });
  const clientOf = await createApp(dev);
  await using client = clientOf(0);
  await client.sql.create('ledger', { engine: 'rqlite', voters: 3 });
  const db = client.sql('ledger');
  await db.execute('CREATE TABLE entries (seq INTEGER PRIMARY KEY, id TEXT NOT NULL)');

  const writes: HistoryWrite[] = [];
  const reads: HistoryRead[] = [];
  const end = new AbortController();
  const writers = Array.from({ length: WRITERS }, async (_, who) => {
    await using own = clientOf(who % 5);
    for (let n = 0; !end.signal.aborted; n++) {
      const id = `${who}-${n}`;
      const startedAt = performance.now();
      let acknowledgedAt: number | undefined;
      while (acknowledgedAt === undefined && !end.signal.aborted) {
        const options = { idempotencyKey: id, timeoutMs: PATIENCE_MS };
        const insert = own.sql('ledger').execute('INSERT INTO entries (id) VALUES (?)', [id], options);
        acknowledgedAt = await insert.then(
          () => performance.now(),
          () => undefined,
        );
        if (acknowledgedAt === undefined) await wait(PAUSE_MS);
      }
      writes.push({ id, startedAt, ...(acknowledgedAt !== undefined && { acknowledgedAt }) });
    }
  });
  const reader = (async () => {
    await using own = clientOf(3);
    while (!end.signal.aborted) {
      const startedAt = performance.now();
      const count = own.sql('ledger').query('SELECT count(*) AS n FROM entries', [], {
        consistency: 'linearizable',
        timeoutMs: PATIENCE_MS,
      });
      await count.then(
        ([row]) => reads.push({ startedAt, endedAt: performance.now(), count: Number(row?.['n']) }),
        () => {},
      );
      await wait(10 * PAUSE_MS);
    }
  })();

  const kills: number[] = [];
  await wait(PERIOD_MS / 2);
  for (let round = 1; round <= rounds; round++) {
    const leader = await leaderOf(dev, client);
    kills.push(performance.now());
    dev.kill(leader);
    say(`kill ${round} of ${rounds}: node${leader}; ${writes.length} writes so far`);
    await wait(PERIOD_MS);
  }
  end.abort();
  await Promise.all([...writers, reader]);
  const found = await eventually(
    async () =>
      db.query('SELECT id, count(*) AS times FROM entries GROUP BY id', [], { consistency: 'linearizable' }),
    { timeoutMs: 60_000 },
  );
  const rows = new Map((found as { id: string; times: number }[]).map(({ id, times }) => [id, times]));
  const faults = faultsOf({ writes, reads, rows });
  const silences = silencesAfter(kills, writes, PERIOD_MS);
  const longest = writes.map(({ startedAt, acknowledgedAt = startedAt }) => acknowledgedAt - startedAt);
  const [kind] = Object.entries(faults).flatMap(([name, list]) => (list.length > 0 ? [name] : []));
  if (kind !== undefined) throw new Error(`the history has faults: ${JSON.stringify(faults)}`);
  const one = (measure: string, ...values: number[]) => ({ measure, candidate: 'p2pos', values });
  return {
    versions: { rqlite: program.version, node: process.version },
    baseline: 'p2pos',
    series: [
      one('ms without any acknowledged write, after each kill', ...silences),
      one('longest wait of one write, ms', Math.max(...longest)),
      one('acknowledged writes', writes.filter(({ acknowledgedAt }) => acknowledgedAt !== undefined).length),
      one('linearizable reads checked', reads.length),
      one('writes lost, done twice or invented; reads stale or early', 0),
    ],
  };
}

async function leaderOf(dev: DevSystem, client: Client): Promise<number> {
  return eventually(
    async (): Promise<number | false> => {
      const { holders } = await client.sql('ledger').status();
      const leader = holders.find(({ role }) => role === 'leader');
      const at = dev.nodes().findIndex(({ peerId }) => peerId === leader?.peerId);
      return at >= 0 && at;
    },
    { timeoutMs: 30_000 },
  ) as Promise<number>;
}

/** Clients of an app, whose token all nodes know: they go to another node when one is gone. */
async function createApp(dev: DevSystem): Promise<(first: number) => Client> {
  await using operator = dev.client(0);
  await operator.apps.put('shop');
  const { token } = await operator.apps.tokens.create('shop', { grants: ['sql:*'] });
  return (first) => {
    const urls = dev.nodes().map(({ http }) => http);
    return connect({ url: [...urls.slice(first), ...urls.slice(0, first)], token });
  };
}
