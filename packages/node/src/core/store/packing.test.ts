import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SqlValue, Statement } from './index.ts';
import { isPackable, Packer, Unpacker } from './packing.ts';

const value: fc.Arbitrary<SqlValue> = fc.oneof(
  fc.constant(null),
  fc.double(),
  fc.integer(),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 200 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const statement: fc.Arbitrary<Statement> = fc.record({
  sql: fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'binary', maxLength: 9 })),
  params: fc.array(value, { maxLength: 14 }),
});
const writes = fc.array(fc.array(statement, { maxLength: 4 }), { maxLength: 30 });

function plain(statements: readonly Statement[]) {
  return statements.map(({ sql, params = [] }) => ({
    sql,
    params: params.map((one) => (one instanceof Uint8Array ? new Uint8Array(one) : one)),
  }));
}

test('what is packed comes out as it went in, run after run', () => {
  fc.assert(
    fc.property(fc.array(writes, { maxLength: 4 }), (runs) => {
      const packer = new Packer();
      const unpacker = new Unpacker();
      let id = 0;
      for (const run of runs) {
        const first = id + 1;
        for (const statements of run) packer.add(++id, statements);
        assert.equal(packer.isEmpty, run.length === 0);
        const out = unpacker.unpack(packer.take());
        assert.deepEqual(
          out.map((write) => write.id),
          run.map((_, i) => first + i),
        );
        assert.deepEqual(
          out.map((write) => plain(write.statements)),
          run.map(plain),
        );
      }
    }),
  );
});

test('more texts than get a number still arrive', () => {
  const packer = new Packer();
  const unpacker = new Unpacker();
  for (let round = 0; round < 2; round++) {
    const sqls = Array.from({ length: 1_100 }, (_, i) => `SELECT ${i}`);
    for (const [id, sql] of sqls.entries()) packer.add(id, [{ sql }]);
    const out = unpacker.unpack(packer.take());
    assert.deepEqual(
      out.map(({ statements }) => statements[0]?.sql),
      sqls,
    );
  }
});

test('an integer beyond 64 bits is not packed', () => {
  assert.ok(isPackable([{ sql: 'a', params: [2n ** 63n - 1n] }]));
  assert.ok(!isPackable([{ sql: 'a', params: [2n ** 63n] }]));
});
