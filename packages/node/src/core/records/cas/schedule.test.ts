/** Registers under faults drawn from a seed: every history must be linearizable, key by key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRegisterSchedule } from '../testing/register-schedule.ts';

const SEEDS = Number(process.env['P2POS_SEEDS'] ?? 20);

for (let seed = 0; seed < SEEDS; seed++) {
  test(`seed ${seed}: linearizable while nodes crash, links are cut and slots move`, async () => {
    const { linearizable, done, refused, unknown } = await runRegisterSchedule({ seed });
    assert.deepEqual(linearizable, []);
    assert.ok(done > 100, `${done} done, ${refused} refused, ${unknown} unknown`);
  });
}
