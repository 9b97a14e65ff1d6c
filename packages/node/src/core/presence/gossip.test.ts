import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createEmitter } from '../events/index.ts';
import { silentLogger } from '../log/index.ts';
import type { Connection, NetEvents } from '../net/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createGossip } from './gossip.ts';

const MEMBERS = 64;

/** Whom one member of `MEMBERS` tells, connected to so many; `news` says whether the i-th push is news to its target. */
async function tell(
  from: string | undefined,
  news: (push: number) => boolean,
  connected = MEMBERS - 1,
): Promise<string[]> {
  const clock = createManualClock();
  const random = createSeededRandom('gossip');
  const told: string[] = [];
  const peers = Array.from({ length: connected }, (_, i) => `peer ${i}`);
  await using tasks = createTaskGroup({ clock, random, log: silentLogger });
  using gossip = createGossip({
    net: {
      peerId: 'self',
      connections: () => peers.map((peerId) => ({ peerId }) as Connection),
      events: createEmitter<NetEvents>(() => {}),
    },
    isListed: () => true,
    listed: () => MEMBERS,
    clock,
    random,
    tasks,
    push: async (target) => {
      told.push(target);
      return news(told.length) ? 1 : 0;
    },
  });
  gossip.spread({ subject: from === undefined ? 'self' : 'peer 0', document: new Uint8Array(1), from });
  await clock.advance(10_000);
  return told;
}

test("a member's own heartbeat goes to all that it is connected to, once", async () => {
  const told = await tell(undefined, () => true);
  assert.equal(told.length, MEMBERS - 1);
  assert.equal(new Set(told).size, MEMBERS - 1);
});

test('what nobody lacks is passed on twice and no further', async () => {
  assert.equal((await tell('peer 0', () => false)).length, 2);
});

test('what is news is passed on while it is, to log2(n) at most', async () => {
  assert.equal((await tell('peer 0', (push) => push <= 2)).length, 4);
  assert.equal((await tell('peer 0', () => true)).length, 6);
});

test('nobody is told of itself, nor what it told', async () => {
  assert.deepEqual(await tell('peer 1', () => false, 3), ['peer 2']);
});
