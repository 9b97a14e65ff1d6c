/** Two records whose names look alike when they are written as one text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, decode, NAMESPACE } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

for (const [first, second] of [
  [
    { partition: 'list', key: 'item' },
    { partition: 'item 4 list', key: 'item 4 list' },
  ],
] as const) {
  test('of two keys whose names look alike each is read as it was written', async () => {
    await using bed = await createTestbed({ nodes: 3 });
    const name = ({ partition, key }: { partition: string; key: string }) => ({
      namespace: NAMESPACE,
      partition: bytes(partition),
      key: bytes(key),
    });
    const { records } = bed.node(0);
    const read = async (one: typeof first | typeof second) => {
      const { found } = await bed.run(records.get({ ...name(one), consistency: 'quorum' }));
      return found && decode(found.value);
    };
    await bed.run(records.put({ ...name(first), value: bytes('first') }));
    await bed.run(records.put({ ...name(second), value: bytes('second') }));
    assert.equal(await read(first), 'first');
    assert.equal(await read(second), 'second');
    assert.equal(await read(first), 'first');
  });
}

test('of two keys whose names look alike each is listed', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const { records } = bed.node(0);
  const names = [
    { namespace: NAMESPACE, key: bytes('a'), partition: bytes('Q\0' + '4') },
    { namespace: NAMESPACE, key: bytes('a\x001Q'), partition: bytes('a\x001Q') },
  ];
  for (const name of names) await bed.run(records.put({ ...name, value: bytes('v') }));
  const { keys } = await bed.run(
    records.scanAll({ namespace: NAMESPACE, prefix: new Uint8Array(), limit: 10 }),
  );
  assert.deepEqual(
    keys.map((key) => decode(key)),
    names.map(({ key }) => decode(key)),
  );
});

test('of two registers whose names look alike each is read as it was written', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const { registers } = bed.node(0).records;
  const names = [
    { namespace: 'default/kv-cas', key: bytes('item'), partition: bytes('list') },
    { namespace: 'default/kv-cas', key: bytes('item 4 list'), partition: bytes('item 4 list') },
  ];
  const seen: (string | undefined)[] = [];
  for (const [i, name] of names.entries()) {
    const condition = { kind: 'absent' } as const;
    await bed.run(registers.change({ ...name, value: bytes(`${i}`), condition }));
    const found = await bed.run(registers.read(name));
    seen.push(found && decode(found.value));
  }
  for (const name of names) {
    const found = await bed.run(registers.read(name));
    seen.push(found && decode(found.value));
  }
  assert.deepEqual(seen, ['0', '1', '0', '1']);
});
