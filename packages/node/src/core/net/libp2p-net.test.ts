import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { peerIdFromPublicKey } from '@p2pos/protocol';
import { eventually } from '../../testing/eventually.ts';
import { instantSigner } from '../../testing/instant-crypto.ts';
import { createSystemClock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { createSystemRandom } from '../random/index.ts';
import { createNet, type Libp2pNetConfig, type Net } from './index.ts';

const clock = createSystemClock();
const soon = () => AbortSignal.timeout(10_000);
const bytes = (text: string) => new TextEncoder().encode(text);
const TCP = '/ip4/127.0.0.1/tcp/0';

async function host(config: Partial<Libp2pNetConfig> = {}): Promise<Net> {
  const seed = new Uint8Array(randomBytes(32));
  const peerId = peerIdFromPublicKey(instantSigner(seed).publicKey);
  const net = await createNet(
    { identity: { peerId, seed }, clock, random: createSystemRandom(), log: silentLogger },
    { listen: [TCP], admit: () => true, ...config },
  );
  net.handle('/echo/1', (channel) => {
    channel.receive(
      (chunk) => channel.send(chunk),
      () => channel.close(),
    );
  });
  await net.start();
  return net;
}

/** Sends the text and waits for it to come back. */
async function echo(net: Net, peerId: string, text = 'hello'): Promise<void> {
  const channel = await net.open(peerId, '/echo/1', { signal: soon() });
  const back = Promise.withResolvers<void>();
  let got = '';
  channel.receive(
    (chunk) => {
      got += new TextDecoder().decode(chunk);
      if (got.length === text.length) back.resolve();
    },
    (error) => back.reject(error ?? new Error('ended early')),
  );
  channel.send(bytes(text));
  await back.promise;
  assert.equal(got, text);
  channel.close();
}

const ways = [
  { name: 'tcp and tls', config: {}, transport: 'tcp', encryption: 'tls' },
  { name: 'tcp and noise', config: { encryption: ['noise'] }, transport: 'tcp', encryption: 'noise' },
  {
    name: 'quic',
    config: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transport: 'quic',
    encryption: 'tls',
  },
  { name: 'websockets', config: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] }, transport: 'ws', encryption: 'tls' },
] as const;

for (const { name, config, transport, encryption } of ways) {
  test(`nodes meet over ${name}`, async () => {
    await using a = await host(config);
    await using b = await host({ listen: [] });
    const met: string[] = [];
    a.events.on('peer:connected', (peerId) => met.push(peerId));
    assert.equal(await b.dial(a.addresses(), { signal: soon() }), a.peerId);
    await echo(b, a.peerId);
    await eventually(() => assert.deepEqual(met, [b.peerId]));
    const [connection] = b.connections();
    assert.equal(connection?.transport, transport);
    assert.equal(connection?.encryption, encryption);
    assert.equal(connection?.direction, 'outbound');
    assert.equal(a.connections()[0]?.direction, 'inbound');
  });
}
