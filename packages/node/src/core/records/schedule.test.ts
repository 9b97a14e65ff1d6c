import { test } from 'node:test';
import { runSchedule } from './testing/schedule.ts';

for (let seed = 1; seed <= 8; seed++) {
  test(`random schedule ${seed}: no acknowledged write is lost, nothing read is unread, all nodes agree in the end`, async () => {
    await runSchedule({ seed });
  });
}
