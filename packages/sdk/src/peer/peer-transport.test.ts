import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '@p2pos/protocol/rpc';
import { connect } from '../connect.ts';
import { createManualTiming } from '../testing/manual-timing.ts';
import { RECEIPT, settle } from '../testing/played-network.ts';
import { createPeerTransport, type PeerTransportDeps } from './peer-transport.ts';

const GATEWAYS = ['one', 'two', 'three'] as unknown as readonly PeerId[];

/** Members of which the first takes calls and answers none. */
function setUp(via?: PeerId) {
  const asked: PeerId[] = [];
  const call = (
    peerId: PeerId,
    _: unknown,
    __: unknown,
    ___: unknown,
    { signal }: { signal: AbortSignal },
  ) => {
    asked.push(peerId);
    if (peerId !== GATEWAYS[0]) return Promise.resolve({ output: RECEIPT });
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  };
  const rpc = { call } as unknown as PeerTransportDeps['rpc'];
  const timing = createManualTiming();
  const transport = createPeerTransport({ rpc, systemId: 's', gateways: () => GATEWAYS }, { via });
  return { asked, timing, client: connect({ transport, timing }) };
}

test('a member that fell silent is left, within the call and by the next', async () => {
  const { asked, timing, client } = setUp();
  const answer = client.kv.put('a', 'x', { timeoutMs: 4_000 });
  await settle();
  assert.equal(await timing.next(), 2_000);
  await timing.next();
  await answer;
  await client.kv.put('b', 'x');
  assert.deepEqual(asked, ['one', 'two', 'two']);
  assert.equal(timing.pending(), 0);
});

test('calls that fail there together go to the next one together', async () => {
  const { asked, timing, client } = setUp();
  const answers = ['a', 'b', 'c'].map((key) => client.kv.put(key, 'x', { timeoutMs: 4_000 }));
  await settle();
  while (timing.pending() > 0) await timing.next();
  await Promise.all(answers);
  assert.deepEqual(asked, ['one', 'one', 'one', 'two', 'two', 'two']);
});

test('a call that could not be repeated leaves it too', async () => {
  const { asked, timing, client } = setUp();
  const answer = assert.rejects(client.kv.put('a', 'x', { repeat: 'never', timeoutMs: 4_000 }), {
    code: 'TIMEOUT',
  });
  await settle();
  assert.equal(await timing.next(), 4_000);
  await answer;
  await client.kv.put('b', 'x');
  assert.deepEqual(asked, ['one', 'two']);
});

test('where one member alone is to be asked it has all of the time', async () => {
  const { asked, timing, client } = setUp(GATEWAYS[0]);
  const answer = assert.rejects(client.kv.put('a', 'x', { timeoutMs: 40_000 }), { code: 'TIMEOUT' });
  await settle();
  assert.equal(await timing.next(), 40_000);
  await answer;
  assert.deepEqual(asked, ['one']);
});
