/** What honest nodes say to each other: recorded from a small system at work, as bytes of channels and as bodies of calls. */

import { createTestnet } from '../packages/node/src/testing/testnet.ts';
import { FrameReader } from '../packages/protocol/src/rpc/wire/frame.ts';

export interface Traffic {
  /** What arrived on a channel at once. */
  readonly chunks: readonly Uint8Array[];
  /** Of calls and answers that fit one frame. */
  readonly bodies: readonly Uint8Array[];
}

const MAX_CHUNKS = 400;
const MAX_BYTES = 4_096;
let recorded: Promise<Traffic> | undefined;

export function honestTraffic(): Promise<Traffic> {
  recorded ??= record();
  return recorded;
}

async function record(): Promise<Traffic> {
  const chunks = new Map<string, Uint8Array>();
  const push = FrameReader.prototype.push;
  FrameReader.prototype.push = function (this: FrameReader, chunk: Uint8Array) {
    const text = Buffer.from(chunk).toString('base64');
    if (chunk.length <= MAX_BYTES && chunks.size < MAX_CHUNKS) chunks.set(text, chunk.slice());
    push.call(this, chunk);
  };
  try {
    await using net = await createTestnet(4, { members: 3 });
    await net.settle();
    const [first, second] = net.nodes;
    if (!first || !second) throw new Error('there are four');
    const app = 'default';
    for (let i = 0; i < 8; i++) {
      const key = `key ${i}`;
      await net.during(first.kv.put({ app, key, value: new Uint8Array(i * 20) }));
      await net.during(second.kv.get({ app, key, consistency: 'quorum' }));
    }
    await net.during(
      second.records.scanAll({ namespace: 'default/kv', prefix: new Uint8Array(0), limit: 10 }),
    );
    await net.stop(2);
    await net.start(2);
    await net.change((members) => members.slice(0, 2));
    await net.clock.advance(90_000);
  } finally {
    FrameReader.prototype.push = push;
  }
  return { chunks: [...chunks.values()], bodies: bodiesOf([...chunks.values()]) };
}

function bodiesOf(chunks: readonly Uint8Array[]): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (const chunk of chunks) {
    const reader = new FrameReader({
      onFrame: ({ payload }) => void (payload.length > 0 && bodies.push(payload.slice())),
      onLongFrame: (_frame, bytes) => new Uint8Array(bytes),
      onFilled: () => {},
    });
    try {
      reader.push(chunk);
    } catch {
      // It began in the middle of a frame.
    }
  }
  return bodies;
}
