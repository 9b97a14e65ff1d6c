/**
 * Runs a scenario of the simulator: `npm run sim -- chaos --nodes 25 --seed 7`, or many seeds with `--seeds 200 --jobs 4`.
 * Ends with 1 where a promise was broken, and says how to see it again.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { plantFault } from './planted/index.ts';
import type { Scenario, ScenarioResult } from './scenario.ts';

/**
 * Most of what is made here is soon forgotten: a larger nursery spares a fifth of the processor time, and a collector
 * without threads of its own another tenth, since every core has a seed.
 */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=64', '--single-threaded-gc'];
// Refusals are ordinary here, and nobody looks at where they came from.
Error.stackTraceLimit = 0;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
    nodes: { type: 'string' },
    hours: { type: 'string' },
    rate: { type: 'string' },
    load: { type: 'string' },
    faults: { type: 'string' },
    trace: { type: 'string' },
    plant: { type: 'string' },
    churn: { type: 'string' },
    json: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});
if (values.plant !== undefined) plantFault(values.plant);
// Only now, so that what is planted is part of it.
const { awkward } = await import('./awkward/index.ts');
const { chaos } = await import('./chaos/index.ts');
const { lookup } = await import('./lookup/index.ts');
const { sybil } = await import('./lookup/sybil.ts');
const { members } = await import('./members/index.ts');
const { pubsub } = await import('./pubsub/index.ts');
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  chaos,
  awkward,
  pubsub,
  lookup,
  sybil,
  members,
};
const name = positionals[0] ?? '';
const scenario = SCENARIOS[name];
if (!scenario) {
  const list = Object.entries(SCENARIOS).map(([known, { summary }]) => `  ${known}  ${summary}`);
  console.error(
    `usage: npm run sim -- SCENARIO [--seed N] [--seeds K] [--jobs J] [--nodes N] [--hours H] [--rate X] [--load OPS] [--churn %] [--faults KIND,KIND] [--trace FILE] [--plant FAULT]\n${list.join('\n')}`,
  );
  process.exit(2);
}
const nodes = number('nodes', scenario.defaults.nodes);
const hours = number('hours', scenario.defaults.hours);
const rate = number('rate', scenario.defaults.rate);
const load = number('load', scenario.defaults.load ?? 1);
const churn = number('churn', scenario.defaults.churn ?? 0);
const first = number('seed', 1);
const seeds = number('seeds', 1);
const faults = values.faults?.split(',');
const settings = Object.entries({ nodes, hours, rate, load, churn }).flatMap(([option, value]) => [
  `--${option}`,
  `${value}`,
]);
if (values.faults !== undefined) settings.push('--faults', values.faults);
if (values.plant !== undefined) settings.push('--plant', values.plant);

interface Line {
  readonly seed: number;
  readonly seconds: number;
  readonly result: ScenarioResult;
}

const startedAt = performance.now();
const failed = seeds === 1 ? await one(scenario, first) : await many();
process.exit(failed > 0 ? 1 : 0);

function number(
  option: 'nodes' | 'hours' | 'rate' | 'load' | 'churn' | 'seed' | 'seeds' | 'jobs',
  fallback: number,
): number {
  const text = values[option];
  const value = text === undefined ? fallback : Number(text);
  if (Number.isFinite(value) && (value > 0 || (option === 'churn' && value === 0))) return value;
  console.error(`--${option} must be a number above 0, not ${text}`);
  process.exit(2);
}

async function one(chosen: Scenario, seed: number): Promise<number> {
  const began = performance.now();
  const progress = (share: number) => {
    if (!values.quiet && process.stderr.isTTY)
      process.stderr.write(`\r${name} seed ${seed}: ${Math.round(100 * share)} % `);
  };
  const file = values.trace === undefined ? undefined : createWriteStream(values.trace);
  const onTrace = file && ((text: string) => void file.write(`${text}\n`));
  const result = await chosen.run({
    seed,
    nodes,
    hours,
    rate,
    load,
    churn,
    progress,
    faults,
    ...(onTrace && { onTrace }),
  });
  file?.end();
  if (file) await finished(file);
  const line: Line = { seed, seconds: (performance.now() - began) / 1_000, result };
  if (values.json) console.log(JSON.stringify(line));
  else show(line);
  return result.violations.length;
}

/** Each seed in a process of its own, some at once. */
async function many(): Promise<number> {
  const totals = new Map<string, number>();
  let next = first;
  let done = 0;
  let failures = 0;
  const work = async () => {
    while (next < first + seeds) {
      const seed = next++;
      const line = await inProcess(seed);
      done++;
      if (!line || line.result.violations.length > 0) {
        failures++;
        if (line) show(line);
        else
          console.error(
            `seed ${seed} ended without a result: npm run sim -- ${name} --seed ${seed} ${settings.join(' ')}`,
          );
      }
      for (const [what, count] of Object.entries(line?.result.counts ?? {}))
        totals.set(what, (totals.get(what) ?? 0) + count);
      if (!values.quiet)
        console.error(
          `${done} of ${seeds} seeds, ${failures} failed, ${Math.round((performance.now() - startedAt) / 1_000)} s`,
        );
    }
  };
  await Promise.all(Array.from({ length: number('jobs', 1) }, work));
  const list = [...totals].map(([what, count]) => `${what} ${count.toLocaleString('en')}`).join(', ');
  console.log(
    `${name}: ${seeds} seeds of ${hours} virtual hours with ${nodes} nodes at ${rate} times the ordinary rate: ${failures} failed`,
  );
  console.log(list);
  return failures;
}

function inProcess(seed: number): Promise<Line | undefined> {
  const words = [fileURLToPath(import.meta.url), name, '--seed', `${seed}`, '--json', ...settings];
  const child = spawn(process.execPath, [...FLAGS, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve) => {
    let line: Line | undefined;
    createInterface({ input: child.stdout }).on('line', (text) => {
      line = JSON.parse(text) as Line;
    });
    child.once('close', () => resolve(line));
  });
}

function show({ seed, seconds, result }: Line): void {
  const { violations, counts, trace, tail } = result;
  const list = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  console.log(
    `${name} seed ${seed}: ${violations.length} violations, ${seconds.toFixed(1)} s, trace ${trace.slice(0, 16)}`,
  );
  console.log(`  ${list.join(', ')}`);
  if (violations.length === 0) return;
  for (const violation of violations.slice(0, 10)) console.log(`  VIOLATION ${violation}`);
  for (const text of tail) console.log(`    ${text}`);
  console.log(`  again: npm run sim -- ${name} --seed ${seed} ${settings.join(' ')}`);
}
