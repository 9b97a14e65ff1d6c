/** Machines on one network that know no address of each other: mDNS, with real multicast between network namespaces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { startMachinesSystem } from './chaos/machines-system.ts';
import { missingForNamespaces } from './namespaces/spaces.ts';

interface Status {
  readonly connected?: number;
}

test('nodes on one network find each other by mDNS in less than two seconds', {
  timeout: 300_000,
  skip: missingForNamespaces() ?? false,
}, async (t) => {
  const withoutAddresses = (toml: string) =>
    toml.replace(/init_connections = \[[^\]]*\]/, 'init_connections = []');
  await using system = await startMachinesSystem(3, { settings: withoutAddresses, started: false });
  const connected = async (i: number) => ((await system.ask(i, '/v1/network/status')) as Status).connected;
  system.start(0);
  system.start(1);
  for (const i of [0, 1])
    await eventually(async () => assert.equal(await connected(i), 1), { timeoutMs: 30_000 });
  system.start(2);
  let servesAt = 0;
  await eventually(
    async () => {
      const count = await connected(2);
      if (count !== undefined) servesAt ||= performance.now();
      assert.equal(count, 2);
    },
    { timeoutMs: 30_000, everyMs: 20 },
  );
  const tookMs = Math.round(performance.now() - servesAt);
  t.diagnostic(`from when its door answered to connections with both others: ${tookMs} ms`);
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
});
