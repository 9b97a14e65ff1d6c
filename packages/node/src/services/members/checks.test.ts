import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimestamp } from '@p2pos/protocol';
import type { MembershipStatus } from '../../core/membership/index.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMembersChecks } from './checks.ts';

const DAY_MS = 86_400_000;

test('a proof near its end is told from 14 days on, a fork and a conflict at once', async () => {
  const clock = createManualClock();
  const status = {
    founded: true,
    conflicts: [] as MembershipStatus['conflicts'],
    fork: undefined as MembershipStatus['fork'],
    root: { keysVersion: 3 } as MembershipStatus['root'],
    proof: { serial: 'ab', adminPeerId: 'p', validTo: formatTimestamp(clock.now() + 20 * DAY_MS) },
  };
  const [root, proof] = createMembersChecks({ membership: { status: () => status }, clock });
  const found = () => [root?.run().status, proof?.run().status];
  assert.deepEqual(found(), ['ok', 'ok']);
  await clock.advance(6 * DAY_MS - 1);
  assert.deepEqual(found(), ['ok', 'ok']);
  await clock.advance(2);
  assert.deepEqual(found(), ['ok', 'degraded']);
  assert.match(proof?.run().detail ?? '', /ends in 13 days: p2pctl proof request --renew ab/);
  await clock.advance(14 * DAY_MS);
  assert.match(proof?.run().detail ?? '', /ended/);
  status.conflicts = [{ parent: 'a', loser: 'b', epoch: 2, refused: [] }];
  assert.equal(root?.run().status, 'degraded');
  status.fork = { parent: 'a', version: 1, children: ['b', 'c'], since: undefined, keptProofs: new Set() };
  assert.equal(root?.run().status, 'failing');
});
