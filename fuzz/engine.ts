/**
 * Mutates inputs that are known to reach new code, keeps what reaches more, and looks at what comes of each: a decoder
 * answers or throws one of its typed errors, quickly and in bounded memory. Coverage is V8's own, by block.
 */
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { setImmediate } from 'node:timers/promises';
import { createSeededRandom } from '../packages/node/src/testing/seeded-random.ts';
import { createMutator } from './mutator.ts';

export interface Target {
  readonly name: string;
  /** Honest inputs to begin with. */
  readonly seeds: () => Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Throws only what `expects` knows. */
  readonly run: (input: Uint8Array) => unknown;
  /** Whether an error is one that callers are told to expect. */
  readonly expects: (error: unknown) => boolean;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly reason: string;
}

export interface Report {
  readonly runs: number;
  readonly corpus: readonly Uint8Array[];
  /** Blocks of the project's own code that were reached. */
  readonly blocks: number;
  readonly findings: readonly Finding[];
  /** Those of `places` at which something ran. */
  readonly reached: ReadonlySet<string>;
}

export interface FuzzConfig {
  readonly seed: string;
  readonly budgetMs: number;
  /** Inputs kept from earlier runs. */
  readonly corpus: readonly Uint8Array[];
  readonly maxInputBytes?: number;
  /** Offsets into sources, by URL. */
  readonly places?: ReadonlyMap<string, readonly number[]>;
  readonly now: () => number;
}

const BATCH = 512;
const ROUND = 64;
/** One input that takes longer is a finding: a peer could send it again and again. */
const MAX_RUN_MS = 200;
/** Heap that one small input may leave behind for a moment. */
const MAX_HEAP_BYTES = 256 * 1_048_576;
const MAX_FINDINGS = 10;

export async function fuzz(target: Target, config: FuzzConfig): Promise<Report> {
  const { seed, budgetMs, maxInputBytes = 16_384, places = new Map(), now } = config;
  const random = createSeededRandom(`fuzz ${target.name} ${seed}`);
  const mutate = createMutator(random, maxInputBytes);
  const findings: Finding[] = [];
  const corpus: Uint8Array[] = [];
  await using coverage = await openCoverage(places);
  const { heapUsed: heldBefore } = process.memoryUsage();
  let runs = 0;
  let end = Number.POSITIVE_INFINITY;

  async function attempt(input: Uint8Array): Promise<void> {
    runs++;
    // What weak references were asked for stays until the event loop has come round.
    if (runs % ROUND === 0) await setImmediate();
    let least = Number.POSITIVE_INFINITY;
    // On a busy machine one run may be slow by chance; an input that is costs as much each time.
    for (let tries = 0; tries < 3 && least > MAX_RUN_MS; tries++) {
      const began = now();
      try {
        await target.run(input);
      } catch (error) {
        if (!target.expects(error)) {
          findings.push({ input, reason: describe(error) });
          return;
        }
      }
      least = Math.min(least, now() - began);
    }
    if (least > MAX_RUN_MS) findings.push({ input, reason: `took ${Math.round(least)} ms` });
  }

  /** By halves: to look at what was reached costs far more than to run an input. */
  async function keepWhatIsNew(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) await attempt(input);
    const [only] = inputs;
    if (!only) return;
    if (inputs.length === 1) {
      if (await coverage.grew()) corpus.push(only);
    } else if (now() < end && (await coverage.wouldGrow())) {
      const middle = inputs.length >> 1;
      await keepWhatIsNew(inputs.slice(0, middle));
      await keepWhatIsNew(inputs.slice(middle));
    }
  }

  const known = [...(await target.seeds()), ...config.corpus];
  for (const input of known) await keepWhatIsNew([input]);
  if (corpus.length === 0) corpus.push(...known.slice(0, 1));
  end = now() + budgetMs;
  while (now() < end && findings.length < MAX_FINDINGS) {
    const batch = Array.from({ length: BATCH }, () => mutate(random.pick(corpus), random.pick(corpus)));
    for (const input of batch) await attempt(input);
    const grown = process.memoryUsage().heapUsed - heldBefore;
    if (grown > MAX_HEAP_BYTES) {
      findings.push({
        input: batch[0] as Uint8Array,
        reason: `the heap grew by ${grown} bytes`,
      });
    }
    if (await coverage.wouldGrow()) await keepWhatIsNew(batch);
  }
  return { runs, corpus, blocks: coverage.size(), findings, reached: coverage.reached };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).slice(0, 2_000) : String(error);
}

interface Coverage extends AsyncDisposable {
  /** Blocks were reached that never were before; they count as known from now on. */
  grew(): Promise<boolean>;
  /** The same, and nothing is taken as known. */
  wouldGrow(): Promise<boolean>;
  size(): number;
  readonly reached: ReadonlySet<string>;
}

async function openCoverage(places: ReadonlyMap<string, readonly number[]>): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const known = new Set<string>();
  const reached = new Set<string>();

  /** What runs at a place is what the smallest range around it says. */
  function look(url: string, functions: readonly Profiler.FunctionCoverage[]): void {
    for (const place of places.get(url) ?? []) {
      const around = functions
        .flatMap(({ ranges }) => ranges)
        .filter(({ startOffset, endOffset }) => startOffset <= place && place < endOffset)
        .sort((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset));
      if ((around[0]?.count ?? 0) > 0) reached.add(`${url}:${place}`);
    }
  }

  async function fresh(): Promise<string[]> {
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const found: string[] = [];
    for (const { url, functions } of result) {
      if (!url.includes('/packages/')) continue;
      look(url, functions);
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${url}:${startOffset}-${endOffset}`;
          if (count > 0 && !known.has(block)) found.push(block);
        }
    }
    return found;
  }

  return {
    async grew() {
      const blocks = await fresh();
      for (const block of blocks) known.add(block);
      return blocks.length > 0;
    },
    wouldGrow: async () => (await fresh()).length > 0,
    size: () => known.size,
    reached,
    async [Symbol.asyncDispose]() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}
