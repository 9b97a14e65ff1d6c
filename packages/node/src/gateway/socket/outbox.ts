/** What goes out on one socket: frames of one turn of the event loop leave together, and senders learn when it is full. */
import type { WebSocket } from 'ws';
import type { OutgoingFrame, SharedFrame, SocketCodec } from './codec.ts';

export interface Outbox {
  send(frame: OutgoingFrame): void;
  /** Whether the client takes less than it is sent. */
  isFull(): boolean;
  /** Resolves when there is room again or the socket is gone; several may wait, so look again. */
  room(): Promise<void>;
  /** Sends what waits, at once. */
  flush(): void;
}

/** Of one turn; a stream that has more at once waits for the next, so that nobody is kept waiting by it. */
const MAX_FRAMES = 1_024;
/** What a frame weighs besides its bytes. */
const FRAME_BYTES = 64;

/** What `ws` needs of a stream below it. */
interface Corkable {
  cork(): void;
  uncork(): void;
}

export function createOutbox(
  socket: WebSocket,
  codec: SocketCodec,
  { highWaterBytes, stream }: { readonly highWaterBytes: number; readonly stream: Corkable },
): Outbox {
  let frames: OutgoingFrame[] = [];
  let bytes = 0;
  let waiting: PromiseWithResolvers<void> | undefined;

  function isFull(): boolean {
    // One that closes takes nothing; the wait ends with it.
    if (socket.readyState !== socket.OPEN) return socket.readyState !== socket.CLOSED;
    return frames.length >= MAX_FRAMES || bytes + socket.bufferedAmount > highWaterBytes;
  }

  function release(): void {
    if (!waiting || isFull()) return;
    waiting.resolve();
    waiting = undefined;
  }

  function flush(): void {
    const batch = frames;
    if (batch.length === 0) return;
    frames = [];
    bytes = 0;
    if (socket.readyState !== socket.OPEN) return;
    stream.cork();
    for (const message of codec.encode(batch)) socket.send(message, release);
    stream.uncork();
    release();
  }

  socket.once('close', () => {
    waiting?.resolve();
    waiting = undefined;
  });
  return {
    isFull,
    flush,
    send(frame) {
      if (socket.readyState !== socket.OPEN) return;
      frames.push(frame);
      bytes += FRAME_BYTES + weigh(frame);
      if (frames.length === 1) setImmediate(flush);
    },
    room() {
      if (!isFull()) return Promise.resolve();
      waiting ??= Promise.withResolvers();
      return waiting.promise;
    },
  };
}

/** Of what is long in a frame: bytes and texts, also those of an answer. */
function weigh(value: object, depth = 0): number {
  if ('shared' in value) return (value as SharedFrame).shared.length;
  let sum = 0;
  for (const field of Object.values(value) as unknown[]) {
    if (typeof field === 'string') sum += field.length;
    else if (field instanceof Uint8Array) sum += field.length;
    else if (typeof field === 'object' && field !== null && depth < 2) sum += weigh(field, depth + 1);
  }
  return sum;
}
