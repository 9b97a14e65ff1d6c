/** A short run of each target over its kept corpus, and proof that the engine finds what is wrong. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCorpus } from './corpus.ts';
import { fuzz, type Target } from './engine.ts';
import { findReaders } from './readers.ts';
import { targets } from './targets/index.ts';

const now = () => performance.now();
const readers = findReaders();
const places = new Map<string, number[]>();
for (const { url, place } of readers) places.set(url, [...(places.get(url) ?? []), place]);
const reached = new Set<string>();

for (const target of targets) {
  test(`${target.name}: what a peer may send ends in a typed error or a value`, async () => {
    const corpus = readCorpus(target.name);
    assert.ok(corpus.length > 0, 'the corpus is part of the project');
    const report = await fuzz(
      { ...target, seeds: () => [] },
      { seed: 'test', budgetMs: 300, corpus, places, now },
    );
    for (const one of report.reached) reached.add(one);
    assert.deepEqual(report.findings, []);
  });
}

test('every place that begins to read bytes or text of others is reached by a target', () => {
  assert.ok(readers.length >= 25, `${readers.length} were found`);
  const missed = readers.filter(({ url, place }) => !reached.has(`${url}:${place}`));
  assert.deepEqual(
    missed.map(({ file, line }) => `${file}:${line}`),
    [],
  );
});

test('every capability that nodes serve each other has a target', () => {
  const folder = join(import.meta.dirname, '../packages');
  const served = ['node/src', 'protocol/src']
    .flatMap((part) =>
      readdirSync(join(folder, part), { recursive: true, encoding: 'utf8' }).map((name) => join(part, name)),
    )
    .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|test-|testing\//.test(name))
    .flatMap((name) => [
      ...readFileSync(join(folder, name), 'utf8').matchAll(/= defineCapability\('\/p2pos\/([^/]+)/g),
    ])
    .map(([, capability]) => capability as string)
    .filter((capability) => capability !== 'echo');
  assert.ok(served.length >= 16, served.join(', '));
  const known = targets.map(({ name }) => name);
  assert.deepEqual(
    served.filter((capability) => !known.includes(capability)),
    [],
  );
});

test('a decoder that trips over one byte in the middle is found', async () => {
  const broken: Target = {
    name: 'broken',
    seeds: () => [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    run(input) {
      if (input[4] === 0xff) throw new TypeError('cannot read properties of undefined');
    },
    expects: () => false,
  };
  const { findings } = await fuzz(broken, { seed: 'test', budgetMs: 10_000, corpus: [], now });
  assert.ok(findings.length > 0);
});
