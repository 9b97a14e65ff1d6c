/** A client that does as little as can be done, so that the figures are the servers': keep-alive, one request a connection. */
import { connect, type Socket } from 'node:net';

export interface RawRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RawClient extends Disposable {
  /** Resolves when the answer is whole. Rejects for another status than 200. */
  send(): Promise<void>;
}

export function createRawClient(
  url: string,
  { method, path, headers = {}, body = '' }: RawRequest,
): RawClient {
  const { hostname, port, host } = new URL(url);
  const all = { host, ...headers, ...(body && { 'content-length': String(Buffer.byteLength(body)) }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let got: Buffer = Buffer.alloc(0);
  let waiting: PromiseWithResolvers<void> | undefined;
  const fail = (error: Error) => waiting?.reject(error);
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the connection was closed')));
  socket.on('data', (chunk) => {
    got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
    const end = got.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = got.subarray(0, end).toString('latin1');
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (!head.startsWith('HTTP/1.1 200') || Number.isNaN(length)) fail(new Error(head));
    else if (got.length >= end + 4 + length) {
      got = got.subarray(end + 4 + length);
      waiting?.resolve();
    }
  });
  return {
    send() {
      waiting = Promise.withResolvers();
      socket.write(request);
      return waiting.promise;
    },
    [Symbol.dispose]: () => {
      waiting = undefined;
      socket.destroy();
    },
  };
}
