/** What strangers and neighbours may take of the host. */
export interface NetLimits {
  /** Connections of all peers together; further ones are refused, own dials too. */
  readonly maxConnections: number;
  /** Simultaneous dials and several transports make more than one connection to a peer legitimate. */
  readonly maxConnectionsPerPeer: number;
  /** Connections of peers that are no members, together: a flood of strangers locks no member out. */
  readonly maxStrangers: number;
  /** Inbound connections whose handshake is still running. */
  readonly maxHandshakes: number;
  /** A connection that has not proved its key by then is closed, ms. */
  readonly handshakeTimeoutMs: number;
  /** New inbound connections per second and address, on average; twice as many at once. */
  readonly inboundPerSecondPerHost: number;
  /** The same for loopback and private ranges, where a whole system may sit behind one address. */
  readonly inboundPerSecondPerPrivateHost: number;
  readonly maxStreamsPerConnection: number;
  /** Streams of one protocol on one connection, each way. */
  readonly maxStreamsPerProtocol: number;
  /** Members that this node relays for, where it does. */
  readonly maxReservations: number;
  /** Connections that this node relays for one peer, each way. */
  readonly maxRelayedPerPeer: number;
  /** What this node relays for one member, both ways and over all its connections together; 0: no bound. */
  readonly relayedBytesPerSecond: number;
  /** Bytes that a peer may have under way on one stream before we read them. */
  readonly streamWindowBytes: number;
}

export const DEFAULT_NET_LIMITS: NetLimits = {
  maxConnections: 1_024,
  maxConnectionsPerPeer: 8,
  maxStrangers: 128,
  maxHandshakes: 128,
  handshakeTimeoutMs: 5_000,
  inboundPerSecondPerHost: 20,
  inboundPerSecondPerPrivateHost: 1_000,
  maxStreamsPerConnection: 256,
  maxStreamsPerProtocol: 32,
  maxReservations: 64,
  maxRelayedPerPeer: 300,
  relayedBytesPerSecond: 0,
  streamWindowBytes: 4 * 1_048_576,
};
