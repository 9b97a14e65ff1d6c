/** Watches under faults drawn from a seed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWatchSchedule } from '../testing/watch-schedule.ts';

const SEEDS = Number(process.env['P2POS_SEEDS'] ?? 8);

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}: no acknowledged change is missed and no key goes back while nodes crash, links are cut and slots move`, async () => {
    const { acknowledged } = await runWatchSchedule({ seed });
    assert.ok(acknowledged > 8);
  });
}
