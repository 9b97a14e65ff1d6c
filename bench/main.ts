/**
 * Runs benchmarks: `npm run bench -- rpc kv --json --rounds 5`. Each folder here with an `index.ts` is one; it exports
 * `run(options)` and measures itself beside a peer that does the same work in the same run.
 */
import { existsSync, readdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { Benchmark } from './report.ts';
import { printReport } from './report.ts';

const here = new URL('.', import.meta.url);
const known = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/index.ts`, here)))
  .map((entry) => entry.name);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    minutes: { type: 'string' },
    only: { type: 'string' },
    nodes: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !known.includes(name));
if (positionals.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no benchmark ${unknown.join(', ')}.`);
  console.error(
    `Benchmarks: ${known.join(', ')}. Run one with: npm run bench -- ${known[0]} [--rounds 5] [--seconds 2] [--minutes 1] [--only put,get] [--nodes 5] [--json]`,
  );
  process.exit(2);
}

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryBytes: totalmem(),
  os: `${process.platform} ${process.arch}`,
  node: process.version,
};
for (const name of positionals) {
  const { run } = (await import(new URL(`${name}/index.ts`, here).href)) as Benchmark;
  const report = await run({
    rounds: Number(values.rounds ?? 5),
    seconds: Number(values.seconds ?? 2),
    minutes: Number(values.minutes ?? 1),
    ...(values.only !== undefined && { only: values.only.split(',') }),
    ...(values.nodes !== undefined && { nodes: Number(values.nodes) }),
    say: (line) => console.error(line),
  });
  const whole = { name, command: `npm run bench -- ${process.argv.slice(2).join(' ')}`, machine, ...report };
  if (values.json) console.log(JSON.stringify(whole, undefined, 2));
  else printReport(whole);
}
