/** The HTTP door of this node's own rqlited, on loopback. */
import { Agent, request } from 'node:http';
import { P2posError } from '@p2pos/protocol';
import type { Credentials } from './credentials.ts';

export interface DoorConfig {
  readonly port: number;
  readonly credentials: Pick<Credentials, 'user' | 'password'>;
  /** Of the database, for messages. */
  readonly name: string;
}

export interface DoorOptions {
  readonly timeoutMs: number;
  /** Of the answer; a longer one is refused. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DoorAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Door extends Disposable {
  /** @throws P2posError SQL_ENGINE_FAILED: it did not answer, whatever became of the request; SQL_TIMEOUT; SQL_TOO_LARGE */
  ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: string | Uint8Array | undefined,
    options: DoorOptions,
  ): Promise<DoorAnswer>;
}

const MAX_SOCKETS = 64;

export function createDoor({ port, credentials, name }: DoorConfig): Door {
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  const authorization = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  const failed = (reason: string) => new P2posError('SQL_ENGINE_FAILED', { database: name, reason });

  return {
    ask(method, path, body, { timeoutMs, maxBytes, signal }) {
      return new Promise((resolve, reject) => {
        const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream';
        const headers = {
          authorization,
          ...(body !== undefined && { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
        };
        const options = { host: '127.0.0.1', port, method, path, agent, headers, timeout: timeoutMs, signal };
        const sent = request(options, (answer) => {
          const chunks: Buffer[] = [];
          let size = 0;
          answer.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > maxBytes) {
              reject(new P2posError('SQL_TOO_LARGE', { what: 'result', limit: `${maxBytes} bytes` }));
              answer.destroy();
            } else chunks.push(chunk);
          });
          answer.on('error', (error) => reject(failed(error.message)));
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks, size) }),
          );
        });
        sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
        sent.on('error', (error) => reject(signal?.aborted ? signal.reason : failed(error.message)));
        sent.end(body);
      });
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}
