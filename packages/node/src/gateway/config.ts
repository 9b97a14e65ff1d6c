/** What the door can be told, and what it does when it is told nothing. */

export interface HttpConfig {
  /** Of the node's software. */
  readonly version: string;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** 0: any free one. Default 4180. */
  readonly port?: number;
  /** The admin token's file, in the node's home; made when absent. */
  readonly tokenFile: string;
  /** Names besides addresses and `localhost` under which clients reach this door. */
  readonly allowedHosts?: readonly string[];
  /** The page's files; absent: no page. */
  readonly pageFolder?: string;
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpLimits {
  /** From the whole request to its answer. */
  readonly requestTimeoutMs: number;
  /** For a client to send its headers. */
  readonly headersTimeoutMs: number;
  /** For a client to send headers and body. */
  readonly receiveTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxInFlight: number;
  readonly maxBodyBytesInFlight: number;
  /** First line and headers together. */
  readonly maxHeaderBytes: number;
  readonly maxUrlBytes: number;
  /** How much of a body that is too large is read off, so that the client gets to see the answer. */
  readonly maxDrainBytes: number;
  /** For requests in flight when the door closes. */
  readonly closeTimeoutMs: number;
  /** For a socket to say who it is. */
  readonly socketAuthTimeoutMs: number;
  readonly maxSockets: number;
  readonly maxCallsPerSocket: number;
  readonly maxSubscriptionsPerSocket: number;
  /** Unsent to one socket: more, and it is not read nor its streams pulled. */
  readonly socketHighWaterBytes: number;
  readonly linkTtlMs: number;
  readonly sessionTtlMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  receiveTimeoutMs: 60_000,
  keepAliveTimeoutMs: 72_000,
  maxConnections: 1_024,
  maxInFlight: 256,
  maxBodyBytesInFlight: 32 * 1_024 * 1_024,
  maxHeaderBytes: 32 * 1_024,
  maxUrlBytes: 8 * 1_024,
  maxDrainBytes: 16 * 1_024 * 1_024,
  closeTimeoutMs: 5_000,
  socketAuthTimeoutMs: 5_000,
  maxSockets: 2_048,
  maxCallsPerSocket: 256,
  maxSubscriptionsPerSocket: 1_024,
  socketHighWaterBytes: 1_024 * 1_024,
  linkTtlMs: 60_000,
  sessionTtlMs: 12 * 3_600_000,
};
