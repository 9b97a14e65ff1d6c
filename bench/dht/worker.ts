/** One candidate in a process of its own: starts its nodes, then answers questions from the benchmark. */
import { randomBytes } from 'node:crypto';
import { percentile } from '../../sim/lookup/tally.ts';
import type { Candidate } from './candidate.ts';
import { startHyperdht } from './hyperdht.ts';
import { startKadDht } from './kad-dht.ts';
import { startP2pos } from './p2pos.ts';

export interface Question {
  readonly inFlight: number;
  readonly seconds: number;
}

export interface Answer {
  readonly lookups: number;
  readonly queries: number;
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
}

const STARTERS: Readonly<Record<string, (count: number) => Promise<Candidate>>> = {
  p2pos: startP2pos,
  hyperdht: startHyperdht,
  'kad-dht': startKadDht,
};

process.on('disconnect', () => process.exit(0));
const [name = '', count = '100'] = process.argv.slice(2);
const candidate = await STARTERS[name]?.(Number(count));
if (!candidate) throw new Error(`there is no candidate ${name}`);

process.on('message', async ({ inFlight, seconds }: Question) => {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const took: number[] = [];
  let queries = 0;
  let next = 0;
  const work = async () => {
    while (performance.now() - startedAt < 1_000 * seconds) {
      const from = performance.now();
      const asked = await candidate.lookup(next++ % Number(count), new Uint8Array(randomBytes(32)));
      queries += asked;
      took.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  const { user, system } = process.cpuUsage(cpu);
  took.sort((a, b) => a - b);
  const answer: Answer = {
    lookups: took.length,
    queries,
    tookMs: performance.now() - startedAt,
    p50Ms: percentile(took, 0.5),
    p99Ms: percentile(took, 0.99),
    cpuMs: (user + system) / 1_000,
  };
  process.send?.(answer);
});
process.send?.('ready');
