/** A client of the WebSocket door that speaks frames, as a test writes them. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { eventually } from './eventually.ts';
import type { TestDoor } from './http-door.ts';

export interface SocketClient extends AsyncDisposable {
  readonly socket: WebSocket;
  readonly frames: Record<string, unknown>[];
  readonly closed: Promise<number>;
  send(frame: unknown): void;
  /** The first frame that has these fields. */
  frame(fields: Record<string, unknown>): Promise<Record<string, unknown>>;
}

export async function openClient(
  door: TestDoor,
  { headers = { authorization: `Bearer ${door.token}` } }: { readonly headers?: Record<string, string> } = {},
): Promise<SocketClient> {
  const socket = new WebSocket(`${door.url.replace('http', 'ws')}/v1/ws`, { headers });
  const frames: Record<string, unknown>[] = [];
  const closed = once(socket, 'close').then(([code]) => code as number);
  socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Record<string, unknown>));
  await once(socket, 'open');
  return {
    socket,
    frames,
    closed,
    send: (frame) => socket.send(JSON.stringify(frame)),
    frame: (fields) =>
      eventually(() => {
        const found = frames.find((frame) =>
          Object.entries(fields).every(([name, value]) => frame[name] === value),
        );
        if (!found) throw new Error(JSON.stringify(frames));
        return found;
      }),
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await closed;
    },
  };
}
