/** What strangers do to the port. After each the node serves on, and has let go of the connection. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import * as nodeTls from 'node:tls';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { eventually } from '../../testing/eventually.ts';
import type { Net } from './index.ts';
import { createTestHost, createTestIdentity, echo, soon } from './test-host.ts';
import { createCertificate } from './tls/certificate.ts';
import { DATA, encodeHeader, GO_AWAY, PING, SYN, WINDOW_UPDATE } from './yamux/frame.ts';

const HANDSHAKE_TIMEOUT_MS = 400;
let node: Net;
let port: number;

before(async () => {
  node = await createTestHost({ limits: { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS, maxHandshakes: 16 } });
  port = Number(/tcp\/(\d+)/.exec(node.addresses()[0] ?? '')?.[1]);
});
after(() => node[Symbol.asyncDispose]());

async function knock(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Resolves once the node has closed it. */
function closed(socket: Socket | nodeTls.TLSSocket): Promise<void> {
  socket.resume();
  return socket.destroyed
    ? Promise.resolve()
    : new Promise((resolve) => socket.once('close', () => resolve()));
}

async function servesOn(): Promise<void> {
  await using friend = await createTestHost({ listen: [] });
  await friend.dial(node.addresses(), { signal: soon() });
  assert.deepEqual(await echo(friend, node.peerId, Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2, 3));
  await friend.hangUp(node.peerId);
  await eventually(() => assert.deepEqual(node.connections(), []));
}

/** A message of multistream-select: length, text, newline. */
const mss = (text: string) => Buffer.concat([Uint8Array.of(text.length + 1), Buffer.from(`${text}\n`)]);
const HELLO = mss('/multistream/1.0.0');

const openings: readonly { readonly name: string; readonly bytes: readonly Uint8Array[] }[] = [
  { name: 'random bytes', bytes: [randomBytes(100_000)] },
  { name: 'an http request', bytes: [Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')] },
  {
    name: 'a TLS hello where none is expected',
    bytes: [Buffer.from('16030102000100', 'hex'), randomBytes(600)],
  },
  { name: 'an endless length', bytes: [Buffer.alloc(50_000, 0xff)] },
  { name: 'an unknown encryption', bytes: [HELLO, mss('/none/1.0.0')] },
  { name: 'TLS chosen, then random bytes', bytes: [HELLO, mss('/tls/1.0.0'), randomBytes(50_000)] },
  { name: 'noise chosen, then random bytes', bytes: [HELLO, mss('/noise'), randomBytes(50_000)] },
];
for (const { name, bytes } of openings) {
  test(`a stranger sends ${name}`, async () => {
    const socket = await knock();
    for (const chunk of bytes) socket.write(chunk);
    await closed(socket);
    await servesOn();
  });
}

test('a stranger sends nothing at all, and half a handshake', async () => {
  const silent = await Promise.all(Array.from({ length: 10 }, knock));
  const half = await knock();
  half.write(HELLO);
  half.write(mss('/tls/1.0.0'));
  half.write(Buffer.from('1603010200', 'hex'));
  const slow = await knock();
  slow.write(HELLO.subarray(0, 5));
  await servesOn();
  await Promise.all([...silent, half, slow].map(closed));
});

test('more silent strangers than handshakes may run at once are refused; later all is as before', async () => {
  const strangers = await Promise.all(Array.from({ length: 40 }, knock));
  await Promise.all(strangers.map(closed));
  await servesOn();
});

test('strangers that come and go at every moment of the handshake', async () => {
  const whole = Buffer.concat([HELLO, mss('/tls/1.0.0'), randomBytes(64)]);
  for (let length = 0; length < whole.length; length += 3) {
    const socket = await knock();
    socket.write(whole.subarray(0, length));
    if (length % 2 === 0) socket.destroy();
    else socket.resetAndDestroy();
  }
  await servesOn();
});

/** A stranger with a good key that has negotiated TLS and speaks yamux itself. */
async function insider(): Promise<nodeTls.TLSSocket> {
  const socket = await knock();
  socket.write(Buffer.concat([HELLO, mss('/tls/1.0.0')]));
  for (let got = 0; got < HELLO.length + mss('/tls/1.0.0').length; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    got += chunk.length;
  }
  socket.removeAllListeners('data');
  const { seed } = createTestIdentity();
  const certificate = await createCertificate(await generateKeyPairFromSeed('Ed25519', seed));
  const secure = nodeTls.connect({
    socket,
    ...certificate,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['/yamux/1.0.0'],
  });
  secure.on('error', () => {});
  await once(secure, 'secureConnect');
  assert.equal(secure.alpnProtocol, '/yamux/1.0.0');
  return secure;
}

const insiders: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: 'random bytes', bytes: Uint8Array.of(7, ...randomBytes(5_000)) },
  {
    name: 'a frame of 4 GiB',
    bytes: encodeHeader({ type: DATA, flags: SYN, streamId: 1, length: 0xffff_ffff }),
  },
  {
    name: 'more than its window',
    bytes: encodeHeader({ type: DATA, flags: SYN, streamId: 1, length: 300_000 }),
  },
  {
    name: 'a stream with an id of ours',
    bytes: encodeHeader({ type: DATA, flags: SYN, streamId: 2, length: 0 }),
  },
  {
    name: 'a stream twice',
    bytes: Buffer.concat(
      [0, 0].map((length) => encodeHeader({ type: WINDOW_UPDATE, flags: SYN, streamId: 1, length })),
    ),
  },
  {
    name: 'windows without end',
    bytes: Buffer.concat(
      [SYN, 0].map((flags) => encodeHeader({ type: WINDOW_UPDATE, flags, streamId: 1, length: 0xffff_ff00 })),
    ),
  },
  { name: 'a ping on a stream', bytes: encodeHeader({ type: PING, flags: SYN, streamId: 1, length: 0 }) },
  { name: 'that it goes away', bytes: encodeHeader({ type: GO_AWAY, flags: 0, streamId: 0, length: 0 }) },
];
for (const { name, bytes } of insiders) {
  test(`a stranger with a key sends ${name}`, async () => {
    const socket = await insider();
    socket.write(bytes);
    await closed(socket);
    await servesOn();
  });
}

