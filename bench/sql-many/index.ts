/**
 * Fifty databases on five nodes: how long they take to be made, what the nodes and their engines take in memory and of the
 * processors while nobody asks, and how long all nodes take to serve them again after a restart. `--rounds` is not used.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type DevSystem, startDev } from '../../e2e/harness.ts';
import { findProgram } from '../../packages/node/src/services/sql/rqlite/program.ts';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';

const COUNT = 50;
const IDLE_MS = 20_000;
const AT_ONCE = 4;

export async function run({ say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const program = await findProgram({ development: true });
  const series: Series[] = [];
  const engines = typeof program === 'string' ? (['sqlite'] as const) : (['sqlite', 'rqlite'] as const);
  if (typeof program === 'string') say(`skipped rqlite: needs rqlited: ${program}`);
  for (const engine of engines) {
    const record = (measure: string, ...values: number[]) =>
      series.push({ measure, candidate: engine, values });
    await using dev = await startDev({ nodes: 5 });
    await wait(IDLE_MS / 4);
    const before = await footprint(dev);
    say(`${engine}: making ${COUNT} databases`);
    const made: number[] = [];
    await perDatabase(async (name, index) => {
      const started = performance.now();
      await using client = dev.client(index % 5);
      await client.sql.create(name, engine === 'rqlite' ? { engine, voters: 3 } : {});
      await client.sql(name).execute('CREATE TABLE t (a)');
      await client.sql(name).execute('INSERT INTO t VALUES (1)');
      made.push(performance.now() - started);
    });
    record('ms to make one, 4 at once', ...made);
    await wait(IDLE_MS / 4);
    const after = await footprint(dev);
    record('MiB a database, all nodes together', (after.mebibytes - before.mebibytes) / COUNT);
    record('processes in all', after.processes);
    record('MiB in all', after.mebibytes);
    record('% of one processor while idle, before', before.percent);
    record('% of one processor while idle, with all', after.percent);
    record('% of one processor a database', (after.percent - before.percent) / COUNT);
    say(`${engine}: restarting all nodes`);
    await dev.end();
    const restarted = performance.now();
    await dev.start();
    record('ms until the system is ready again', performance.now() - restarted);
    await perDatabase(async (name, index) => {
      await using client = dev.client(index % 5);
      await patiently(() => client.sql(name).query('SELECT a FROM t', [], { consistency: 'linearizable' }));
    });
    record('ms until every database has answered', performance.now() - restarted);
  }
  return {
    versions: { rqlite: typeof program === 'string' ? 'absent' : program.version, node: process.version },
    baseline: 'sqlite',
    series,
  };
}

async function perDatabase(run: (name: string, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let index = next++; index < COUNT; index = next++) await run(`many${index}`, index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function patiently(work: () => Promise<unknown>): Promise<void> {
  for (const end = performance.now() + 120_000; ; ) {
    try {
      await work();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await wait(100);
    }
  }
}

interface Footprint {
  readonly processes: number;
  /** Proportional set size, so that what processes share counts once. */
  readonly mebibytes: number;
  /** Of one processor, over some seconds. */
  readonly percent: number;
}

async function footprint(dev: DevSystem): Promise<Footprint> {
  const pids = family(dev.nodes().flatMap(({ pid }) => (pid === null ? [] : [pid])));
  const micros = () => pids.reduce((sum, pid) => sum + cpuMicros(pid), 0);
  const [startedAt, usedBefore] = [performance.now(), micros()];
  await wait(IDLE_MS);
  const percent = (micros() - usedBefore) / (performance.now() - startedAt) / 10;
  const kibibytes = pids.reduce(
    (sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(pid, 'smaps_rollup'))?.[1] ?? 0),
    0,
  );
  return { processes: pids.length, mebibytes: kibibytes / 1_024, percent };
}

/** With their children. */
function family(roots: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    parents.set(Number(name), Number(read(Number(name), 'stat').split(') ').at(-1)?.split(' ')[1]));
  }
  const found = new Set(roots);
  for (const root of found) for (const [pid, parent] of parents) if (parent === root) found.add(pid);
  return [...found];
}

function read(pid: number, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
}

/** User and system time so far, in steps of 10 ms (proc(5), fields 14 and 15 of stat). */
function cpuMicros(pid: number): number {
  const fields = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10_000;
}
