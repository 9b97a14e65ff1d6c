/**
 * Which subscriptions match a topic, among 10 000 plain ones and 1 000 with wildcards on one node: the tree of tokens beside
 * the obvious way, a regular expression for each. What it costs to look, to subscribe and to leave, and to keep.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createPatternTree } from '../../packages/node/src/services/pubsub/interest/pattern-tree.ts';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';

const TOPICS = 10_000;
const WILDCARDS = 1_000;
const TOKENS = 100;

interface Matcher {
  add(pattern: string, value: number): void;
  remove(pattern: string, value: number): void;
  match(topic: string): { readonly size: number };
}

const CANDIDATES: Readonly<Record<string, () => Matcher>> = {
  'p2pos (tree of tokens)': () => {
    const tree = createPatternTree<number>();
    return {
      add: (pattern, value) => void tree.add(pattern, value),
      remove: (pattern, value) => void tree.remove(pattern, value),
      match: (topic) => tree.match(topic),
    };
  },
  'a regular expression each': () => {
    const all = new Map<string, { readonly expression: RegExp; readonly values: Set<number> }>();
    return {
      add(pattern, value) {
        const source = pattern
          .split('.')
          .map((token) => (token === '*' ? '[^.]+' : token === '>' ? '.+' : token.replace('/', '\\/')))
          .join('\\.');
        const one = all.get(pattern) ?? { expression: new RegExp(`^${source}$`), values: new Set() };
        one.values.add(value);
        all.set(pattern, one);
      },
      remove(pattern, value) {
        const one = all.get(pattern);
        if (one?.values.delete(value) && one.values.size === 0) all.delete(pattern);
      },
      match(topic) {
        const found = new Set<number>();
        for (const { expression, values } of all.values())
          if (expression.test(topic)) for (const value of values) found.add(value);
        return found;
      },
    };
  },
};

/** As a node names them: behind the app. */
const topics = Array.from({ length: TOPICS }, (_, i) => `default/.shop${i % 100}.orders.item${i}`);
const wildcards = Array.from({ length: WILDCARDS }, (_, i) => {
  if (i % 3 === 0) return `default/.shop${i % 100}.*.item${i}`;
  return i % 3 === 1 ? `default/.shop${i % 100}.returns${i}.>` : `default/.*.orders.item${i * 7}`;
});
const long = `default/.${Array.from({ length: TOKENS }, (_, i) => `t${i}`).join('.')}`;

export async function run({ rounds, seconds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const series: { measure: string; candidate: string; values: number[] }[] = [];
  const record = (measure: string, candidate: string, value: number) => {
    const found = series.find((one) => one.measure === measure && one.candidate === candidate);
    if (found) found.values.push(value);
    else series.push({ measure, candidate, values: [value] });
  };
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const [name, create] of Object.entries(CANDIDATES)) {
      collect();
      const before = process.memoryUsage().heapUsed;
      const matcher = create();
      let started = performance.now();
      for (const [i, pattern] of [...topics, ...wildcards].entries()) matcher.add(pattern, i);
      record('µs to subscribe', name, (1_000 * (performance.now() - started)) / (TOPICS + WILDCARDS));
      collect();
      record(
        'bytes of memory a pattern',
        name,
        (process.memoryUsage().heapUsed - before) / (TOPICS + WILDCARDS),
      );
      let found = 0;
      const perMatch = (choose: (n: number) => string) => {
        let count = 0;
        started = performance.now();
        const end = started + (seconds * 1_000) / 3;
        while (performance.now() < end)
          for (let i = 0; i < 20; i++) found += matcher.match(choose(count++)).size;
        return (1_000 * (performance.now() - started)) / count;
      };
      record(
        'µs to match a topic that some hear',
        name,
        perMatch((n) => topics[(n * 7_919) % TOPICS] as string),
      );
      record(
        'µs to match a topic that nobody hears',
        name,
        perMatch((n) => `default/.shop${n % 100}.lost.x${n}`),
      );
      matcher.add(`${long.slice(0, -4)}.>`, -1);
      matcher.add(long.replaceAll(/t\d*[02468]\b/g, '*'), -2);
      record(
        `µs to match ${TOKENS} tokens`,
        name,
        perMatch(() => long),
      );
      if (found === 0) throw new Error('nothing matched');
      started = performance.now();
      for (const [i, pattern] of [...topics, ...wildcards].entries()) matcher.remove(pattern, i);
      record('µs to leave', name, (1_000 * (performance.now() - started)) / (TOPICS + WILDCARDS));
    }
  }
  return {
    versions: { patterns: `${TOPICS} + ${WILDCARDS}` },
    baseline: 'a regular expression each',
    series,
  };
}
