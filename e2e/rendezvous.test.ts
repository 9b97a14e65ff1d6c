/** Rendezvous through real processes: registered on one node, found on others, by p2pctl and the SDK. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { startDev } from './harness.ts';

test('p2pctl registers a name on one node; the others find it over TLS, until it is withdrawn', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  const words = ['rendezvous', 'register', 'chat/lobby', 'anna'];
  await eventually(
    async () => (await dev.p2pctl(...words, '--address', '203.0.113.7:9000', '--data', 'hi')).code === 0,
    { timeoutMs: 30_000 },
  );
  await using client = dev.client(2);
  const { registrations } = await client.rendezvous.discover('chat/lobby');
  assert.deepEqual(
    registrations.map(({ name, addresses, data }) => [name, addresses, new TextDecoder().decode(data)]),
    [['anna', ['203.0.113.7:9000'], 'hi']],
  );
  await client.rendezvous.register('chat/lobby', 'bert', { addresses: [], ttlMs: 60_000 });
  const list = await dev.p2pctl('rendezvous', 'discover', 'chat/lobby', '--json', '--node', '1');
  const found = JSON.parse(list.stdout) as { readonly registrations: readonly { readonly name: string }[] };
  assert.deepEqual(found.registrations.map(({ name }) => name).sort(), ['anna', 'bert']);
  assert.equal((await dev.p2pctl('rendezvous', 'withdraw', 'chat/lobby', 'anna')).code, 0);
  const left = await client.rendezvous.discover('chat/lobby');
  assert.deepEqual(
    left.registrations.map(({ name }) => name),
    ['bert'],
  );
  const refused = await dev.p2pctl('rendezvous', 'register', 'a b', 'x');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /letters, digits/);
});
