/**
 * Searches for the closest nodes to a random key among 100 nodes in one process, each candidate in a process of its own:
 * ours over TLS on tcp, hyperdht over its UDP without encryption, @libp2p/kad-dht over TLS on tcp.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { BenchmarkOptions, BenchmarkReport, Series } from '../report.ts';
import type { Answer, Question } from './worker.ts';

const CANDIDATES = ['p2pos', 'hyperdht', 'kad-dht'] as const;
const NODES = 100;
const IN_FLIGHT = [1, 16];

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const series: (Series & { values: number[] })[] = [];
  const note = (measure: string, candidate: string, value: number) => {
    const known = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (known) known.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  for (const candidate of CANDIDATES) {
    say(`${candidate}: starting ${NODES} nodes`);
    await using worker = await startWorker(candidate);
    await worker.ask({ inFlight: 16, seconds });
    for (let round = 1; round <= rounds; round++) {
      for (const inFlight of IN_FLIGHT) {
        const { lookups, queries, tookMs, p50Ms, p99Ms, cpuMs } = await worker.ask({ inFlight, seconds });
        say(
          `${candidate} round ${round}: ${Math.round((1_000 * lookups) / tookMs)}/s, ${inFlight} in flight`,
        );
        const measure = `${inFlight} in flight`;
        note(`lookups/s, ${measure}`, candidate, (1_000 * lookups) / tookMs);
        note(`lookup p50 ms, ${measure}`, candidate, p50Ms);
        note(`lookup p99 ms, ${measure}`, candidate, p99Ms);
        note(`processor ms a lookup, ${measure}`, candidate, cpuMs / lookups);
        note(`queries a lookup, ${measure}`, candidate, queries / lookups);
      }
    }
  }
  return { versions: versions(), baseline: 'hyperdht', series };
}

async function startWorker(candidate: string) {
  const child = fork(new URL('./worker.ts', import.meta.url), [candidate, String(NODES)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return {
    async ask(question: Question): Promise<Answer> {
      child.send(question);
      const [answer] = (await once(child, 'message')) as [Answer];
      return answer;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

function versions(): Record<string, string> {
  const { devDependencies } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { readonly devDependencies: Record<string, string> };
  return Object.fromEntries(
    ['hyperdht', '@libp2p/kad-dht'].map((name) => [name, devDependencies[name] ?? '?']),
  );
}
