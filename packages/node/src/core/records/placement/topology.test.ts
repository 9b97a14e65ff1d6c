import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createTestLogger, firstHand, openTestMembership } from '../../../testing/test-membership.ts';
import { createTestSystem } from '../../../testing/test-system.ts';
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
      table: { rings: async () => new Map() },
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
