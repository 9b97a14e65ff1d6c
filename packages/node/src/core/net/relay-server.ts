/**
 * The serving side of circuit relay v2 (libp2p specs, relay/circuit-v2). libp2p's own joins two streams by a queue without
 * a bound, so that a slow reader fills the relay's memory; here the reader's pace reaches the writer.
 */
import { circuitRelayServer } from '@libp2p/circuit-relay-v2';
import type { Connection as LibConnection, PeerId as LibPeerId, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { peerIdFromPublicKey } from '@p2pos/protocol';
import type { PeerId } from '@p2pos/protocol/rpc';
import type { Clock } from '../clock/index.ts';
import type { NetLimits } from './limits.ts';
import { joinStreams } from './relayed-streams.ts';
import { createThrottle } from './throttle.ts';

/** Of the protocol. */
const STATUS = { ok: 100, denied: 202, failed: 203, noReservation: 204, malformed: 400 } as const;
type Status = (typeof STATUS)[keyof typeof STATUS];

/** HopMessage {type: STATUS, status}, as protobuf. */
const statusCodec = {
  encode: (status: Status): Uint8Array =>
    status < 128
      ? Uint8Array.of(0x08, 2, 0x28, status)
      : Uint8Array.of(0x08, 2, 0x28, (status & 0x7f) | 0x80, status >> 7),
  decode: (): Status => STATUS.ok,
};

/** Identity multihash of 36 bytes, then the protobuf of an Ed25519 key. */
const PEER_ID_PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

export interface RelayServerConfig {
  readonly clock: Clock;
  readonly limits: Pick<
    NetLimits,
    'maxReservations' | 'maxRelayedPerPeer' | 'relayedBytesPerSecond' | 'handshakeTimeoutMs'
  >;
  /** Whether `source` may be joined to `target` here now. */
  readonly mayJoin: (source: PeerId, target: PeerId) => boolean;
  readonly connectionsTo: (peerId: PeerId) => readonly LibConnection[];
  readonly carried: (bytes: number) => void;
}

type Components = Parameters<ReturnType<typeof circuitRelayServer>>[0];

interface HopOptions {
  readonly connection: LibConnection;
  readonly request: { readonly peer?: { readonly id: Uint8Array } };
  readonly stream: {
    pb(codec: typeof statusCodec): { write(status: Status, options: object): Promise<void> };
    unwrap(): Stream;
  };
}

/** The parts of libp2p's server that this one stands on. */
interface Server {
  readonly reservations: { get(peer: LibPeerId): unknown; readonly size: number };
  handleConnect(hop: HopOptions, options: object): Promise<void>;
  stopHop(stop: object, options: object): Promise<Stream | undefined>;
}

export function relayServer(config: RelayServerConfig) {
  const { clock, limits, mayJoin, connectionsTo, carried } = config;
  const throttle = createThrottle({ clock }, { bytesPerSecond: limits.relayedBytesPerSecond });
  return (components: Components) => {
    const service = circuitRelayServer({
      hopTimeout: limits.handshakeTimeoutMs,
      // A member behind NAT is a full member: what it sends through here has no end. Who may, and how many, is bounded.
      reservations: { maxReservations: limits.maxReservations, applyDefaultLimit: false },
      maxInboundHopStreams: limits.maxRelayedPerPeer,
      maxOutboundStopStreams: limits.maxRelayedPerPeer,
    })(components);
    const server = service as unknown as Server;
    server.handleConnect = async ({ connection, request, stream }, options) => {
      const answer = (status: Status) => stream.pb(statusCodec).write(status, options);
      const target = peerOf(request.peer?.id);
      if (!target) return answer(STATUS.malformed);
      const source = connection.remotePeer.toString();
      if (isRelayed(connection) || !mayJoin(source, target)) return answer(STATUS.denied);
      const peer = peerIdFromString(target);
      const [to] = connectionsTo(target).filter((one) => !isRelayed(one));
      if (!to || server.reservations.get(peer) === undefined) return answer(STATUS.noReservation);
      const stop = { type: 'CONNECT', peer: { id: connection.remotePeer.toMultihash().bytes, addrs: [] } };
      const far = await server.stopHop({ connection: to, request: stop }, options);
      if (!far) return answer(STATUS.failed);
      await answer(STATUS.ok);
      const own = throttle.of(target);
      joinStreams({ clock }, stream.unwrap(), far, {
        carried,
        waitMs: (bytes) => own.waitMs(bytes),
      });
      return undefined;
    };
    return service;
  };
}

export function isRelayed({ remoteAddr }: Pick<LibConnection, 'remoteAddr'>): boolean {
  return remoteAddr.toString().includes('/p2p-circuit');
}

/** Undefined for anything but the id of an Ed25519 key. */
function peerOf(multihash: Uint8Array | undefined): PeerId | undefined {
  if (multihash?.length !== 38 || PEER_ID_PREFIX.some((byte, i) => multihash[i] !== byte)) return undefined;
  return peerIdFromPublicKey(multihash.slice(PEER_ID_PREFIX.length));
}
