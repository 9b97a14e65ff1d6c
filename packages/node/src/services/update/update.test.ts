import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimestamp, P2posError } from '@p2pos/protocol';
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

test('a version that was gone back from pauses the update once; applied again it is tried again', async () => {
  await using system = await createUpdateBed(3);
  const { bed, machine, release } = system;
  const node = machine(1);
  const apply = async () => bed.run(machine(0).update.apply(await release('1.1.0'), signal));
  const rollout = async () => (await bed.run(machine(2).update.status(signal))).rollout;
  const tries = () => node.done.filter((one) => one === 'activate 1.1.0').length;
  // The others run it already, so that this one alone is to change.
  for (const i of [0, 2]) await machine(i).reboot('1.1.0');
  for (let round = 1; round <= 2; round++) {
    await apply();
    await bed.clock.advance(15_000);
    assert.equal(tries(), round);
    node.failed = { version: '1.1.0', reason: 'it ended with 3' };
    await node.reboot('1.0.0');
    await bed.clock.advance(1_000);
    const now = await rollout();
    assert.equal(now?.state, 'paused');
    assert.match(now?.reason ?? '', /node1 went back to 1\.0\.0: it ended with 3/);
    await bed.clock.advance(30_000);
    assert.equal(tries(), round, 'not tried while it is paused');
  }
});

test('a failure is told although an operator paused meanwhile, and never stops another release', async () => {
  await using system = await createUpdateBed(3);
  const { bed, machine, release } = system;
  const node = machine(1);
  for (const i of [0, 2]) await machine(i).reboot('1.1.0');
  await bed.run(machine(0).update.apply(await release('1.1.0'), signal));
  await bed.run(machine(0).update.pause('an operator paused it', signal));
  node.failed = { version: '1.1.0', reason: 'it ended with 3' };
  await node.reboot('1.0.0');
  await bed.clock.advance(1_000);
  const { rollout } = await bed.run(machine(0).update.status(signal));
  assert.match(rollout?.reason ?? '', /it ended with 3/);
  node.failed = { version: '1.1.0', reason: 'again' };
  const next = await bed.run(machine(0).update.apply(await release('1.2.0'), signal));
  await bed.clock.advance(15_000);
  assert.equal(next.rollout?.version, '1.2.0');
  assert.equal((await bed.run(machine(0).update.status(signal))).rollout?.state, 'rolling');
  assert.ok(node.done.includes('stage 1.2.0'));
});

test('a manifest whose date went by is no matter for who runs it, and is told once by who does not', async () => {
  await using system = await createUpdateBed(3);
  const { bed, machine, release } = system;
  const soon = formatTimestamp(bed.clock.now() + 60_000);
  const manifest = await release('1.1.0', { expires: soon });
  for (const i of [0, 2]) await machine(i).reboot('1.1.0');
  await bed.run(machine(0).update.apply(manifest, signal));
  machine(0).state = 'degraded';
  machine(1).state = 'degraded';
  await bed.clock.advance(120_000);
  const refusals = (i: number) =>
    machine(i).lines.filter(({ level, action }) => level === 'warn' && action === 'update_refused').length;
  assert.deepEqual([0, 1, 2].map(refusals), [0, 1, 0]);
});
