/**
 * libp2p's TLS 1.3 (libp2p specs, tls) with Node's TLS directly on the TCP socket. @libp2p/tls runs the socket through
 * a stream in JavaScript instead, which costs an event-loop turn per write and half of the throughput; this is the
 * same on the wire. Over anything that is no TCP socket (websockets) it goes through such a stream, too.
 */
import { Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import {
  type ConnectionEncrypter,
  type PeerId as LibPeerId,
  type MessageStream,
  type PrivateKey,
  type SecureConnectionOptions,
  type SecuredConnection,
  type StreamMuxerFactory,
  serviceCapabilities,
  UnexpectedPeerError,
  type Upgrader,
} from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Clock } from '../../clock/index.ts';
import { createCertificate, verifyCertificate } from './certificate.ts';
import { createDuplex } from './duplex.ts';
import { SecureStream } from './secure-stream.ts';

/** libp2p sets `upgrader` after it makes the encrypters. */
export interface TlsComponents {
  readonly privateKey: PrivateKey;
  readonly upgrader: Upgrader;
}

/** Says that the peer wants to negotiate the muxer afterwards. */
const NO_EARLY_MUXER = 'libp2p';

/** An encrypter for libp2p's `connectionEncrypters`. Its certificate is made at the first handshake. */
export function tls({
  clock,
}: {
  readonly clock: Clock;
}): (components: TlsComponents) => ConnectionEncrypter {
  return (components) => {
    let context: Promise<SecureContext> | undefined;
    const secureContext = () => {
      context ??= createCertificate(components.privateKey).then((certificate) =>
        createSecureContext(certificate),
      );
      return context;
    };

    async function secure(
      connection: MessageStream,
      isServer: boolean,
      { remotePeer, signal, skipStreamMuxerNegotiation = false }: SecureConnectionOptions = {},
    ): Promise<SecuredConnection> {
      const muxers = skipStreamMuxerNegotiation
        ? new Map<string, StreamMuxerFactory>()
        : components.upgrader.getStreamMuxers();
      const options = {
        secureContext: await secureContext(),
        minVersion: 'TLSv1.3',
        maxVersion: 'TLSv1.3',
        // Certificates are self-signed by design; verifyCertificate judges them.
        rejectUnauthorized: false,
      } as const;
      signal?.throwIfAborted();
      const carrier = takeSocket(connection) ?? createDuplex(connection);
      const socket = isServer
        ? new TLSSocket(carrier, {
            ...options,
            isServer,
            requestCert: true,
            // The client's first protocol that we have too, as the specification asks.
            ALPNCallback: ({ protocols }) =>
              protocols.find((name) => name === NO_EARLY_MUXER || muxers.has(name)),
          })
        : connect({ socket: carrier, ...options, ALPNProtocols: [...muxers.keys(), NO_EARLY_MUXER] });

      if (carrier instanceof Socket) closeFromAbove(carrier, socket);
      try {
        await handshake(socket, connection, signal);
        // Nothing may be read before the muxer listens.
        socket.pause();
        const peer = await verified(socket, remotePeer, clock.now());
        signal?.throwIfAborted();
        const streamMuxer = muxers.get(String(socket.alpnProtocol));
        return {
          remotePeer: peer,
          connection: new SecureStream(connection, socket, isServer),
          ...(streamMuxer ? { streamMuxer } : {}),
        };
      } catch (error) {
        socket.destroy();
        connection.abort(error as Error);
        throw error;
      }
    }

    return {
      protocol: '/tls/1.0.0',
      [serviceCapabilities]: ['@libp2p/connection-encryption'],
      secureInbound: (connection: MessageStream, options?: SecureConnectionOptions) =>
        secure(connection, true, options),
      secureOutbound: (connection: MessageStream, options?: SecureConnectionOptions) =>
        secure(connection, false, options),
    } as ConnectionEncrypter;
  };
}

/** @throws CertificateFault, UnexpectedPeerError */
async function verified(
  socket: TLSSocket,
  expected: LibPeerId | undefined,
  nowMs: number,
): Promise<LibPeerId> {
  const certificate = socket.getPeerCertificate() as { readonly raw?: Uint8Array };
  const peerId = await verifyCertificate(certificate.raw, nowMs);
  if (expected && expected.toString() !== peerId) {
    throw new UnexpectedPeerError(`Expected the peer ${expected} but met ${peerId}`);
  }
  return peerIdFromString(peerId);
}

function handshake(
  socket: TLSSocket,
  connection: MessageStream,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = () => finish(new Error('the connection closed during the TLS handshake'));
    const onAbort = () => finish(signal?.reason);
    const onSecure = () => finish();
    const finish = (error?: Error) => {
      socket.off('close', onClose).off('secure', onSecure);
      connection.removeEventListener('close', onClose);
      signal?.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    // Stays for good: an error without a listener would end the process. What it means, `close` tells.
    socket.on('error', finish);
    socket.on('close', onClose);
    socket.once('secure', onSecure);
    connection.addEventListener('close', onClose);
    signal?.addEventListener('abort', onAbort);
  });
}

/**
 * libp2p closes the TCP socket, which is the wrong end: resetting it under the TLS layer crashes the process (Node
 * 24.21), and ending it loses what TLS has yet to send.
 */
function closeFromAbove(carrier: Socket, socket: TLSSocket): void {
  carrier.resetAndDestroy = () => {
    socket.destroy();
    return carrier;
  };
  carrier.destroySoon = () => socket.destroySoon();
}

/** The TCP socket under the connection, which then reads nothing from it any more; undefined where there is none. */
function takeSocket(connection: MessageStream): Socket | undefined {
  const socket: unknown = 'socket' in connection ? connection.socket : undefined;
  if (!(socket instanceof Socket) || socket instanceof TLSSocket) return undefined;
  connection.pause();
  socket.removeAllListeners('data');
  const early: Uint8Array[] = [];
  const onMessage = ({ data }: { readonly data: Uint8Array | { subarray(): Uint8Array } }) =>
    early.push(data.subarray());
  connection.addEventListener('message', onMessage);
  // Hands over at once what has been read ahead.
  connection.resume();
  connection.removeEventListener('message', onMessage);
  socket.pause();
  // From here on the TLS layer watches for silence.
  socket.setTimeout(0);
  for (const bytes of early.toReversed()) socket.unshift(bytes);
  return socket;
}
