/**
 * Calls and bulk bytes between two processes on this machine: our rpc and channels beside raw `node:tls` doing the
 * same work, and beside one libp2p stream per call.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import { connectAll } from './candidates.ts';
import type { ServerReady } from './work.ts';

const MIB = 1_048_576;

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const server = fork(new URL('./server.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    const [ready] = (await once(server, 'message')) as [ServerReady];
    const candidates = await connectAll(ready);
    const measures = candidates.flatMap(({ name: candidate, calls, stream, bodies }) => {
      const list: {
        readonly candidate: string;
        readonly measure: string;
        readonly once: (length: number) => Promise<number>;
      }[] = [];
      for (const inFlight of calls ? [1, 64] : []) {
        const measure = `calls/s of 256 B, ${inFlight} in flight`;
        list.push({ candidate, measure, once: async (length) => (await calls?.(inFlight, length)) ?? 0 });
      }
      if (stream) {
        list.push({
          candidate,
          measure: 'one stream, MiB/s',
          once: async (length) => (await stream(length)) / MIB,
        });
      }
      if (bodies) {
        const measure = 'bodies of 1 MiB, 8 in flight, MiB/s';
        list.push({ candidate, measure, once: async (length) => (await bodies(length)) / MIB });
      }
      return list;
    });
    say('warming up');
    for (const { once: measure } of measures) await measure(Math.min(1, seconds));
    const series = measures.map(({ candidate, measure }): Series & { values: number[] } => ({
      candidate,
      measure,
      values: [],
    }));
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      for (const [index, { once: measure }] of measures.entries())
        series[index]?.values.push(await measure(seconds));
    }
    for (const candidate of candidates) await candidate[Symbol.asyncDispose]();
    return { versions: versions(), baseline: 'node:tls', series };
  } finally {
    server.disconnect();
  }
}

function versions(): Record<string, string> {
  const { dependencies } = JSON.parse(
    readFileSync(new URL('../../packages/node/package.json', import.meta.url), 'utf8'),
  ) as { readonly dependencies: Record<string, string> };
  const names = ['libp2p', '@libp2p/tcp', '@libp2p/tls', '@libp2p/yamux', 'zod'];
  return Object.fromEntries(names.map((name) => [name, dependencies[name] ?? 'unknown']));
}
