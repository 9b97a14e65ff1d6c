import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor, encodeCbor, formatVersion, peerIdFromPublicKey } from '@p2pos/protocol';
import fc from 'fast-check';
import { RECORDS } from './wire.ts';

const version = formatVersion({ ms: 5, counter: 1, author: peerIdFromPublicKey(new Uint8Array(32).fill(3)) });
const placed = { epoch: 1, placement: new Uint8Array(32) };
const bytes = (length: number) => new Uint8Array(length).fill(9);
const leaf = bytes(32);

/** One good body each way for every method. */
const GOOD = {
  write: [
    {
      ...placed,
      records: [
        [bytes(40), bytes(3), bytes(70)],
        [bytes(40), null, bytes(70)],
      ],
    },
    {
      answers: [
        { result: 'taken', replaced: { version, live: true } },
        { result: 'behind', text: version },
        { result: 'elsewhere', text: '7' },
        { result: 'refused', text: 'STORE_FULL' },
      ],
    },
  ],
  relay: [{ ...placed, records: [] }, { answers: [{ result: 'held' }] }],
  read: [
    {
      ...placed,
      names: [
        ['a/kv', bytes(1), null],
        ['a/kv', bytes(1), bytes(2)],
      ],
    },
    {
      answers: [
        { result: 'found', record: [bytes(40), null, bytes(70)] },
        { result: 'absent' },
        { result: 'later' },
        { result: 'damaged', text: version },
      ],
    },
  ],
  scan: [
    {
      ...placed,
      namespace: 'a/kv',
      prefix: bytes(0),
      after: { key: bytes(3), partition: bytes(0) },
      limit: 10,
    },
    {
      keys: [
        [bytes(1), null, version, false, null],
        [bytes(1), bytes(2), version, true, 99],
        [bytes(1), null, version, false, null, true],
      ],
      more: true,
      learning: [7],
    },
  ],
  digest: [{ ...placed, names: [['default/kv', bytes(3), null]] }, { digests: [leaf, null, false] }],
  progress: [
    { ...placed, count: 3 },
    { settled: [1, 64], closed: [0, 32, 1, 32] },
  ],
  inventory: [
    { ...placed, count: 3, slots: [0, 5], digests: [leaf, leaf], after: bytes(0) },
    { done: 2, elsewhere: [[3, 9]], learning: [0], differing: [{ slot: 5, leaves: [leaf], more: false }] },
  ],
  fetch: [
    { ...placed, count: 3, slot: 1, leaves: [leaf] },
    { done: 1, records: [[bytes(40), bytes(1), bytes(70)]] },
  ],
  claim: [
    { storeId: 'a1', term: 0, commits: 12 },
    { verdict: 'known', term: 0, strays: false },
  ],
  compare: [
    {
      ...placed,
      count: 3,
      ranges: [
        [0, 63],
        [64, 64],
      ],
    },
    { digests: [leaf, bytes(16)], learning: [1] },
  ],
  tally: [{ epoch: 1, placement: bytes(32), count: 3, slots: [0, 7] }, { records: [5, 0] }],
  reconcile: [
    { ...placed, count: 3, slot: 1, message: bytes(5) },
    { message: bytes(5), learning: false },
  ],
  prepare: [
    { ...placed, promises: [['default/kv-cas', bytes(3), null, version]] },
    {
      answers: [
        { result: 'promised', record: [bytes(40), bytes(1), bytes(70)] },
        { result: 'promised' },
        { result: 'behind', text: version },
        { result: 'elsewhere', text: '7' },
        { result: 'refused', text: 'RECORD_INVALID' },
      ],
    },
  ],
  follow: [
    {
      ...placed,
      namespace: 'a/kv',
      prefix: bytes(0),
      from: { store: 'ab'.repeat(16), position: 7, floor: 3 },
      waitMs: 100,
    },
    {
      store: 'ab'.repeat(16),
      position: 9,
      floor: 3,
      compacted: false,
      more: true,
      changes: [
        [bytes(1), null, [bytes(40), bytes(1), bytes(70)]],
        [bytes(1), bytes(2), null],
      ],
    },
  ],
  promised: [
    { ...placed, count: 3, slots: [1, 9], after: 0 },
    { promises: [['default/kv-cas', bytes(3), null, version]], next: 7, learning: [9] },
  ],
  receipt: [
    { ...placed, records: [['default/kv', bytes(3), null, version]] },
    {
      answers: [
        { result: 'replaced' },
        {
          result: 'signed',
          header: bytes(40),
          at: 7,
          size: 2,
          index: 1,
          path: bytes(32),
          signature: bytes(64),
        },
      ],
    },
  ],
} as const satisfies { [K in keyof typeof RECORDS.methods]: readonly [object, object] };

