/**
 * A libp2p stream as a `Channel`. libp2p 3.3's `stream.onDrain()` works only once, so this listens to `drain` itself
 * and believes it only when nothing is queued any more: without that a slow reader makes the writer's memory grow.
 */
import type { Clock } from '../clock.ts';
import { P2posError } from '../errors/errors.ts';
import type { Channel, PeerId } from './ports.ts';

/** Of an event: `message` has data, `close` may have an error. */
interface Told {
  readonly type: string;
  readonly data?: Uint8Array | (Iterable<Uint8Array> & { readonly byteLength: number });
  readonly error?: Error | undefined;
}

/** What is used of `Stream` in @libp2p/interface 3.3, which this package does not import. */
export interface ByteStream {
  readonly protocol: string;
  readonly status: string;
  readonly writeStatus: string;
  readonly readStatus: string;
  readonly remoteWriteStatus: string;
  readonly writableNeedsDrain: boolean;
  readonly writeBufferLength: number;
  readonly readBufferLength: number;
  readonly readableEnded: boolean;
  addEventListener(
    type: 'drain' | 'remoteCloseWrite' | 'end' | 'close' | 'message',
    listener: (event: Told) => void,
  ): void;
  send(chunk: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  close(): Promise<void>;
  abort(error: Error): void;
}

/** A peer that does not take our last bytes loses the stream, ms. */
const CLOSE_TIMEOUT_MS = 10_000;

/** The stream is open: what it says of its end, it says once. */
export function createStreamChannel(
  { clock }: { readonly clock: Clock },
  stream: ByteStream,
  peerId: PeerId,
  count: (sentBytes: number, receivedBytes: number) => void = () => {},
): Channel {
  let onChunk: ((chunk: Uint8Array) => void) | undefined;
  let onEnd: ((error?: Error) => void) | undefined;
  /** What the reader is told, once. */
  let ended: { readonly error?: Error } | undefined;
  let told = false;
  /** The peer has ended its side in order. */
  let finished = stream.remoteWriteStatus === 'closed';
  let room: PromiseWithResolvers<void> | undefined;

  const full = () => stream.writableNeedsDrain || stream.writeBufferLength > 0;
  const gone = (cause?: unknown) => new P2posError('PEER_UNREACHABLE', { peerId }, { cause });

  function endReading(error?: Error): void {
    ended ??= error ? { error } : {};
    tell();
  }
  function endWriting(error: Error): void {
    room?.reject(error);
    room = undefined;
  }
  function tell(): void {
    if (!ended || !onEnd || told) return;
    told = true;
    onEnd(ended.error);
  }

  stream.addEventListener('drain', () => {
    // The stream's own listener ran first and sends what it had queued in a microtask before this one.
    queueMicrotask(() => {
      if (!room || full()) return;
      room.resolve();
      room = undefined;
    });
  });
  stream.addEventListener('remoteCloseWrite', () => {
    finished = true;
  });
  // Also told when the connection is lost, before `close`: no end in order.
  stream.addEventListener('end', () => {
    if (finished && stream.status !== 'aborted' && stream.status !== 'reset') endReading();
  });
  stream.addEventListener('close', ({ error }: Told) => {
    endWriting(error ?? gone());
    if (error) endReading(error instanceof P2posError ? error : gone(error));
    else if (!finished) endReading(gone());
    // Where the peer finished and we have not read all yet, `end` follows.
    else if (stream.readBufferLength === 0) endReading();
  });

  if (finished && stream.readableEnded) endReading();

  return {
    peerId,
    protocol: stream.protocol,
    send(chunk) {
      if (stream.writeStatus !== 'writable') return false;
      try {
        stream.send(chunk);
        count(chunk.length, 0);
      } catch (error) {
        stream.abort(error as Error);
        return false;
      }
      return !full();
    },
    drained() {
      if (stream.writeStatus !== 'writable') return Promise.reject(ended?.error ?? gone());
      if (!full()) return Promise.resolve();
      room ??= Promise.withResolvers<void>();
      return room.promise;
    },
    receive(chunk, ending) {
      onChunk = chunk;
      onEnd = ending;
      stream.addEventListener('message', ({ data }: Told) => {
        if (!data) return;
        try {
          count(0, data.byteLength);
          if (data instanceof Uint8Array) onChunk?.(data);
          else for (const part of data) onChunk?.(part);
        } catch (error) {
          stream.abort(error as Error);
        }
      });
      queueMicrotask(tell);
    },
    pause() {
      if (stream.readStatus === 'readable') stream.pause();
    },
    resume() {
      if (stream.readStatus === 'paused') stream.resume();
    },
    close() {
      if (stream.writeStatus !== 'writable') return;
      const timer = clock.after(CLOSE_TIMEOUT_MS, () => stream.abort(gone()));
      stream.close().then(
        () => timer[Symbol.dispose](),
        (error) => {
          timer[Symbol.dispose]();
          stream.abort(error);
        },
      );
    },
    abort(error) {
      endReading(error);
      stream.abort(error);
    },
  };
}
