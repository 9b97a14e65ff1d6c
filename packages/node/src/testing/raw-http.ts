/** HTTP as bytes on a socket, for what no client would send. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The connection was reset before all was sent: over a longer way the answer might have been lost. */
  readonly reset: boolean;
}

/** Sends the text (as Latin-1, so every character is one byte) and resolves with all that comes until the end. */
export function exchangeRaw(port: number, text: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error) => (chunks.length > 0 ? resolve(parseRaw(chunks, true)) : reject(error)));
    socket.on('close', () => resolve(parseRaw(chunks, false)));
  });
}

/** A request line and headers, closing the connection after the answer. */
export function rawRequest(line: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = { host: '127.0.0.1', connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A connected socket that is destroyed at the end of the scope. */
export async function openSocket(port: number): Promise<{ readonly socket: Socket } & Disposable> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, [Symbol.dispose]: () => void socket.destroy() };
}

function parseRaw(chunks: readonly Buffer[], reset: boolean): RawAnswer {
  const text = Buffer.concat(chunks).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  return { status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4), reset };
}
