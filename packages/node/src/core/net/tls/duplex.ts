/** A libp2p connection as a Node stream, for TLS over what is no TCP socket. */
import { Duplex } from 'node:stream';
import type { MessageStream } from '@libp2p/interface';

export function createDuplex(connection: MessageStream): Duplex {
  let waiting: (() => void) | undefined;

  const duplex = new Duplex({
    read() {
      if (connection.status === 'open') connection.resume();
    },
    write(chunk: Uint8Array, _encoding, done) {
      let more: boolean;
      try {
        more = connection.send(chunk);
      } catch (error) {
        done(error as Error);
        return;
      }
      if (more) done();
      else waiting = done;
    },
    final(done) {
      connection.close().then(
        () => done(),
        (error) => done(error),
      );
    },
  });
  connection.pause();
  connection.addEventListener('drain', () => {
    // The connection's own listener sends what it had queued in a microtask before this one.
    queueMicrotask(() => {
      if (!waiting || connection.writableNeedsDrain || connection.writeBufferLength > 0) return;
      const done = waiting;
      waiting = undefined;
      done();
    });
  });
  connection.addEventListener('message', ({ data }) => {
    let more = true;
    if (data instanceof Uint8Array) more = duplex.push(data);
    else for (const part of data) more = duplex.push(part);
    if (!more && connection.status === 'open') connection.pause();
  });
  connection.addEventListener('close', ({ error }) => duplex.destroy(error));
  return duplex;
}
