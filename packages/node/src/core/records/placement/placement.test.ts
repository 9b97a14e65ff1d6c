import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '@p2pos/protocol';
import fc from 'fast-check';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { createPlacer } from './placement.ts';

const SLOTS = 256;
const placer = createPlacer({ crypto }, { slots: () => SLOTS });

function member(peerId: string, fields: Partial<Member> = {}) {
  return {
    peerId,
    tier: 2 as const,
    capabilities: ['storage'] as const,
    zone: '',
    draining: false,
    ...fields,
  };
}
const many = (count: number) => Array.from({ length: count }, (_, i) => member(`peer${i}`));

test('placement is the same on every node, whatever the order of the list', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(many(12), { minLength: 1, maxLength: 12 }),
      fc.nat(SLOTS - 1),
      (list, slot) => {
        const sorted = list.toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1));
        const fresh = createPlacer({ crypto }, { slots: () => SLOTS });
        const replicas = placer.place(list).replicas(slot, 3);
        assert.deepEqual(fresh.place(sorted).replicas(slot, 3), replicas);
        assert.equal(replicas.length, Math.min(3, list.length));
        assert.equal(new Set(replicas).size, replicas.length);
        // A greater set begins with the smaller one.
        assert.deepEqual(placer.place(list).replicas(slot, 7).slice(0, 3), replicas);
      },
    ),
  );
});

test('a new member takes slots only for itself, and about its share', () => {
  const before = placer.place(many(9));
  const after = placer.place(many(10));
  let taken = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    const old = before.replicas(slot, 3);
    const now = after.replicas(slot, 3);
    const added = now.filter((peerId) => !old.includes(peerId));
    assert.ok(added.length === 0 || (added.length === 1 && added[0] === 'peer9'));
    taken += added.length;
  }
  const fair = (SLOTS * 3) / 10;
  assert.ok(taken > fair * 0.6 && taken < fair * 1.4, `${taken} of about ${fair}`);
});

test('slots are spread evenly', () => {
  const counts = new Map<string, number>();
  const placement = createPlacer({ crypto }, { slots: () => 4_096 }).place(many(8));
  for (let slot = 0; slot < 4_096; slot++) {
    for (const peerId of placement.replicas(slot, 3)) counts.set(peerId, (counts.get(peerId) ?? 0) + 1);
  }
  const fair = (4_096 * 3) / 8;
  for (const count of counts.values()) assert.ok(Math.abs(count - fair) < fair * 0.1, `${count} of ${fair}`);
});

test('zones are distinct as far as there are zones', () => {
  const zones = ['eu', 'us', 'asia'];
  const members = many(9).map((one, i) => ({ ...one, zone: zones[i % 3] as string }));
  const two = many(6).map((one, i) => ({ ...one, zone: zones[i % 2] as string }));
  const zoneOf = new Map(members.map(({ peerId, zone }) => [peerId, zone]));
  for (let slot = 0; slot < SLOTS; slot++) {
    assert.equal(
      new Set(
        placer
          .place(members)
          .replicas(slot, 3)
          .map((peerId) => zoneOf.get(peerId)),
      ).size,
      3,
    );
    const pair = placer.place(two).replicas(slot, 3);
    assert.equal(new Set(pair.map((peerId) => two.find((one) => one.peerId === peerId)?.zone)).size, 2);
  }
});

test('only storage below tier 3 holds slots; who leaves holds them only for want of others', () => {
  const members = [
    member('client', { tier: 3 }),
    member('relay', { capabilities: ['relay'] }),
    member('leaving', { draining: true }),
    member('a'),
    member('b'),
    member('c'),
  ];
  for (let slot = 0; slot < SLOTS; slot++) {
    assert.deepEqual(placer.place(members).replicas(slot, 3).toSorted(), ['a', 'b', 'c']);
    const short = placer.place(members.slice(0, 5)).replicas(slot, 3);
    assert.equal(short.at(-1), 'leaving');
    assert.deepEqual(short.slice(0, 2).toSorted(), ['a', 'b']);
  }
  assert.deepEqual(placer.place([]).replicas(0, 3), []);
});
