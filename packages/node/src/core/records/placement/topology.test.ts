import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createTestLogger, firstHand, openTestMembership } from '../../../testing/test-membership.ts';
import { createTestSystem } from '../../../testing/test-system.ts';
import { createPlacer } from './placement.ts';
import { openTopology, type RecordsMembership } from './topology.ts';

/** A member's topology whose chain is read from a disk that does as it is told. */
async function begin(disk: { state: 'well' | 'fails' | 'forgets'; reads: number }) {
  const system = await createTestSystem({ nodes: 3, slots: 16 });
  const membership = await openTestMembership(system);
  const first = await system.first();
  await membership.submit(firstHand(first));
  const clock = createManualClock();
  const log = createTestLogger();
  const through: RecordsMembership = {
    systemId: membership.systemId,
    slots: membership.slots,
    events: membership.events,
    view: membership.view,
    isActive: membership.isActive,
    snapshot: membership.snapshot,
    async documents(query) {
      disk.reads++;
      if (disk.state === 'fails') throw new P2posError('STORE_FAILED', { reason: 'the disk fails' });
      return disk.state === 'well' ? membership.documents(query) : { documents: [], more: true };
    },
  };
  const topology = await openTopology(
    {
      self: system.nodes[0]?.peerId ?? '',
      membership: through,
      crypto: system.crypto,
      clock,
      log,
      table: { rings: async () => new Map(), sides: async () => [] },
    },
    { counts: [3] },
  );
  return {
    topology,
    clock,
    log,
    [Symbol.asyncDispose]: async () => {
      topology[Symbol.dispose]();
      await membership[Symbol.asyncDispose]();
    },
  };
}

for (const state of ['fails', 'forgets'] as const) {
  test(`a disk that ${state} is asked for the chain now and then, however often someone wants it`, async () => {
    const disk = { state: 'well' as 'well' | typeof state, reads: 0 };
    disk.state = state;
    await using node = await begin(disk);
    const { topology, clock, log } = node;
    let told = 0;
    // As those who follow the moves do: they look again at each change.
    using _listener = topology.onChange(() => {
      told++;
      topology.placedNow();
    });
    for (let i = 0; i < 100; i++) assert.equal(topology.placedNow(), undefined);
    assert.throws(() => topology.current(), { code: 'PLACEMENT_STALE' });
    await clock.advance(60_000);
    assert.ok(disk.reads > 10 && disk.reads < 25, `${disk.reads} reads in a minute`);
    assert.equal(told, 0);
    assert.equal(log.lines.filter(({ level }) => level === 'error').length, disk.reads);

    disk.state = 'well';
    await clock.advance(5_000);
    assert.equal(told, 1);
    assert.equal(topology.placedNow()?.epoch, 1);
    const { reads } = disk;
    await clock.advance(60_000);
    assert.equal(disk.reads, reads);
  });
}

test('where another branch won while the node was down, the sets that its marks were made by are needed', async () => {
  const system = await createTestSystem({ nodes: 8, slots: 16 });
  await using membership = await openTestMembership(system);
  const first = await system.first(system.members([0, 1, 2, 3, 4, 5, 6]));
  const of = (nodes: number[], later = 0) =>
    system.snapshot({
      after: first,
      members: system.members(nodes),
      issuedAtMs: Date.UTC(2026, 0, 1) + later,
    });
  const loser = await of([0, 1, 2, 3, 4, 5]);
  const winner = await of([0, 1, 2, 3, 4, 5, 6, 7], 1_000);
  for (const one of [first, loser, winner]) {
    const countersignature = await system.countersign(one, 1);
    await membership.submit({ kind: 'snapshot', bytes: one.bytes, from: 'test', countersignature });
  }
  assert.deepEqual(membership.view().hash, winner.hash);
  const marks = () => new Uint32Array(16).fill(2);
  const ring = { count: 3, settled: marks(), closed: marks(), headHash: loser.hash };
  using topology = await openTopology(
    {
      self: system.nodes[0]?.peerId ?? '',
      membership,
      crypto: system.crypto,
      clock: createManualClock(),
      log: createTestLogger(),
      table: { rings: async () => new Map([[3, ring]]), sides: async () => [] },
    },
    { counts: [3] },
  );
  const { moves } = topology;
  assert.deepEqual(moves.sides(), [{ hash: loser.hash, fork: 1 }]);
  const placed = createPlacer({ crypto: system.crypto }, { slots: () => 16 }).place(loser.body.members);
  for (let slot = 0; slot < 16; slot++) {
    const set = placed.replicas(slot, 3).toSorted();
    assert.ok(
      moves.required(slot, 3).some((one) => one.toSorted().join() === set.join()),
      `slot ${slot}`,
    );
  }
  assert.ok(moves.open(3).length > 0);
});
