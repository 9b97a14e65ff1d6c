/** Load with so many calls in flight, and what came of it. */
import { readFileSync } from 'node:fs';

export async function inFlight(
  width: number,
  count: number,
  run: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: width }, work));
}

export interface LoadOptions {
  readonly width: number;
  readonly seconds: number;
  /** Of the servers, for what they use of the processors. */
  readonly pids?: readonly number[];
}

export async function measure(
  { width, seconds, pids = [] }: LoadOptions,
  run: (i: number) => Promise<unknown>,
) {
  const latencies: number[] = [];
  const serversBefore = pids.map(cpuMicros);
  const clientBefore = process.cpuUsage();
  const started = performance.now();
  const end = started + seconds * 1_000;
  let next = 0;
  const work = async () => {
    while (performance.now() < end) {
      const at = performance.now();
      await run(next++);
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  const elapsed = (performance.now() - started) / 1_000;
  const client = process.cpuUsage(clientBefore);
  const servers = pids.reduce((sum, pid, i) => sum + cpuMicros(pid) - (serversBefore[i] as number), 0);
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    perSecond: latencies.length / elapsed,
    p50: quantile(0.5),
    p99: quantile(0.99),
    serverMicros: servers / latencies.length,
    clientMicros: (client.user + client.system) / latencies.length,
  };
}

/** User and system time of a process so far, in steps of 10 ms (proc(5), fields 14 and 15 of stat). */
export function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
