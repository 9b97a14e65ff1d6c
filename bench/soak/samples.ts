/** What a process holds, seen from outside and by its own metrics. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const MIB = 1_048_576;

export interface Sample {
  /** Since the load began. */
  readonly seconds: number;
  readonly residentMib: number;
  readonly heapMib: number;
  /** Files, sockets and the rest. */
  readonly handles: number;
  /** Of the event loop since the sample before, 99th percentile. */
  readonly delayMs: number;
}

export async function sample(pid: number, http: string, seconds: number): Promise<Sample> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const text = await metricsOf(http);
  return {
    seconds,
    residentMib: (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024) / MIB,
    heapMib: metric(text, 'p2pos_process_heap_used_bytes') / MIB,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    delayMs: 1_000 * metric(text, 'p2pos_event_loop_delay_p99_seconds'),
  };
}

/** Bytes that the node says are taken, by whoever they belong to; 0: it has not counted yet. */
export async function accountedBytes(http: string): Promise<number> {
  const text = await metricsOf(http);
  return [...text.matchAll(/^p2pos_disk_bytes\{[^}]*\} (\S+)$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

/** The database under the home of a node that has ended, so that there is nothing beside it. */
export function databaseBytes(home: string): number {
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
  const file = files.find((name) => name.endsWith('store.sqlite'));
  if (!file || files.includes(`${file}-wal`)) throw new Error(`${home} has no database at rest`);
  return statSync(join(home, file)).size;
}

async function metricsOf(http: string): Promise<string> {
  return (await fetch(`${http}/metrics`)).text();
}

function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}
