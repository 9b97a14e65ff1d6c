/** Half a minute of requests made from the OpenAPI document; `npm run fuzz -- http --seconds 600` is the long run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzHttp } from '../../fuzz/http/index.ts';

test('the OpenAPI document is sound, and every answer is as it says: no 500, nothing undescribed', {
  timeout: 300_000,
}, async (t) => {
  const report = await fuzzHttp({ seconds: 30, say: () => {} });
  if ('skipped' in report) return t.skip(report.skipped);
  assert.ok(!report.failed, report.output);
});
