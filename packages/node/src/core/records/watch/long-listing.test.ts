/** A listing that takes longer than a minute, while deletions of before are forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../clock/index.ts';
import { createTestbed, NAMESPACE, nameOf } from '../testing/testbed.ts';

const KEYS = 1_000;

for (const deletes of [false, true]) {
  test(`a listing ends ${deletes ? 'while deletions are forgotten' : 'where nothing is deleted'}`, async () => {
    await using bed = await createTestbed({ nodes: 3, records: { keepDeletedMs: 120_000 } });
    const value = new Uint8Array(2_048);
    for (let i = 0; i < KEYS; i += 50)
      await bed.run(
        Promise.all(
          Array.from({ length: 50 }, (_, j) => bed.node(0).records.put({ ...nameOf(`key${i + j}`), value })),
        ),
      );
    let busy = true;
    let failed: unknown;
    const churn = (async () => {
      for (let i = 0; busy && deletes; i++) {
        await bed.node(0).records.put({ ...nameOf(`short${i}`), value: new Uint8Array(8) });
        await sleep(bed.clock, 5_000);
        await bed.node(0).records.delete(nameOf(`short${i}`));
        await sleep(bed.clock, 15_000);
      }
    })().catch((error) => {
      failed = error;
    });
    // Deletions are forgotten by now.
    await bed.clock.advance(300_000);
    const stop = new AbortController();
    const input = { namespace: NAMESPACE, prefix: new Uint8Array() };
    let compacted = 0;
    let changes = 0;
    let syncedAt: number | undefined;
    const at = bed.clock.monotonic();
    const reading = (async () => {
      for await (const event of bed.node(1).records.watch(input, { signal: stop.signal })) {
        if (event.type === 'compacted') compacted++;
        if (event.type === 'synced') syncedAt ??= bed.clock.monotonic() - at;
        if (event.type !== 'change') continue;
        changes++;
        // 8 KiB a second.
        if (syncedAt === undefined) await sleep(bed.clock, 250);
      }
    })();
    reading.catch(() => {});
    await bed.clock
      .advanceUntil(() => syncedAt !== undefined, { stepMs: 50, limitMs: 1_800_000 })
      .catch(() => {});
    busy = false;
    stop.abort(new Error('over'));
    await bed.run(Promise.all([reading, churn]));
    assert.equal(failed, undefined);
    assert.ok(syncedAt !== undefined, `never, in half an hour: ${changes} changes, ${compacted} times anew`);
  });
}
