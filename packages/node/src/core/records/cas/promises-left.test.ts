/** What a former replica promised is let go there once others have the slot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining, registerOf } from '../testing/strays.ts';
import { createTestbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const HOUR_MS = 3_600_000;

test('promises for a register that lives elsewhere now are let go where it lay', async () => {
  await using bed = await createTestbed({ nodes: 6, members: [0, 1, 2], registers: true });
  const { registers } = bed.node(0).records;
  const version = `${'0'.repeat(16)}-${bed.node(0).peerId}`;
  for (let i = 0; i < 20; i++) {
    const wish = { ...registerOf(`key${i}`), value: bytes('v') };
    await bed.run(registers.change({ ...wish, condition: { kind: 'any' } }));
    const other = bed.node(1).records.registers.change({ ...wish, condition: { kind: 'version', version } });
    await assert.rejects(bed.run(other), { code: 'CAS_CONDITION_FAILED' });
  }
  await bed.giveAll(await bed.snapshot(draining(bed, [0, 1, 2, 3, 4, 5], [0, 1, 2])));
  await bed.clock.advance(60_000);
  const count = async (table: string) => {
    const sql = `SELECT count(*) AS n FROM ${table}`;
    const [row] = await bed.run(bed.node(0).store.read<{ n: number }>(sql));
    return row?.n;
  };
  assert.equal(await count('records'), 0);
  // Far beyond the two days after which no ballot of them is taken any more.
  for (const { index } of bed.nodes()) await bed.crash(index);
  await bed.clock.advance(54 * HOUR_MS);
  for (const { index } of bed.nodes()) await bed.start(index);
  await bed.clock.advance(10_000);
  await bed.clock.advance(1.2 * HOUR_MS);
  assert.equal(await count('records'), 0);
  assert.equal(await count('register_promises'), 0);
});
