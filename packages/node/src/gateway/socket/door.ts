/** Where sockets come in: the upgrade of a request that passes the same checks as any other, then a session. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  MAX_SOCKET_MESSAGE_BYTES,
  P2posError,
  SOCKET_CBOR,
  SOCKET_CLOSE,
  SOCKET_JSON,
  SOCKET_PATH,
} from '@p2pos/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { admitSocket, type CallerDeps } from '../access/caller.ts';
import { checkHost, isOwnOrigin } from '../access/origin.ts';
import { publicError } from '../calls/calls.ts';
import { encodeError, SECURITY_HEADERS } from '../http/answer.ts';
import { splitTarget } from '../http/input/request-target.ts';
import type { Metrics } from '../site/metrics.ts';
import { codecOf } from './codec.ts';
import { createOutbox } from './outbox.ts';
import { createSession, type Session, type SessionConfig, type SessionDeps } from './session.ts';

export interface SocketDoorConfig extends SessionConfig {
  readonly allowedHosts: readonly string[];
  readonly maxSockets: number;
  /** Unsent bytes at which a client counts as slow. */
  readonly highWaterBytes: number;
}

export interface SocketDoor extends AsyncDisposable {
  /** Sockets that are open. */
  count(): number;
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void;
}

export function createSocketDoor(
  deps: SessionDeps & CallerDeps & { readonly metrics: Metrics },
  config: SocketDoorConfig,
): SocketDoor {
  const { requestId, metrics } = deps;
  const sessions = new Map<WebSocket, Session>();
  let closing = false;
  metrics.gauge('p2pos_sockets', 'WebSocket clients.', () => sessions.size);
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_SOCKET_MESSAGE_BYTES,
    handleProtocols: (offered) => [SOCKET_CBOR, SOCKET_JSON].find((name) => offered.has(name)) ?? false,
  });

  async function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    stream.on('error', () => stream.destroy());
    try {
      if (closing) throw new P2posError('NODE_CLOSING');
      const { path } = splitTarget(request.url ?? '');
      if (path !== SOCKET_PATH)
        throw new P2posError('ROUTE_NOT_FOUND', { method: 'GET', path: path.slice(0, 200) });
      checkHost(request.headers.host, config.allowedHosts);
      if (!isOwnOrigin(request.headers))
        throw new P2posError('ORIGIN_REFUSED', {
          origin: JSON.stringify(String(request.headers.origin).slice(0, 100)),
        });
      if (sessions.size >= config.maxSockets) throw new P2posError('OVERLOADED', { what: 'This node' });
      const caller = await admitSocket(deps, request);
      if (closing) throw new P2posError('NODE_CLOSING');
      if (stream.destroyed) return;
      server.handleUpgrade(request, stream, head, (socket) => {
        const codec = codecOf(socket.protocol);
        const outbox = createOutbox(socket, codec, { highWaterBytes: config.highWaterBytes, stream });
        const session = createSession(deps, config, { socket, codec, outbox, caller });
        sessions.set(socket, session);
        socket.on('message', (data, isBinary) => session.receive(data as Buffer, isBinary));
        socket.on('error', () => socket.terminate());
        socket.once('close', () => sessions.delete(socket));
      });
    } catch (error) {
      refuse(stream, error, requestId());
    }
  }

  return {
    count: () => sessions.size,
    upgrade: (request, stream, head) => void upgrade(request, stream, head),
    async [Symbol.asyncDispose]() {
      closing = true;
      const gone = [...sessions.keys()].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      );
      for (const session of sessions.values())
        session.close(SOCKET_CLOSE.closing, new P2posError('NODE_CLOSING'));
      // A client that does not answer the close is not waited for.
      using _patience = deps.clock.after(CLOSE_PATIENCE_MS, () => {
        for (const socket of sessions.keys()) socket.terminate();
      });
      await Promise.all(gone);
      server.close();
    },
  };
}

const CLOSE_PATIENCE_MS = 1_000;

function refuse(stream: Duplex, cause: unknown, requestId: string): void {
  const { status, headers, body = '' } = encodeError(publicError(cause, requestId), requestId);
  const text = typeof body === 'string' ? body : '';
  const lines = Object.entries({
    ...SECURITY_HEADERS,
    ...headers,
    'x-request-id': requestId,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`);
}
