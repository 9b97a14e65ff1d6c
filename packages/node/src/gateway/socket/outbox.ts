/** What goes out on one socket: frames of one turn of the event loop leave together, and senders learn when it is full. */
import type { ServerFrame } from '@p2pos/protocol';
import type { WebSocket } from 'ws';
import type { SocketCodec } from './codec.ts';

export interface Outbox {
  send(frame: ServerFrame): void;
  /** Whether the client takes less than it is sent. */
  isFull(): boolean;
  /** Resolves when there is room again or the socket is gone. */
  room(): Promise<void>;
  /** Sends what waits, at once. */
  flush(): void;
}

/** Of one turn; a stream that has more at once waits for the next, so that nobody is kept waiting by it. */
const MAX_FRAMES = 256;

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
  let frames: ServerFrame[] = [];
  let waiting: PromiseWithResolvers<void> | undefined;
  const isFull = () =>
    socket.readyState === socket.OPEN &&
    (frames.length >= MAX_FRAMES || socket.bufferedAmount > highWaterBytes);

  function release(): void {
    if (!waiting || isFull()) return;
    waiting.resolve();
    waiting = undefined;
  }

  function flush(): void {
    const batch = frames;
    if (batch.length === 0) return;
    frames = [];
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
      frames.push(frame);
      if (frames.length === 1) setImmediate(flush);
    },
    room() {
      if (!isFull()) return Promise.resolve();
      waiting ??= Promise.withResolvers();
      return waiting.promise;
    },
  };
}
