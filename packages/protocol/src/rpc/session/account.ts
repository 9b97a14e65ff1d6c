/** What one peer has under way here, over all its channels, and what it may. */
export interface RpcLimits {
  /** Calls to one peer that wait for their answer; more are OVERLOADED at once. */
  readonly maxCallsOut: number;
  /** Calls of one peer whose handlers run; more are answered OVERLOADED. */
  readonly maxCallsIn: number;
  /** Bytes that wait to be sent to one peer. */
  readonly maxQueuedBytes: number;
  /** Bytes of incomplete bodies from one peer. */
  readonly maxReceivingBytes: number;
  /** The same from all peers together. */
  readonly maxReceivingBytesInAll: number;
  /** A peer that takes no bytes for this long is given up, ms. */
  readonly stallMs: number;
  /** Greatest wait for a channel, ms. */
  readonly openTimeoutMs: number;
  /** What longer deadlines are cut to, on both sides, ms. */
  readonly maxDeadlineMs: number;
}

export const DEFAULT_RPC_LIMITS: RpcLimits = {
  maxCallsOut: 1_024,
  maxCallsIn: 1_024,
  maxQueuedBytes: 32 * 1_048_576,
  maxReceivingBytes: 32 * 1_048_576,
  maxReceivingBytesInAll: 256 * 1_048_576,
  stallMs: 20_000,
  openTimeoutMs: 10_000,
  maxDeadlineMs: 600_000,
};

export interface Account {
  callsOut: number;
  callsIn: number;
  queuedBytes: number;
  receivingBytes: number;
}
