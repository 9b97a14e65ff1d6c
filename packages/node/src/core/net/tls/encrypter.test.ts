import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type {
  ConnectionEncrypter,
  Listener,
  MessageStream,
  MultiaddrConnection,
  Upgrader,
} from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { eventually } from '../../../testing/eventually.ts';
import { createSystemClock } from '../../clock/index.ts';
import { silentLibp2pLogger } from '../silent-logger.ts';
import { createTestIdentity } from '../test-host.ts';
import { tls } from './encrypter.ts';

const upgrader = { getStreamMuxers: () => new Map() } as unknown as Upgrader;

async function encrypterOf(identity: { readonly seed: Uint8Array }): Promise<ConnectionEncrypter> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', identity.seed);
  return tls({ clock: createSystemClock() })({ privateKey, upgrader });
}

/** Two ends of a TCP connection as libp2p has them before encryption. */
async function tcpPair() {
  const transport = tcp()({ logger: silentLibp2pLogger });
  const inbound = Promise.withResolvers<MultiaddrConnection>();
  const listener: Listener = transport.createListener({
    upgrader: {
      upgradeInbound: async (connection: MultiaddrConnection) => inbound.resolve(connection),
    } as unknown as Upgrader,
  });
  await listener.listen(multiaddr('/ip4/127.0.0.1/tcp/0'));
  let outbound: MultiaddrConnection | undefined;
  const [address] = listener.getAddrs();
  assert.ok(address);
  await transport.dial(address, {
    signal: AbortSignal.timeout(5_000),
    upgrader: {
      upgradeOutbound: async (connection: MultiaddrConnection) => {
        outbound = connection;
      },
    } as unknown as Upgrader,
  });
  assert.ok(outbound);
  return { client: outbound, server: await inbound.promise, [Symbol.asyncDispose]: () => listener.close() };
}

function gather(stream: MessageStream): () => string {
  let text = '';
  stream.addEventListener('message', ({ data }) => {
    text += new TextDecoder().decode(data.subarray());
  });
  return () => text;
}

test('TLS runs on the socket itself, and takes over what was read before', async () => {
  await using pair = await tcpPair();
  const [mine, theirs] = [createTestIdentity(), createTestIdentity()];
  const dialling = (await encrypterOf(mine)).secureOutbound(pair.client, {
    remotePeer: peerIdFromString(theirs.peerId),
  });
  // The client's hello is in the hands of libp2p before the server begins.
  await eventually(() => assert.ok(pair.server.readBufferLength > 100));
  const [client, server] = await Promise.all([
    dialling,
    (await encrypterOf(theirs)).secureInbound(pair.server),
  ]);
  assert.equal(client.remotePeer.toString(), theirs.peerId);
  assert.equal(server.remotePeer.toString(), mine.peerId);
  for (const connection of [pair.client, pair.server]) assert.equal(connection.listenerCount('message'), 0);
  const [atClient, atServer] = [gather(client.connection), gather(server.connection)];
  client.connection.send(new TextEncoder().encode('to the server'));
  server.connection.send(new TextEncoder().encode('to the client'));
  await eventually(() => assert.deepEqual([atClient(), atServer()], ['to the client', 'to the server']));
  // What was sent arrives before the end.
  client.connection.send(new TextEncoder().encode(', goodbye'));
  await client.connection.close();
  await eventually(() => assert.equal(atServer(), 'to the server, goodbye'));
  await eventually(() => assert.equal(pair.server.status, 'closed'));
});

test('another peer than the expected one, and one without certificate, are refused', async () => {
  await using pair = await tcpPair();
  const [mine, theirs, wanted] = [createTestIdentity(), createTestIdentity(), createTestIdentity()];
  const results = await Promise.allSettled([
    (await encrypterOf(mine)).secureOutbound(pair.client, { remotePeer: peerIdFromString(wanted.peerId) }),
    (await encrypterOf(theirs)).secureInbound(pair.server),
  ]);
  assert.equal(results[0].status, 'rejected');
  assert.equal(results[0].status === 'rejected' && results[0].reason.name, 'UnexpectedPeerError');
  await eventually(() => assert.notEqual(pair.server.status, 'open'));
});

test('a signal ends a handshake that goes nowhere', async () => {
  await using pair = await tcpPair();
  const reason = new Error('enough');
  const controller = new AbortController();
  const securing = (await encrypterOf(createTestIdentity())).secureInbound(pair.server, {
    signal: controller.signal,
  });
  setImmediate(() => controller.abort(reason));
  await assert.rejects(securing, reason);
  assert.equal(pair.server.status, 'aborted');
});
