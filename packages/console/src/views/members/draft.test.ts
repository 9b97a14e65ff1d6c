import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '@p2pos/protocol';
import { dropsMajority, inputOf, memberOf, missingScopes, rowsOf, scopesFor } from './draft.ts';

const peerId = (n: number) => `12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDE${'pqrstuv'[n]}`;
const member = (n: number, more: Partial<Member> = {}): Member => ({
  peerId: peerId(n),
  name: `node${n}`,
  tier: 2,
  capabilities: ['storage'],
  zone: '',
  draining: false,
  addresses: [],
  ...more,
});

test('the difference names what is added, removed and changed, and what that needs', () => {
  const before = [member(0), member(1), member(2)];
  const after = [member(0), member(1, { zone: 'eu/berlin', draining: true }), member(3)];
  const rows = rowsOf(before, after);
  assert.deepEqual(
    rows.map(({ member: { name }, state }) => `${name} ${state}`),
    ['node0 same', 'node1 changed', 'node2 removed', 'node3 added'],
  );
  assert.deepEqual(rows[1]?.changes, [
    { field: 'zone', before: '–', after: 'eu/berlin' },
    { field: 'draining', before: 'no', after: 'yes' },
  ]);
  assert.deepEqual(scopesFor(rows, true), ['add', 'remove', 'capabilities', 'force']);
  assert.deepEqual(scopesFor(rowsOf(before, before), false), []);
  assert.deepEqual(missingScopes(['members:add', 'members:remove@eu'], ['add', 'remove', 'force']), [
    'force',
  ]);
});

test('who takes half of the undrained members out takes the majority', () => {
  const four = [member(0), member(1), member(2), member(3)];
  const without = (...gone: number[]) =>
    rowsOf(
      four,
      four.filter((_, n) => !gone.includes(n)),
    );
  assert.equal(dropsMajority(four, without(0)), false);
  assert.equal(dropsMajority(four, without(0, 1)), true);
  const leaving = four.map((one, n) => (n < 2 ? { ...one, draining: true } : one));
  assert.equal(dropsMajority(leaving, rowsOf(leaving, leaving.slice(2))), false);
});

test('what a form gives is a member, or the first field that is wrong', () => {
  const whole = member(0, {
    notAfter: '2027-01-02T00:00:00.000000000Z',
    addresses: ['/ip4/10.0.0.1/tcp/4100'],
  });
  assert.deepEqual(memberOf(inputOf(whole)), { member: whole });
  assert.deepEqual(memberOf(inputOf(member(0))), { member: member(0) });
  const wrong = (more: object) => memberOf({ ...inputOf(member(0)), ...more });
  for (const [more, field] of [
    [{ peerId: 'x' }, 'peerId'],
    [{ name: 'Ä' }, 'name'],
    [{ zone: 'a/b/c' }, 'zone'],
    [{ tier: 9 }, 'tier'],
    [{ addresses: 'nowhere' }, 'addresses'],
  ] as const)
    assert.equal((wrong(more) as { field?: string }).field, field);
});
