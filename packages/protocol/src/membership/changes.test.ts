import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Member, Scope } from '../index.ts';
import { memberChanges, missingScopes, scopeCovers, suddenLoss } from './changes.ts';

const member = (peerId: string, fields: Partial<Member> = {}): Member => ({
  peerId,
  name: peerId,
  tier: 2,
  capabilities: ['storage'],
  zone: '',
  draining: false,
  addresses: [],
  ...fields,
});

describe('changes', () => {
  test('are told apart by peer id; any field of a listed member counts', () => {
    const before = [member('a'), member('b'), member('c')];
    const after = [member('a'), member('b', { addresses: ['/ip4/10.0.0.1'] }), member('d')];
    const { added, removed, changed } = memberChanges(before, after);
    assert.deepEqual(
      added.map(({ peerId }) => peerId),
      ['d'],
    );
    assert.deepEqual(
      removed.map(({ peerId }) => peerId),
      ['c'],
    );
    assert.deepEqual(
      changed.map(({ after: { peerId } }) => peerId),
      ['b'],
    );
  });

  test('a notAfter that appears is a change', () => {
    const notAfter = '2026-01-01T00:00:00.000000000Z';
    assert.equal(memberChanges([member('a')], [member('a', { notAfter })]).changed.length, 1);
  });
});

describe('scopes', () => {
  const cases: readonly [Scope, string, boolean][] = [
    ['members:add', '', true],
    ['members:add', 'eu/berlin', true],
    ['members:add@eu/berlin', 'eu/berlin', true],
    ['members:add@eu', 'eu/berlin', true],
    ['members:add@eu', 'eu', true],
    ['members:add@eu', 'europe/berlin', false],
    ['members:add@eu/berlin', 'eu', false],
    ['members:add@eu/berlin', '', false],
    ['members:remove', '', false],
  ];
  for (const [scope, zone, expected] of cases) {
    test(`${scope} ${expected ? 'covers' : 'does not cover'} adding in zone "${zone}"`, () => {
      assert.equal(scopeCovers(scope, 'add', zone), expected);
    });
  }

  const before = [member('a', { zone: 'eu/berlin' }), member('b', { zone: 'us/boston' })];
  const moved = [member('a', { zone: 'us/boston' }), member('b', { zone: 'us/boston' })];
  const removedA = [member('b', { zone: 'us/boston' })];
  const steps: readonly {
    name: string;
    after: Member[];
    force?: boolean;
    scopes: Scope[];
    missing: string[];
  }[] = [
    { name: 'nothing changed needs nothing', after: before, scopes: [], missing: [] },
    {
      name: 'a move needs both zones',
      after: moved,
      scopes: ['members:capabilities@us'],
      missing: ['members:capabilities@eu/berlin'],
    },
    {
      name: 'a removal is not covered by add',
      after: removedA,
      scopes: ['members:add', 'members:capabilities'],
      missing: ['members:remove@eu/berlin'],
    },
    { name: 'a removal in its zone', after: removedA, scopes: ['members:remove@eu'], missing: [] },
    {
      name: 'force needs its scope where it removes',
      after: removedA,
      force: true,
      scopes: ['members:remove', 'members:force@us'],
      missing: ['members:force@eu/berlin'],
    },
    {
      name: 'force in its zone',
      after: removedA,
      force: true,
      scopes: ['members:remove', 'members:force@eu/berlin'],
      missing: [],
    },
    {
      name: 'force without a removal is for all zones',
      after: before,
      force: true,
      scopes: ['members:force@eu'],
      missing: ['members:force'],
    },
    {
      name: 'an addition',
      after: [...before, member('c')],
      scopes: ['members:remove'],
      missing: ['members:add'],
    },
  ];
  for (const { name, after, force = false, scopes, missing } of steps) {
    test(name, () => assert.deepEqual(missingScopes(scopes, memberChanges(before, after), force), missing));
  }
});

describe('sudden losses', () => {
  const list = (count: number, fields: Partial<Member> = {}) =>
    Array.from({ length: count }, (_, index) => member(`m${index}`, fields));
  const none = { slots: 4, replicasOf: () => [] };
  /** Slot i on members i, i + 1, i + 2. */
  const ring = (count: number) => ({
    slots: count,
    replicasOf: (slot: number) => [0, 1, 2].map((next) => `m${(slot + next) % count}`),
  });

  test('a minority of the members may go', () => {
    assert.equal(suddenLoss(list(5), list(5).slice(2), none), undefined);
    assert.equal(suddenLoss(list(4), list(4).slice(2), none), undefined);
  });

  test('a majority of the members may not', () => {
    const loss = suddenLoss(list(5), list(5).slice(3), none);
    assert.deepEqual(loss?.members, { dropped: 3, total: 5 });
  });

  test('clients count in no majority', () => {
    const clients = list(9, { tier: 3 }).map((one) => ({
      ...one,
      peerId: `client-${one.peerId}`,
      name: `c${one.name}`,
    }));
    assert.equal(suddenLoss([...list(3), ...clients], list(3), none), undefined);
    assert.ok(suddenLoss([...list(3), ...clients], [...list(3).slice(2), ...clients], none));
  });

  test('a majority of one slot is enough to refuse', () => {
    const loss = suddenLoss(
      list(9),
      list(9).filter(({ peerId }) => peerId !== 'm0' && peerId !== 'm1'),
      ring(9),
    );
    assert.equal(loss?.members, undefined);
    assert.deepEqual(loss?.slots, [0, 8]);
    assert.equal(
      suddenLoss(
        list(9),
        list(9).filter(({ peerId }) => peerId !== 'm0' && peerId !== 'm4'),
        ring(9),
      ),
      undefined,
    );
  });

  test('draining replicas do not count, so what was drained may go', () => {
    const draining = list(9).map((one) =>
      one.peerId === 'm0' || one.peerId === 'm1' ? { ...one, draining: true } : one,
    );
    const left = draining.filter((one) => !one.draining);
    assert.equal(suddenLoss(draining, left, ring(9)), undefined);
    // One of two undrained replicas is no majority, the only one is.
    const loss = suddenLoss(
      draining,
      left.filter(({ peerId }) => peerId !== 'm2'),
      ring(9),
    );
    assert.deepEqual(loss?.slots, [0]);
  });
});
