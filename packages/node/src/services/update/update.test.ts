import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createUpdateBed, type UpdateBed } from './testing/update-bed.ts';

const signal = AbortSignal.any([]);
const finalize = ({ bed, machine }: UpdateBed, at = 0) => bed.run(machine(at).update.finalize(signal));
const unfinished = (text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof P2posError && error.code === 'UPDATE_UNFINISHED', String(error));
  assert.match(error.message, text);
  return true;
};

/** All run 1.1.0 and nobody finalized it. */
async function updated(nodes: number, config: Parameters<typeof createUpdateBed>[1] = {}) {
  const system = await createUpdateBed(nodes, { version: '1.1.0', ...config });
  const manifest = await system.release('1.1.0');
  await system.bed.run(system.machine(0).update.apply(manifest, signal));
  return system;
}

test('nothing is finalized while a node may go back, whatever its heartbeat says; then it is', async () => {
  await using system = await updated(3);
  for (const i of [1, 0]) {
    system.machine(i).state = 'degraded';
    system.machine(i).trial = { version: '1.1.0', from: '1.0.0' };
    await assert.rejects(finalize(system), unfinished(new RegExp(`node${i} is still on trial`)));
    const { rollout } = await system.bed.run(system.machine(2).update.status(signal));
    assert.equal(rollout?.state, 'rolling');
    system.machine(i).state = 'healthy';
    await system.bed.clock.advance(15_000);
    assert.ok(system.machine(i).done.includes('confirm'));
  }
  assert.equal((await finalize(system)).finalized, '1.1.0');
});

test('a node that is away, or came back with the old version, is not taken for what its last heartbeat said', async () => {
  await using system = await updated(3);
  await system.machine(1).reboot('1.0.0');
  await assert.rejects(finalize(system), unfinished(/node1 runs 1\.0\.0/));
  await system.machine(1).reboot('1.1.0');
  system.bed.partition([0, 2], [1]);
  await assert.rejects(finalize(system), unfinished(/node1 does not answer/));
  await system.bed.heal();
  assert.equal((await finalize(system)).finalized, '1.1.0');
});

test('clients that are listed run no node and hold up nothing', async () => {
  await using system = await updated(4, { member: (i) => (i === 3 ? { tier: 3, capabilities: [] } : {}) });
  await system.machine(3).stop();
  system.machine(3).told = undefined;
  const status = await finalize(system);
  assert.equal(status.finalized, '1.1.0');
  assert.deepEqual(status.nodes.map(({ name }) => name).toSorted(), ['node0', 'node1', 'node2']);
});
