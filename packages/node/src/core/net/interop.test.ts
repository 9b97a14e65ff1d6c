/** Our TLS and yamux beside those of js-libp2p, both ways: the same on the wire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { tls } from '@libp2p/tls';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { Net } from './index.ts';
import { createTestHost, ECHO, echo, soon, TCP } from './test-host.ts';

const BODY = Uint8Array.from({ length: 2_000_000 }, (_, index) => (index * 13) >>> 2);

async function stockHost(encryption: 'tls' | 'noise', listen: string) {
  const host = await createLibp2p({
    addresses: { listen: [listen] },
    transports: [tcp(), webSockets()],
    connectionEncrypters: [encryption === 'tls' ? tls() : noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });
  await host.handle(ECHO, async (stream) => {
    for await (const bytes of stream) {
      if (!stream.send(bytes))
        await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }));
    }
    await stream.close();
  });
  return { host, [Symbol.asyncDispose]: async () => host.stop() };
}
type Stock = Awaited<ReturnType<typeof stockHost>>['host'];

/** The stock host sends the body to ours and gathers the echo. */
async function stockEcho(host: Stock, ours: Net): Promise<Uint8Array> {
  const stream = await host.dialProtocol(
    ours.addresses().map((address) => multiaddr(address)),
    ECHO,
    { signal: soon() },
  );
  const chunks: Uint8Array[] = [];
  let have = 0;
  const whole = new Promise<void>((resolve) => {
    stream.addEventListener('message', ({ data }) => {
      chunks.push(data.subarray());
      have += data.byteLength;
      if (have === BODY.length) resolve();
    });
  });
  for (let at = 0; at < BODY.length; at += 50_000) {
    if (stream.send(BODY.subarray(at, at + 50_000))) continue;
    await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }));
  }
  await whole;
  await stream.close();
  return Buffer.concat(chunks);
}

for (const encryption of ['tls', 'noise'] as const) {
  for (const listen of [TCP, `${TCP}/ws`]) {
    test(`js-libp2p and ours understand each other: ${encryption} on ${listen}`, async () => {
      await using stock = await stockHost(encryption, listen);
      await using dials = await createTestHost({ listen: [] });
      await dials.dial(stock.host.getMultiaddrs().map(String), { signal: soon() });
      assert.equal(dials.connections()[0]?.encryption, encryption);
      assert.equal(Buffer.compare(await echo(dials, stock.host.peerId.toString(), BODY), BODY), 0);

      await using listens = await createTestHost({ listen: [listen] });
      assert.equal(Buffer.compare(await stockEcho(stock.host, listens), BODY), 0);
      assert.deepEqual(
        await echo(listens, stock.host.peerId.toString(), BODY.subarray(0, 9)),
        BODY.slice(0, 9),
      );
    });
  }
}

test('identify and ping are answered to anyone', async () => {
  await using ours = await createTestHost({ admit: () => false });
  await using stock = await stockHost('tls', TCP);
  const connection = await stock.host.dial(ours.addresses().map((address) => multiaddr(address)));
  for (const protocol of ['/ipfs/id/1.0.0', '/ipfs/ping/1.0.0']) {
    const stream = await connection.newStream(protocol);
    assert.equal(stream.protocol, protocol);
    stream.abort(new Error('seen'));
  }
});
