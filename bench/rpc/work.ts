/** What both processes of the benchmark agree on. */
import { randomBytes } from 'node:crypto';
import { peerIdFromPublicKey } from '@p2pos/protocol';
import { z } from 'zod';
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { createNet, type Libp2pNetConfig, type Net } from '../../packages/node/src/core/net/index.ts';
import { createSystemRandom } from '../../packages/node/src/core/random/index.ts';
import { defineCapability } from '../../packages/node/src/core/rpc/index.ts';
import { instantSigner } from '../../packages/node/src/testing/instant-crypto.ts';

const bytes = z.instanceof(Uint8Array);

export const work = defineCapability('/p2pos/bench/1.0.0', {
  echo: {
    id: 1,
    input: z.object({ key: z.string(), value: bytes }),
    output: z.object({ key: z.string(), value: bytes }),
  },
  store: {
    id: 2,
    input: z.object({ value: bytes }),
    output: z.null(),
    cost: 'bulk',
    maxBodyBytes: 2 * 1_048_576,
  },
});

/** One stream per call, over the same net. */
export const STREAM_ECHO = '/p2pos/bench-stream/1.0.0';
/** Takes bytes, answers one byte per {@link ACK_BYTES}. */
export const SINK = '/p2pos/bench-sink/1.0.0';

/** Bodies of 256 bytes: 11 of CBOR around them. */
export const MESSAGE_BYTES = 256;
export const BULK_BYTES = 1_048_576;
export const ACK_BYTES = 1_048_576;
export const CHUNK_BYTES = 65_536;

export interface ServerReady {
  readonly tlsPort: number;
  readonly addresses: readonly string[];
}

export async function createBenchNet(config: Partial<Libp2pNetConfig> = {}): Promise<Net> {
  const seed = new Uint8Array(randomBytes(32));
  const peerId = peerIdFromPublicKey(instantSigner(seed).publicKey);
  return createNet(
    {
      identity: { peerId, seed },
      clock: createSystemClock(),
      random: createSystemRandom(),
      log: silentLogger,
    },
    {
      listen: [],
      admit: () => true,
      limits: { maxStreamsPerProtocol: 512, maxStreamsPerConnection: 1_024 },
      ...config,
    },
  );
}

/** Counts bytes; calls `ack` for each full {@link ACK_BYTES}. */
export function ackCounter(ack: (count: number) => void): (byteCount: number) => void {
  let unacknowledged = 0;
  return (byteCount) => {
    unacknowledged += byteCount;
    const full = Math.floor(unacknowledged / ACK_BYTES);
    if (full === 0) return;
    unacknowledged -= full * ACK_BYTES;
    ack(full);
  };
}

/** Cuts a byte stream into messages with a 4-byte length before each. */
export function messageReader(onMessage: (message: Uint8Array) => void): (chunk: Uint8Array) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const buffer =
      rest.length > 0
        ? Buffer.concat([rest, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (buffer.length - at >= 4) {
      const length = buffer.readUInt32BE(at);
      if (buffer.length - at - 4 < length) break;
      onMessage(buffer.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    rest = buffer.subarray(at);
  };
}

/** The same for long messages: each is gathered in memory of its own. */
export function bodyReader(onBody: (body: Uint8Array) => void): (chunk: Uint8Array) => void {
  let head = Buffer.alloc(0);
  let body: Buffer | undefined;
  let have = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (!body) {
        const rest = chunk.subarray(at, at + 4 - head.length);
        at += rest.length;
        head = Buffer.concat([head, rest]);
        if (head.length < 4) return;
        body = Buffer.allocUnsafeSlow(head.readUInt32BE());
        head = Buffer.alloc(0);
        have = 0;
      }
      const piece = chunk.subarray(at, at + body.length - have);
      body.set(piece, have);
      have += piece.length;
      at += piece.length;
      if (have < body.length) return;
      onBody(body);
      body = undefined;
    }
  };
}

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + message.length);
  frame.writeUInt32BE(message.length);
  frame.set(message, 4);
  return frame;
}