test('a stranger with a key opens a thousand streams and resets them', async () => {
  const socket = await insider();
  const frames: Uint8Array[] = [];
  for (let streamId = 1; streamId < 2_000; streamId += 2) {
    frames.push(encodeHeader({ type: WINDOW_UPDATE, flags: SYN, streamId, length: 0 }));
    if (streamId % 4 === 1) frames.push(encodeHeader({ type: WINDOW_UPDATE, flags: 8, streamId, length: 0 }));
  }
  socket.write(Buffer.concat(frames));
  await servesOn2(socket);
});

test('a stranger with a key pings without reading the answers', async () => {
  const socket = await insider();
  socket.pause();
  const pings = Buffer.concat(
    Array.from({ length: 5_000 }, (_, length) =>
      encodeHeader({ type: PING, flags: SYN, streamId: 0, length }),
    ),
  );
  // Kernel buffers take some megabytes; then the node must give the stranger up rather than remember answers.
  const gone = closed(socket);
  socket.pause();
  let drained = Promise.withResolvers<void>();
  socket.on('drain', () => drained.resolve());
  for (let written = 0; !socket.destroyed; written += pings.length) {
    assert.ok(written < 400 * 1_048_576, 'the node still takes pings');
    if (socket.write(pings)) continue;
    await Promise.race([drained.promise, gone]);
    drained = Promise.withResolvers<void>();
  }
  await servesOn();
});

/** As `servesOn`, while the stranger is still there. */
async function servesOn2(socket: nodeTls.TLSSocket): Promise<void> {
  await using friend = await createTestHost({ listen: [] });
  await friend.dial(node.addresses(), { signal: soon() });
  assert.deepEqual(await echo(friend, node.peerId, Uint8Array.of(1)), Uint8Array.of(1));
  socket.destroy();
  await friend.hangUp(node.peerId);
  await eventually(() => assert.deepEqual(node.connections(), []));
}