const methods = Object.keys(GOOD) as (keyof typeof GOOD)[];

test('every body passes as it travels', () => {
  for (const name of methods) {
    const { input, output } = RECORDS.methods[name];
    for (const [schema, body] of [
      [input, GOOD[name][0]],
      [output, GOOD[name][1]],
    ] as const) {
      const travelled = decodeCbor(encodeCbor(body));
      assert.deepEqual(schema.parse(travelled), travelled, name);
    }
  }
});

test('a body with anything else in any place is refused or harmless, never a crash', () => {
  const junk = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      -1,
      2 ** 40,
      1.5,
      '',
      'STORE_FULL',
      version,
      'a'.repeat(5_000),
      [],
      {},
    ),
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(new Uint8Array(70_000)),
    fc.constant(Array.from({ length: 300 }, () => [bytes(1), null, bytes(1)])),
    fc.anything({ maxDepth: 2 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...methods),
      fc.constantFrom(0, 1),
      fc.nat(),
      junk,
      (name, way, pick, value) => {
        const { input, output } = RECORDS.methods[name];
        const schema = way === 0 ? input : output;
        schema.safeParse(value);
        const body = structuredClone(GOOD[name][way]) as object;
        const places = placesOf(body);
        const [holder, key] = places[pick % places.length] as [Record<string, unknown>, string];
        const before = holder[key];
        holder[key] = value;
        const checked = schema.safeParse(body);
        if (checked.success)
          assert.equal(
            typeof value === typeof before || before === null || value === null || value === undefined,
            true,
          );
      },
    ),
    { numRuns: 500 },
  );
});

test('what is too much is refused', () => {
  const refuses = (name: keyof typeof GOOD, fields: object) =>
    assert.equal(
      RECORDS.methods[name].input.safeParse({ ...GOOD[name][0], ...fields }).success,
      false,
      JSON.stringify(Object.keys(fields)),
    );
  const record = [bytes(1), null, bytes(1)];
  refuses('write', { records: Array.from({ length: 257 }, () => record) });
  refuses('write', { records: [[bytes(1), bytes(139_265), bytes(1)]] });
  refuses('write', { records: [[bytes(2_561), null, bytes(1)]] });
  refuses('write', { placement: bytes(31) });
  refuses('write', { extra: 1 });
  refuses('read', { names: [['a/kv', bytes(1_025), null]] });
  refuses('read', { names: [['no slash', bytes(1), null]] });
  refuses('scan', { limit: 1_025 });
  refuses('scan', { limit: 0 });
  refuses('inventory', { slots: Array.from({ length: 257 }, () => 0) });
  refuses('inventory', { digests: [bytes(31)] });
  refuses('follow', { from: { store: 'ab', position: 7, floor: 0 } });
  refuses('follow', { from: { store: null, position: -1, floor: 0 } });
  refuses('follow', { waitMs: 30_001 });
  refuses('follow', { prefix: bytes(1_025) });
  refuses('fetch', { leaves: Array.from({ length: 257 }, () => leaf) });
});

/** Every field and element, with what holds it. */
function placesOf(value: object): [Record<string, unknown>, string][] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const own: [Record<string, unknown>, string] = [value as Record<string, unknown>, key];
    const isTree = typeof inner === 'object' && inner !== null && !(inner instanceof Uint8Array);
    return isTree ? [own, ...placesOf(inner)] : [own];
  });
}
