/** Answers to what is no HTTP request at all, in the shape of all our errors, written to the socket itself. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { P2posError } from '@p2pos/protocol';
import { encodeError, SECURITY_HEADERS } from './answer.ts';

export interface ClientFault extends Error {
  readonly code?: string | undefined;
  readonly rawPacket?: unknown;
}

export interface ClientFaultConfig {
  readonly requestId: string;
  readonly maxHeaderBytes: number;
  /** The refusal of a target with bytes that no URL has. */
  readonly refusePath: (target: string) => P2posError;
}

const METHODS = 'GET, HEAD, PUT, POST, DELETE';

export function answerClientFault(fault: ClientFault, socket: Socket, config: ClientFaultConfig): void {
  const { requestId } = config;
  if (fault.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = encodeError(meaning(fault, config), requestId);
  const all = {
    ...SECURITY_HEADERS,
    ...headers,
    'x-request-id': requestId,
    'content-length': Buffer.byteLength(String(body)),
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`);
  // A client that goes on sending must not keep the socket; what it sends is not read.
  socket.on('finish', () => socket.destroySoon());
}

function meaning(
  fault: ClientFault,
  { maxHeaderBytes: maxBytes, refusePath }: ClientFaultConfig,
): P2posError {
  const text = fault.rawPacket instanceof Uint8Array ? Buffer.from(fault.rawPacket).toString('latin1') : '';
  const lineEnd = text.indexOf('\n');
  const [, method = '', target = ''] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r?\n/.exec(text) ?? [];
  switch (fault.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new P2posError('REQUEST_TOO_SLOW');
    case 'HPE_HEADER_OVERFLOW':
      return new P2posError(lineEnd === -1 || lineEnd > maxBytes ? 'URL_TOO_LONG' : 'HEADERS_TOO_LARGE', {
        maxBytes,
      });
    case 'HPE_INVALID_URL':
      return refusePath(target);
    case 'HPE_INVALID_METHOD':
      if (method)
        return new P2posError('METHOD_NOT_ALLOWED', { path: target.slice(0, 200), method, allowed: METHODS });
  }
  return new P2posError('BAD_REQUEST', { reason: 'The request is not HTTP/1.1 as RFC 9112 defines it.' });
}
