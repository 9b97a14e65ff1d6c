import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPatternTree } from './pattern-tree.ts';

/** By the definition, one pattern at a time. */
function matches(pattern: string, topic: string): boolean {
  const wanted = pattern.split('.');
  const tokens = topic.split('.');
  if (wanted.at(-1) === '>') {
    const head = wanted.slice(0, -1);
    return tokens.length > head.length && head.every((token, i) => token === '*' || token === tokens[i]);
  }
  return wanted.length === tokens.length && wanted.every((token, i) => token === '*' || token === tokens[i]);
}

const token = fc.constantFrom('a', 'b', 'c');
const topics = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'));
const patterns = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .filter(([tokens, rest]) => tokens.length > 0 || rest)
  .map(([tokens, rest]) => [...tokens, ...(rest ? ['>'] : [])].join('.'));

test('a.*.c, a.> and plain topics match as NATS has them', () => {
  const tree = createPatternTree<string>();
  for (const pattern of ['a.*.c', 'a.>', 'a.b.c', '>', '*']) tree.add(pattern, pattern);
  assert.deepEqual([...tree.match('a.b.c')].sort(), ['>', 'a.*.c', 'a.>', 'a.b.c']);
  assert.deepEqual([...tree.match('a')].sort(), ['*', '>']);
  assert.deepEqual([...tree.match('b.x')], ['>']);
});

test('the tree finds what the definition finds, whatever was added and removed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(patterns, fc.integer({ min: 0, max: 3 }), fc.boolean()), { maxLength: 40 }),
      topics,
      (steps, topic) => {
        const tree = createPatternTree<string>();
        const held = new Set<string>();
        for (const [pattern, who, add] of steps) {
          const name = `${pattern} ${who}`;
          if (add) {
            assert.equal(tree.add(pattern, name), !held.has(name));
            held.add(name);
          } else assert.equal(tree.remove(pattern, name), held.delete(name));
        }
        const expected = [...held].filter((name) => matches(name.split(' ')[0] as string, topic));
        assert.deepEqual([...tree.match(topic)].sort(), expected.sort());
        assert.equal(tree.size, held.size);
        const listed = [...tree.entries()].flatMap(([pattern, values]) =>
          [...values].map((one) => [pattern, one]),
        );
        assert.deepEqual(listed.map(([, one]) => one).sort(), [...held].sort());
        for (const [pattern, name] of listed) assert.equal(name?.split(' ')[0], pattern);
      },
    ),
  );
});

test('topics of a hundred tokens and ten thousand patterns', () => {
  const tree = createPatternTree<number>();
  const long = Array.from({ length: 100 }, (_, i) => `t${i}`);
  tree.add(long.join('.'), 1);
  tree.add([...long.slice(0, 99), '*'].join('.'), 2);
  tree.add([...long.slice(0, 50), '>'].join('.'), 3);
  for (let i = 0; i < 10_000; i++) tree.add(`other.${i}`, i);
  assert.deepEqual([...tree.match(long.join('.'))].sort(), [1, 2, 3]);
});
