/** A member behind a router that speaks UPnP, in network namespaces: others dial it, and it needs no relay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { missingForNamespaces } from '../namespaces/spaces.ts';
import { startMembers } from '../nat/members.ts';

test('a node behind a port-restricted NAT is reached directly by ports that its router was asked for', {
  skip: missingForNamespaces() ?? false,
  timeout: 240_000,
}, async (t) => {
  await using system = await startMembers(['open', 'open', 'open', 'port-restricted'], { upnp: [3] });
  const startedAt = performance.now();
  for (const i of [0, 1, 2, 3]) system.start(i);
  await eventually(
    async () => {
      const { reach } = await system.status(3);
      assert.equal(reach?.portMapping.state, 'mapped', JSON.stringify(reach));
      assert.equal(reach?.view, 'public', JSON.stringify(reach));
      assert.ok(reach?.portMapping.addresses.some((address) => address.startsWith('/ip4/203.0.113.13/tcp/')));
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
  t.diagnostic(`reached directly ${Math.round(performance.now() - startedAt)} ms after the processes began`);
  const [address] = (await system.status(3)).reach?.portMapping.addresses ?? [];
  const peerId = system.peerId(3);
  await system.ask(0, 'POST', '/v1/network/disconnect', JSON.stringify({ peer: peerId, holdMs: 0 }));
  const connected = await system.ask<{ peerId: string }>(
    0,
    'POST',
    '/v1/network/connect',
    JSON.stringify({ address: `${address}/p2p/${peerId}` }),
  );
  assert.equal(connected.peerId, peerId, JSON.stringify(connected));
  const text = await system.ask<string>(3, 'GET', '/metrics');
  assert.match(text, /^p2pos_mapped_ports [1-9]/m);
});
