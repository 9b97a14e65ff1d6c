/** Channels over a connection of the in-memory network: chunks in order, back pressure, and ends that know only what reached them. */
import type { Channel, PeerId } from '../core/net/index.ts';

export interface ChannelEnd {
  /** No more comes; with an error: nothing can be sent either. */
  ended(error?: Error): void;
}

/** One end of a connection. */
interface Side<S> {
  readonly connection: { readonly peerId: PeerId };
  /** Of its channels that have not ended. */
  readonly ends: Set<ChannelEnd>;
  readonly far: S;
  readonly open: boolean;
}

export interface ChannelDeps<S> {
  /** Runs it when it has come from this end to the other. */
  readonly deliver: (from: S, run: () => void) => void;
  /** Told where something came to an end that is gone. */
  readonly refuse: (at: S) => void;
  readonly sent: (from: S, bytes: number) => void;
  /** Unread bytes at which `send` answers false. */
  readonly highWaterBytes: number;
}

/** Both ends of a new channel, that of the one who opens it first. */
export type CreateChannel<S> = (side: S, protocol: string) => readonly [Channel, Channel];

export function createChannels<S extends Side<S>>(deps: ChannelDeps<S>): CreateChannel<S> {
  const { deliver, refuse, sent, highWaterBytes } = deps;

  return (side, protocol) => {
    const near = createEnd(side);
    const far = createEnd(side.far);

    function createEnd(here: S) {
      const unread: Uint8Array[] = [];
      let unreadBytes = 0;
      let paused = false;
      let onChunk: ((chunk: Uint8Array) => void) | undefined;
      let onEnd: ((error?: Error) => void) | undefined;
      let finished: { readonly error?: Error } | undefined;
      let closed = false;
      let told = false;
      let room = Promise.withResolvers<void>();
      room.resolve();
      const other = () => (end === near ? far : near);

      const end = {
        arrived(chunk: Uint8Array): void {
          if (!here.open) refuse(here);
          if (finished) return;
          if (!paused && onChunk && unread.length === 0) read(chunk, onChunk);
          else unread.push(chunk);
        },
        ended(error?: Error): void {
          if (finished) return;
          finished = error ? { error } : {};
          if (error || closed) here.ends.delete(end);
          end.makeRoom();
          // Whoever waits to send more need not wait any longer.
          if (error) other().makeRoom();
          flush();
        },
        full(bytes: number): boolean {
          unreadBytes += bytes;
          if (unreadBytes > highWaterBytes && !finished) room = Promise.withResolvers<void>();
          return unreadBytes > highWaterBytes;
        },
        room: () => room.promise,
        makeRoom: () => room.resolve(),
        channel: undefined as unknown as Channel,
      };
      here.ends.add(end);

      function read(chunk: Uint8Array, reader: (chunk: Uint8Array) => void): void {
        unreadBytes -= chunk.length;
        if (unreadBytes <= highWaterBytes) room.resolve();
        reader(chunk);
      }
      function flush(): void {
        while (!paused && onChunk && unread.length > 0) {
          read(unread.shift() as Uint8Array, onChunk);
        }
        if (finished && onEnd && !told && (unread.length === 0 || finished.error)) {
          told = true;
          onEnd(finished.error);
        }
      }
      end.channel = {
        peerId: here.connection.peerId,
        protocol,
        send(chunk) {
          if (closed || finished?.error) return true;
          const target = other();
          const full = target.full(chunk.length);
          sent(here, chunk.length);
          deliver(here, () => target.arrived(chunk));
          return !full;
        },
        drained: () => other().room(),
        receive(chunk, ended) {
          onChunk = chunk;
          onEnd = ended;
          flush();
        },
        pause() {
          paused = true;
        },
        resume() {
          paused = false;
          flush();
        },
        close() {
          if (finished?.error) return;
          closed = true;
          if (finished) here.ends.delete(end);
          deliver(here, () => other().ended());
        },
        abort(error) {
          const first = !finished?.error;
          closed = true;
          end.ended(error);
          if (first) deliver(here, () => other().ended(error));
        },
      };
      return end;
    }
    return [near.channel, far.channel];
  };
}
