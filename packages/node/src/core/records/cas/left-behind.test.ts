/** A replica that missed what was accepted, and has promised since: it gets it though its disk is slower than those of the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../clock/index.ts';
import { fickle } from '../testing/faults.ts';
import { registerOf } from '../testing/strays.ts';
import { createTestbed, decode, type Testbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const HOUR_MS = 3_600_000;
const SLOW = 2;
const any = { kind: 'any' } as const;

/** Three, of which one has a disk that takes 15 ms. */
async function testbed(seed = 0): Promise<Testbed> {
  let clock: Testbed['clock'] | undefined;
  const pause = async () => {
    if (clock) await sleep(clock, 15);
  };
  const bed = await createTestbed({
    nodes: 3,
    seed,
    registers: true,
    records: { keepDeletedMs: HOUR_MS },
    wrapStore: (index, store) => (index === SLOW ? fickle(store, () => false, pause) : store),
  });
  clock = bed.clock;
  await bed.settleStanding();
  return bed;
}

/** Deleted, but for the slow one: that request to it got lost, and then it promised a ballot to another, whose condition failed. */
async function removeWithout(bed: Testbed, key: string): Promise<void> {
  const { registers } = bed.node(0).records;
  await bed.run(registers.change({ ...registerOf(key), value: bytes('first'), condition: any }));
  await bed.clock.advance(1_000);
  const { rpc } = bed.node(0);
  const { call } = rpc;
  const hooked = (...input: Parameters<typeof call>) =>
    input[0] === bed.node(SLOW).peerId && input[2] === 'write'
      ? Promise.reject(new Error('lost'))
      : call(...input);
  Object.assign(rpc, { call: hooked });
  await bed.run(registers.change({ ...registerOf(key), value: null, condition: any }));
  const version = `${'0'.repeat(16)}-${bed.node(0).peerId}`;
  const wish = { ...registerOf(key), value: bytes('x'), condition: { kind: 'version', version } } as const;
  await assert.rejects(bed.run(bed.node(1).records.registers.change(wish)), {
    code: 'CAS_CONDITION_FAILED',
  });
  await bed.clock.advance(1_000);
  Object.assign(rpc, { call });
}

async function held(bed: Testbed, index: number, key: string): Promise<string | undefined> {
  const sql = "SELECT version FROM records WHERE namespace = 'default/kv-cas' AND key = ?";
  const [row] = await bed.run(bed.node(index).store.read<{ version: string }>(sql, [bytes(key)]));
  return row?.version;
}

async function read(bed: Testbed, index: number): Promise<string | undefined> {
  const found = await bed.run(bed.node(index).records.registers.read(registerOf('k')));
  return found && decode(found.value);
}

test('replicas of a register converge though the disk of one is slower', async () => {
  await using bed = await testbed();
  await removeWithout(bed, 'k');
  await bed.clock.advance(20 * 60_000);
  const all = await Promise.all([0, 1, 2].map((index) => held(bed, index, 'k')));
  assert.deepEqual(all, [all[0], all[0], all[0]]);
});

test('the deletion of a register does not come back from a replica with a slower disk', async () => {
  const back: string[] = [];
  // Whether two of them forget it before it is found depends on when each looks.
  for (const seed of [0, 2, 5]) {
    await using bed = await testbed(seed);
    await removeWithout(bed, 'k');
    await bed.clock.advance(5 * 60_000);
    // Days go by; nothing else is done meanwhile.
    for (const index of [0, 1, 2]) await bed.run(bed.crash(index));
    await bed.clock.advance(26 * HOUR_MS);
    for (const index of [0, 1, 2]) await bed.run(bed.start(index));
    await bed.settleStanding();
    await bed.clock.advance(20 * 60_000);
    assert.equal(await read(bed, 0), undefined);
    await bed.run(bed.crash(1));
    const found = await read(bed, 0);
    if (found !== undefined) back.push(`seed ${seed}: ${found}`);
  }
  assert.deepEqual(back, []);
});
