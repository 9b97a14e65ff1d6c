import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { startThread } from './store-thread.ts';

/** A worker that opens and then does `then` with the first group of requests. */
function start(then: string) {
  const code = `
    import { parentPort } from 'node:worker_threads';
    parentPort.postMessage({ storeId: 'x', commits: 3 });
    parentPort.once('message', (requests) => { ${then} });
  `;
  const workerFile = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  return startThread({ folder: '', newStoreId: '', maxBytes: 0, maxQueuedBytes: 1_000_000, workerFile });
}

const write = [{ sql: 'SELECT 1' }];
const isFailed = (error: unknown) => isP2posError(error, 'STORE_FAILED');

for (const [what, then] of Object.entries({
  throws: 'throw new Error("boom")',
  exits: 'process.exit(0)',
  'reports a fatal failure':
    'parentPort.postMessage({ commits: 3, answers: [{ id: 1, failure: { code: "STORE_FAILED", details: { reason: "disk I/O error" }, fatal: true } }] })',
})) {
  test(`a thread that ${what} fails every pending call, tells so, and takes nothing more`, async () => {
    await using thread = await start(then);
    const outcomes = await Promise.allSettled([
      thread.write(write),
      thread.write(write),
      thread.migrate('t', []),
    ]);
    for (const outcome of outcomes) assert.ok(outcome.status === 'rejected' && isFailed(outcome.reason));
    assert.ok(isFailed(thread.failed.reason));
    await assert.rejects(thread.write(write), isFailed);
  });
}

test('a thread that dies before it opened is a typed error', async () => {
  const workerFile = new URL('data:text/javascript,throw new Error("boom")');
  await assert.rejects(
    startThread({ folder: '', newStoreId: '', maxBytes: 0, maxQueuedBytes: 1, workerFile }),
    isFailed,
  );
});

test('a view crosses to the thread without the buffer under it', async () => {
  const answer = '{ commits: requests[0].run.byteLength, answers: [], made: [1, 1, 0] }';
  await using thread = await start(
    `parentPort.postMessage(${answer}); parentPort.once('message', () => process.exit())`,
  );
  await thread.write([{ sql: 'x', params: [new Uint8Array(1_000_000).subarray(7, 17)] }]);
  assert.ok(thread.commits < 64);
});

test('after 2^32 requests it goes on', async () => {
  await using folder = await createTempFolder();
  const config = { folder: folder.path, newStoreId: 'x', maxBytes: 0, maxQueuedBytes: 1_000_000 };
  await using thread = await startThread({ ...config, firstId: 0xffff_fffe });
  await thread.migrate('t', ['CREATE TABLE numbers (n INTEGER)']);
  const insert = (n: number) => thread.write([{ sql: 'INSERT INTO numbers VALUES (?)', params: [n] }]);
  for (let n = 0; n < 3; n++) assert.deepEqual(await insert(n), [{ changes: 1 }]);
  assert.deepEqual(await Promise.all([3, 4].map(insert)), [[{ changes: 1 }], [{ changes: 1 }]]);
});
