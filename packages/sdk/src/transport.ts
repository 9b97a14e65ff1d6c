/** One try of one operation at one node. Who tries again, where and when, is the caller's to know. */
import { type OperationId, P2posError } from '@p2pos/protocol';

export interface Transport {
  /**
   * @param node Index of the node's address.
   * @throws RemoteError what the node refused; P2posError NODE_UNREACHABLE, ANSWER_UNEXPECTED, and refusals of inputs
   * before anything is sent; the signal's reason.
   */
  attempt(
    operation: OperationId,
    input: Readonly<Record<string, unknown>>,
    node: number,
    signal: AbortSignal,
  ): Promise<unknown>;
  /** Whether another try may go to another node though there is one address, because the transport chooses. */
  readonly choosesNode?: boolean;
  close(): void;
}

/** What ended a try was a deadline, not who lost interest: that says nothing of the node. */
export function isOverdue(reason: unknown): boolean {
  if (reason instanceof P2posError) return reason.code === 'TIMEOUT';
  // Of AbortSignal.timeout().
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

/** Failures before a connection was there: nothing was asked, so asking again is safe whatever it is. */
const NEVER_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export function wasNeverSent(error: P2posError): boolean {
  return error.code === 'NODE_UNREACHABLE' && NEVER_SENT.has(failureCode(error.cause));
}

/** Node's fetch tells the system's code in its cause, browsers tell none. */
export function failureCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause as { readonly code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string' ? cause.code : undefined;
}
