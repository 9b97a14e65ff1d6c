import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import fc from 'fast-check';
import type { Line } from './archive.ts';
import { historyLetters, linesOf } from './history.ts';

const lines = fc.array(
  fc.record<Line>(
    {
      id: fc.integer({ min: 0, max: 1e13 }).map((at) => `${String(at).padStart(14, '0')}-x`),
      where: fc.constantFrom('#lobby', '#b'),
      from: fc.constantFrom('alice', 'bob'),
      text: fc.oneof(fc.string(), fc.constant('語'.repeat(16_384)), fc.constant('é'.repeat(9_000))),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 300 },
);

test('all lines come over, in letters that are each short enough', () => {
  fc.assert(
    fc.property(lines, (all) => {
      const letters = [...historyLetters(all, ['lobby'])].map((one) => encodeCbor(one));
      for (const { length } of letters) assert.ok(length <= 65_536, String(length));
      const got = letters.map((bytes) => linesOf(decodeCbor(bytes)));
      assert.deepEqual(
        got.flatMap((one) => one.lines),
        all,
      );
      assert.deepEqual(
        got.flatMap(({ joined }) => joined),
        ['lobby'],
      );
    }),
    { numRuns: 20 },
  );
});

test('what is no line is passed over', () => {
  const line = { id: '00000000000001-a', where: '#lobby', from: 'alice', text: 'hello' };
  const bad = [
    null,
    1,
    {},
    { ...line, id: '../x' },
    { ...line, text: 1 },
    { ...line, where: 'x'.repeat(99) },
  ];
  assert.deepEqual(linesOf({ lines: [...bad, line], joined: [1, 'lobby'] }), {
    lines: [line],
    joined: ['lobby'],
  });
  for (const content of [{}, { lines: 1, joined: 'x' }])
    assert.deepEqual(linesOf(content), { lines: [], joined: [] });
});
