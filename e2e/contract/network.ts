/** Every operation on the network and its meeting places, there and back. */
import assert from 'node:assert/strict';
import { networkRoutes, rendezvousRoutes } from '@p2pos/protocol';
import type { Call } from '@p2pos/sdk';

export const NETWORK_CASES: Record<string, (call: Call) => Promise<void>> = {
  async 'network.status'(call) {
    assert.equal((await call(networkRoutes.status, {})).state, 'healthy');
  },
  async 'network.peers'(call) {
    assert.deepEqual((await call(networkRoutes.peers, {})).peers, []);
  },
  async 'network.connect'(call) {
    const address = '/ip4/192.0.2.1/tcp/4100';
    assert.equal((await call(networkRoutes.connect, { body: { address } })).address, address);
    await assert.rejects(call(networkRoutes.connect, { body: { address: 'x' } }), {
      code: 'ADDRESS_INVALID',
    });
  },
  async 'network.disconnect'(call) {
    const answer = await call(networkRoutes.disconnect, { body: { peer: '12D3', holdMs: 0 } });
    assert.deepEqual(answer, { peerId: '12D3', closed: 1, heldUntil: null });
    await assert.rejects(call(networkRoutes.disconnect, { body: { peer: '12D3', holdMs: -1 } }), {
      code: 'BAD_REQUEST',
    });
  },
  async 'network.invite'(call) {
    const addresses = ['/ip4/192.0.2.1/tcp/4100/p2p/12D3'];
    assert.deepEqual((await call(networkRoutes.invite, { body: { addresses } })).addresses, addresses);
  },
  async 'rendezvous.register'(call) {
    const body = { addresses: ['203.0.113.7:9000'], data: Uint8Array.of(0, 255) };
    const receipt = await call(rendezvousRoutes.register, {
      namespace: 'chat/lobby',
      name: 'anna',
      ttlMs: 60_000,
      body,
    });
    assert.deepEqual([receipt.namespace, receipt.members, receipt.nodes], ['chat/lobby', 1, 2]);
    const { registrations } = await call(rendezvousRoutes.discover, { namespace: 'chat/lobby' });
    assert.deepEqual(registrations[0]?.data, body.data);
    await assert.rejects(call(rendezvousRoutes.register, { namespace: 'a b', name: 'x', body }), {
      code: 'RENDEZVOUS_NAME_INVALID',
    });
  },
  async 'rendezvous.withdraw'(call) {
    const where = { namespace: 'n', name: 'x' };
    assert.deepEqual(await call(rendezvousRoutes.withdraw, where), { existed: false });
    await call(rendezvousRoutes.register, { ...where, body: { addresses: [] } });
    assert.deepEqual(await call(rendezvousRoutes.withdraw, where), { existed: true });
  },
  async 'rendezvous.discover'(call) {
    for (const name of ['a', 'b'])
      await call(rendezvousRoutes.register, { namespace: 'n', name, body: { addresses: ['/memory/1'] } });
    const page = await call(rendezvousRoutes.discover, { namespace: 'n', limit: 1 });
    assert.deepEqual([page.registrations.length, page.more], [1, true]);
  },
};
