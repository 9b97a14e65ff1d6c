import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { P2posError } from '@p2pos/protocol';
import { MEMBERSHIP, MEMBERSHIP_PUSH } from '@p2pos/protocol/membership';
import { silentLogger } from '../../core/log/index.ts';
import { createRpc } from '../../core/rpc/index.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMemoryHub } from '../../testing/memory-net.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { firstHand, openTestMembership } from '../../testing/test-membership.ts';
import { createTestSystem } from '../../testing/test-system.ts';
import { createMembers } from './members.ts';

const MIB = 1_048_576;

/** A node whose only members are nodes 0 and 1, and what a peer gets that calls it. */
async function setUp() {
  const clock = createManualClock();
  const log = silentLogger;
  const system = await createTestSystem({ nodes: 2, now: clock.now() });
  const membership = await openTestMembership(system, { clock });
  await membership.submit(firstHand(await system.first()));
  const [self, member] = system.nodes.map(({ peerId }) => peerId) as [string, string];
  const hub = createMemoryHub({ clock });
  const net = hub.join(self);
  await net.start();
  const faults: string[] = [];
  const members = createMembers({
    ...{ membership, net, clock, log, rpc: createRpc({ net, clock, log }) },
    random: createSeededRandom('members'),
    onFault: (peerId) => void faults.push(peerId),
  });
  const codeOf = (error: P2posError) => error.code;
  async function join(peerId: string) {
    const own = hub.join(peerId);
    await own.start();
    await own.dial([hub.addressOf(self)], { signal: new AbortController().signal });
    const rpc = createRpc({ net: own, clock, log });
    const within = { timeoutMs: 5_000 };
    return {
      push: (kind: 'revocation' | 'snapshot', bytes: Uint8Array) =>
        rpc
          .call(self, MEMBERSHIP_PUSH, 'push', { kind, bytes }, within)
          .then(({ result, code }) => code ?? result, codeOf),
      ask: () => rpc.call(self, MEMBERSHIP, 'heads', {}, within).then(() => 'answered', codeOf),
    };
  }
  return {
    ...{ system, clock, faults, join, member },
    [Symbol.asyncDispose]: async () => {
      await members[Symbol.asyncDispose]();
      await membership[Symbol.asyncDispose]();
    },
  };
}

test('T26: what strangers push is charged by its size, to all of them together; asking and members are not held up', async () => {
  await using node = await setUp();
  const [one, other, member] = [
    await node.join('one'),
    await node.join('other'),
    await node.join(node.member),
  ];
  const large = new Uint8Array(3 * MIB);
  assert.equal(await one.push('snapshot', large), 'DOCUMENT_MALFORMED');
  assert.equal(await one.push('snapshot', large), 'DOCUMENT_MALFORMED');
  assert.equal(await other.push('snapshot', large), 'OVERLOADED');
  let left = 0;
  while ((await other.push('snapshot', new Uint8Array(9))) !== 'OVERLOADED') left++;
  assert.ok(left < 10);
  assert.deepEqual(
    [await other.ask(), await member.ask(), await member.push('snapshot', large)],
    ['answered', 'answered', 'DOCUMENT_MALFORMED'],
  );
  await node.clock.advance(4_000);
  assert.equal(await other.push('snapshot', large), 'DOCUMENT_MALFORMED');
});

test('a document that was made up is told of as a fault of the peer that handed it over, one that was refused for its time is not', async () => {
  await using node = await setUp();
  const { system, faults } = node;
  const peer = await node.join('stranger');
  const made = await system.revocation({ peerIds: [node.member] }, [system.identity('thief').signer]);
  assert.equal(await peer.push('revocation', made.bytes), 'REVOCATION_SIGNATURE');
  assert.equal(await peer.push('snapshot', new Uint8Array(9)), 'DOCUMENT_MALFORMED');
  assert.deepEqual(faults, ['stranger', 'stranger']);
  const first = await system.first();
  const late = await system.snapshot({
    after: first,
    members: system.members(),
    issuedAtMs: node.clock.now() + MIB,
  });
  assert.equal(await peer.push('snapshot', late.bytes), 'SNAPSHOT_DATE');
  assert.equal(faults.length, 2);
});
