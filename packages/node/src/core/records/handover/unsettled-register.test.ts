/** A register that nobody can settle now holds up the copying of no other slot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registerOf } from '../testing/strays.ts';
import { createTestbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** Slots that a new member has yet to copy two minutes after it came, while two of five are down. */
async function left(asks: boolean): Promise<number> {
  await using bed = await createTestbed({
    nodes: 6,
    members: [0, 1, 2, 3, 4],
    registers: true,
    records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 },
  });
  const { registers } = bed.node(0).records;
  const version = `${'0'.repeat(16)}-${bed.node(0).peerId}`;
  for (let i = 0; i < 100; i++) {
    const wish = { ...registerOf(`key${i}`), value: bytes('v') };
    await bed.run(registers.change({ ...wish, condition: { kind: 'any' } }));
    if (!asks) continue;
    const other = bed.node(1).records.registers.change({ ...wish, condition: { kind: 'version', version } });
    await assert.rejects(bed.run(other), { code: 'CAS_CONDITION_FAILED' });
  }
  await bed.clock.advance(5_000);
  await bed.crash(3);
  await bed.crash(4);
  await bed.giveAll(await bed.snapshot(bed.members(0, 1, 2, 3, 4, 5)));
  await bed.clock.advance(120_000);
  return bed.node(5).records.moves().unsettled;
}

test('a register that cannot be settled now holds up the copying of no other slot', async () => {
  // Of some slots two of three are down: those have to wait.
  const waiting = await left(false);
  assert.ok(waiting > 0);
  assert.equal(await left(true), waiting);
});
