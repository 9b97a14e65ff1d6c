/** Distances, networks and buckets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { Contact } from '../index.ts';
import { networkGroupOf, networkGroupOfAll } from './network-group.ts';
import { commonBits, compareDistance, idWithCommonBits } from './node-id.ts';
import { createRoutingTable } from './routing-table.ts';

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const bitsOf = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
const distance = (a: Uint8Array, b: Uint8Array) =>
  BigInt(`0b${bitsOf(a.map((byte, i) => byte ^ (b[i] as number)))}`);

test('distance is that of the numbers, and shared bits are those of the texts', () => {
  fc.assert(
    fc.property(id, id, id, fc.nat(40), (a, b, target, near) => {
      const c = idWithCommonBits(target, near, b);
      for (const [one, other] of [
        [a, b],
        [a, c],
        [b, c],
      ] as const) {
        const difference = distance(one, target) - distance(other, target);
        assert.equal(
          Math.sign(compareDistance(one, other, target)),
          Number(difference > 0n) - Number(difference < 0n),
        );
      }
      assert.equal(commonBits(c, target), near);
      const [x, y] = [bitsOf(a), bitsOf(target)];
      let shared = 0;
      while (shared < 256 && x[shared] === y[shared]) shared++;
      assert.equal(commonBits(a, target), shared);
    }),
  );
});

test('an address counts for its /24 or /48; private ranges for none', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['/ip4/198.51.100.7/tcp/4100', 'v4:198.51.100'],
    ['/ip4/198.51.100.200/udp/4100/quic-v1', 'v4:198.51.100'],
    ['/ip6/2001:db8:7::1/tcp/1', 'v6:2001:db8:7'],
    ['/ip6/2001:0db8:0007:ffff::/tcp/1', 'v6:2001:db8:7'],
    ['/ip6/::ffff:198.51.100.7/tcp/1', 'v4:198.51.100'],
    ['/ip6/::ffff:c633:6407/tcp/1', 'v4:198.51.100'],
    ['/ip4/127.0.0.1/tcp/1', undefined],
    ['/ip4/10.9.8.7/tcp/1', undefined],
    ['/ip6/::1/tcp/1', undefined],
    ['/ip6/fe80::1/tcp/1', undefined],
    ['/ip4/999.1.1.1/tcp/1', undefined],
    ['/dns4/example.org/tcp/1', undefined],
    ['/memory/7', undefined],
  ];
  for (const [address, group] of cases) assert.equal(networkGroupOf(address), group, address);
  assert.equal(networkGroupOfAll(['/ip4/10.0.0.1/tcp/1', '/ip4/198.51.100.7/tcp/1']), 'v4:198.51.100');
});

interface Known extends Contact {
  readonly id: Uint8Array;
}

function createTable(
  options: { readonly k?: number; readonly network?: (contact: Contact) => string | undefined } = {},
) {
  const clock = createManualClock();
  const probed: string[] = [];
  const table = createRoutingTable(
    new Uint8Array(32),
    { clock, networkOf: options.network ?? (() => undefined), probe: ({ peerId }) => probed.push(peerId) },
    { k: options.k ?? 3, perNetwork: 2, freshMs: 60_000, maxFailures: 3 },
  );
  return { table, clock, probed };
}
const known = (name: string, first: number, last = 0): Known => {
  const bytes = new Uint8Array(32);
  bytes[0] = first;
  bytes[31] = last;
  return { peerId: name, addresses: [`/memory/${name}`], id: bytes };
};

test('closest gives the same as sorting all that are known', () => {
  fc.assert(
    fc.property(
      fc.array(id, { maxLength: 200 }),
      id,
      fc.integer({ min: 1, max: 30 }),
      (ids, target, count) => {
        const { table } = createTable({ k: 20 });
        const near = ids.map((one, i) => idWithCommonBits(new Uint8Array(32), i % 12, one));
        for (const [i, one] of near.entries()) table.seen({ peerId: `p${i}`, addresses: [] }, one);
        const idOf = new Map(near.map((one, i) => [`p${i}`, one]));
        const all = table
          .contacts()
          .toSorted((a, b) => compareDistance(idOf.get(a.peerId)!, idOf.get(b.peerId)!, target));
        assert.deepEqual(table.closest(target, count), all.slice(0, count));
        const closer = all.filter(
          ({ peerId }) => compareDistance(idOf.get(peerId)!, new Uint8Array(32), target) < 0,
        );
        assert.equal(table.closerThanSelf(target, 1_000), closer.length);
      },
    ),
    { numRuns: 50 },
  );
});

test('a full bucket keeps its old ones while they answer', async () => {
  const { table, clock, probed } = createTable();
  const [a, b, c, d] = [known('a', 0x80), known('b', 0x81), known('c', 0x82), known('d', 0x83)];
  for (const one of [a, b, c]) table.seen(one, one.id);
  table.seen(d, d.id);
  assert.deepEqual(probed, [], 'they were heard just now');
  await clock.advance(61_000);
  table.seen(b, b.id);
  table.seen(d, d.id);
  assert.deepEqual(probed, ['a'], 'the one heard of least recently is asked');
  table.seen(d, d.id);
  assert.deepEqual(probed, ['a'], 'once');
  table.seen(a, a.id);
  assert.ok(table.has('a') && !table.has('d'), 'it answered and stays');
  await clock.advance(61_000);
  table.seen(d, d.id);
  assert.deepEqual(probed, ['a', 'c']);
  table.failed('c', c.id);
  assert.ok(!table.has('c') && table.has('d'), 'the spare took its place');
  assert.equal(table.size(), 3);
});

test('without a spare, one that fails is kept until it failed three times, and told to nobody meanwhile', () => {
  const { table } = createTable();
  const [a, b] = [known('a', 0x80), known('b', 0x81)];
  for (const one of [a, b]) table.seen(one, one.id);
  table.failed('a', a.id);
  assert.deepEqual(
    table.closest(a.id, 5).map(({ peerId }) => peerId),
    ['b'],
  );
  table.failed('b', b.id);
  assert.equal(table.closest(a.id, 5).length, 2, 'nobody else is known');
  table.seen(a, a.id);
  for (let i = 0; i < 2; i++) table.failed('b', b.id);
  assert.ok(table.has('a') && !table.has('b'));
});

test('at most two of one network enter a bucket, as spares too', () => {
  const { table } = createTable({
    network: ({ peerId }) => (peerId.startsWith('x') ? 'v4:198.51.100' : undefined),
  });
  const crowd = Array.from({ length: 10 }, (_, i) => known(`x${i}`, 0x80, i));
  for (const one of crowd) table.seen(one, one.id);
  assert.equal(table.size(), 2);
  const c = known('c', 0x90);
  const d = known('d', 0x91);
  table.seen(c, c.id);
  table.seen(d, d.id);
  for (const one of crowd) table.seen(one, one.id);
  table.failed('c', c.id);
  assert.ok(table.has('d'), 'a spare of another network takes the place');
  assert.equal(table.contacts().filter(({ peerId }) => peerId.startsWith('x')).length, 2);
});

test('a bucket through which no search went for an hour is stale', async () => {
  const { table, clock } = createTable();
  const [far, near] = [known('far', 0x80), known('near', 0x01)];
  for (const one of [far, near]) table.seen(one, one.id);
  assert.deepEqual(table.stale(1_000), []);
  await clock.advance(3_600_000);
  assert.deepEqual(table.stale(3_600_000).slice(0, 1), [0]);
  table.touch(far.id);
  assert.ok(!table.stale(3_600_000).includes(0) && table.stale(3_600_000).includes(7));
});
