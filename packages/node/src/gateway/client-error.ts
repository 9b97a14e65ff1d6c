/** Answers to what is no HTTP request at all, in the shape of all our errors, written to the socket itself. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { P2posError } from '@p2pos/protocol';
import { encodeError, SECURITY_HEADERS } from './answer.ts';

export interface ClientFault extends Error {
  readonly code?: string | undefined;
  readonly rawPacket?: unknown;
}

export function answerClientFault(
  fault: ClientFault,
  socket: Socket,
  { requestId, maxHeaderBytes }: { readonly requestId: string; readonly maxHeaderBytes: number },
): void {
  if (fault.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = encodeError(meaning(fault, maxHeaderBytes), requestId);
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

function meaning({ code, rawPacket }: ClientFault, maxBytes: number): P2posError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new P2posError('REQUEST_TOO_SLOW');
  if (code === 'HPE_HEADER_OVERFLOW') {
    const inFirstLine = rawPacket instanceof Uint8Array && !rawPacket.includes(0x0a);
    return new P2posError(inFirstLine ? 'URL_TOO_LONG' : 'HEADERS_TOO_LARGE', { maxBytes });
  }
  if (code === 'HPE_INVALID_METHOD') {
    return new P2posError('METHOD_NOT_ALLOWED', {
      path: 'This door',
      method: 'that method',
      allowed: 'GET, HEAD, PUT, POST, DELETE',
    });
  }
  return new P2posError('BAD_REQUEST', { reason: 'The request is not HTTP/1.1 as RFC 9112 defines it.' });
}
