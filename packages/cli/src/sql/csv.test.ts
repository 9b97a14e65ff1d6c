import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatCsv, parseCsv } from './csv.ts';

test('what is written is read again', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ü') });
  const row = fc.array(cell, { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1 }), (rows) => {
      assert.deepEqual(parseCsv(`${rows.map(formatCsv).join('\r\n')}\r\n`), rows);
    }),
  );
});

test('files of others: a byte order mark, an empty last field, no last line end', () => {
  assert.deepEqual(parseCsv('\ufeffa,b\n1,\n"x ""y""",2'), [
    ['a', 'b'],
    ['1', ''],
    ['x "y"', '2'],
  ]);
  assert.throws(() => parseCsv('a\n"b'), /quote/);
});
