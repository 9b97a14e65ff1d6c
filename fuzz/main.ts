/**
 * Feeds mutated bytes to what reads peers' bytes: `npm run fuzz -- [target…] [--seconds 60] [--seed text]`. The time is
 * shared by the targets. What reaches new code joins the corpus, which `npm test` replays. `npm run fuzz -- http` instead sends
 * requests made from the OpenAPI document to a running system; see `http/`.
 */
import { parseArgs } from 'node:util';
import { readCorpus, writeCorpus } from './corpus.ts';
import { fuzz } from './engine.ts';
import { fuzzHttp } from './http/index.ts';
import { targets } from './targets/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
  },
});
if (positionals.includes('http')) {
  const report = await fuzzHttp({
    seconds: Number(values.seconds),
    ...(values.seed !== undefined && { seed: values.seed }),
    say: (line) => console.log(line),
  });
  if ('skipped' in report) console.log(`skipped: ${report.skipped}`);
  process.exit('failed' in report && report.failed ? 1 : 0);
}
const unknown = positionals.filter((name) => !targets.some((target) => target.name === name));
if (unknown.length > 0) {
  console.error(
    `There is no target ${unknown.join(', ')}. Targets: ${targets.map(({ name }) => name).join(', ')}, http`,
  );
  process.exit(2);
}
const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const budgetMs = (Number(values.seconds) * 1_000) / chosen.length;
let failed = false;
for (const target of chosen) {
  const corpus = readCorpus(target.name);
  const now = () => performance.now();
  const report = await fuzz(target, { seed: values.seed ?? String(process.pid), budgetMs, corpus, now });
  writeCorpus(target.name, report.corpus);
  const { runs, blocks, findings } = report;
  console.log(`${target.name}: ${runs} inputs, ${blocks} blocks, corpus ${report.corpus.length}`);
  for (const { input, reason } of findings) {
    failed = true;
    console.error(`  FOUND ${Buffer.from(input).toString('base64')}\n  ${reason}`);
  }
}
process.exit(failed ? 1 : 0);
