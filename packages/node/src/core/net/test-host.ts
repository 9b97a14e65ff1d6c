/** Real hosts on loopback, for the tests of this folder and of rpc. */
import { randomBytes } from 'node:crypto';
import { peerIdFromPublicKey } from '@p2pos/protocol';
import type { Channel } from '@p2pos/protocol/rpc';
import { instantSigner } from '../../testing/instant-crypto.ts';
import { createSystemClock } from '../clock/index.ts';
import { type Logger, silentLogger } from '../log/index.ts';
import { createSystemRandom } from '../random/index.ts';
import { createNet, type Libp2pNetConfig } from './libp2p-net.ts';
import type { Net } from './port.ts';

export const TCP = '/ip4/127.0.0.1/tcp/0';
export const ECHO = '/p2pos/test-echo/1.0.0';
export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

export function createTestIdentity(): { readonly peerId: string; readonly seed: Uint8Array } {
  const seed = new Uint8Array(randomBytes(32));
  return { peerId: peerIdFromPublicKey(instantSigner(seed).publicKey), seed };
}

export interface TestHostConfig extends Partial<Libp2pNetConfig> {
  readonly identity?: { readonly peerId: string; readonly seed: Uint8Array };
  readonly log?: Logger;
}

/** A started host that listens on tcp and echoes what comes on {@link ECHO}. */
export async function createTestHost({
  identity = createTestIdentity(),
  log = silentLogger,
  ...config
}: TestHostConfig = {}): Promise<Net> {
  const net = await createNet(
    { identity, clock: createSystemClock(), random: createSystemRandom(), log },
    { listen: [TCP], admit: () => true, ...config },
  );
  net.handle(ECHO, (channel) => {
    channel.receive(
      (chunk) => channel.send(chunk),
      () => channel.close(),
    );
  });
  await net.start();
  return net;
}

/** Sends the bytes and resolves with the first that many that come back. */
export async function echo(
  net: Net,
  peerId: string,
  bytes: Uint8Array,
  protocol = ECHO,
): Promise<Uint8Array> {
  const channel = await net.open(peerId, protocol, { signal: soon() });
  const back = collect(channel, bytes.length);
  // Where sending fails first, that is what the caller hears.
  back.catch(() => {});
  for (let at = 0; at < bytes.length; at += 65_536) {
    if (!channel.send(bytes.subarray(at, at + 65_536))) await channel.drained();
  }
  const result = await back;
  channel.close();
  return result;
}

/** The first `length` bytes that arrive; rejects when the channel ends before. */
export function collect(channel: Channel, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let have = 0;
  return new Promise((resolve, reject) => {
    channel.receive(
      (chunk) => {
        chunks.push(chunk);
        have += chunk.length;
        if (have >= length) resolve(new Uint8Array(Buffer.concat(chunks)));
      },
      (error) => reject(error ?? new Error('the channel ended early')),
    );
  });
}
