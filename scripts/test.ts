/**
 * Runs the tests that are quick, those of the globs that follow, or those in files whose path contains one of the words.
 *
 * @example
 * npm test -- e2e/sql core/records
 * npm run test:long
 */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
/** The longest files first, so that at the end no core waits for the last of them. */
const QUICK = [
  'sim/**/*.test.ts',
  'e2e/chaos/*.test.ts',
  'e2e/*.test.ts',
  'packages/node/src/*.test.ts',
  'fuzz/**/*.test.ts',
  'packages/*/src/**/*.test.ts',
  'examples/**/*.test.ts',
];
const LONG = ['e2e/long/*.test.ts'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false } },
});
const globs = values.long ? LONG : QUICK;
const found = new Set(globs.flatMap((glob) => globSync(glob, { cwd: ROOT }).sort()));
const files = [...found].filter(
  (file) => positionals.length === 0 || positionals.some((word) => file.includes(word)),
);
if (files.length === 0) {
  console.error(`no test file has ${positionals.join(' or ')} in its path`);
  process.exit(1);
}

const results = run({
  cwd: ROOT,
  files: files.map((file) => join(ROOT, file)),
  concurrency: 2,
  execArgv: ['--import', join(ROOT, 'scripts/test-hooks.mjs')],
});
results.on('test:summary', ({ success }) => {
  if (!success) process.exitCode = 1;
});
results.compose(spec).pipe(process.stdout);
