/**
 * One call of an operation: sent to the node that answered last, repeated elsewhere where it may be, within
 * one deadline. Waits grow exponentially with full jitter (Brooker 2015). A node that gave no answer, or none of use, is left:
 * the next try, be it of this call or of another, goes to the next one.
 */
import { type OperationId, P2posError } from '@p2pos/protocol';
import { type Asked, type Input, type Output, operationId } from './contract/operation.ts';
import { OPERATIONS } from './contract/operations.ts';
import { type Online, pauseOnline } from './online.ts';
import { RemoteError } from './remote-error.ts';
import { limit, type Timing } from './timing.ts';
import { isOverdue, type Transport, wasNeverSent } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, repeats included. */
  readonly timeoutMs?: number | undefined;
}

export interface RepeatOptions {
  /**
   * Where what may have been done already is asked for again. By default wherever a node answers, and a plain key is then
   * written anew there, over what others wrote meanwhile. `same-node`: only where it was asked first, which remembers
   * idempotency keys for 24 h, as long as it runs. `never`: the call fails, and whether it was done is not known.
   */
  readonly repeat?: 'same-node' | 'never' | undefined;
}

/** The operation by its name, as in `kv.put`, or as the value in `contract`. */
export type Call = <A extends Asked>(
  operation: A,
  input: Input<A>,
  options?: CallOptions & RepeatOptions,
) => Promise<Output<A>>;

export interface CallerConfig {
  /** Base addresses of nodes of one system, the preferred first. */
  readonly urls: readonly string[];
  readonly timeoutMs: number;
  /**
   * At most, for one node to answer; a call of more time than `timeoutMs` has more for each node in proportion. What may be
   * repeated leaves the next node half of its time in any case.
   */
  readonly attemptTimeoutMs: number;
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export interface CallerDeps {
  readonly transport: Transport;
  readonly timing: Timing;
  readonly online: Online;
}

export function createCaller({ transport, timing, online }: CallerDeps, config: CallerConfig): Call {
  const { urls } = config;
  const several = urls.length > 1 || transport.choosesNode === true;
  let preferred = 0;

  async function attempt(
    operation: OperationId,
    input: Readonly<Record<string, unknown>>,
    node: number,
    { timeoutMs, signal }: { readonly timeoutMs: number | undefined; readonly signal: AbortSignal },
  ): Promise<unknown> {
    if (timeoutMs === undefined) return transport.attempt(operation, input, node, signal);
    const bound = limit(timing, timeoutMs, {
      reason: () => new P2posError('TIMEOUT', { what: `The node at ${urls[node]}`, timeoutMs }),
      parent: signal,
    });
    try {
      return await transport.attempt(operation, input, node, bound.signal);
    } finally {
      bound.release();
    }
  }

  /** Undefined: as long as the call has. */
  function shareMs(timeoutMs: number, leftMs: number, isLast: boolean): number | undefined {
    const half = Math.max(1, Math.floor(leftMs / 2));
    const most = config.attemptTimeoutMs * Math.max(1, timeoutMs / config.timeoutMs);
    const share = Math.min(most, several && !isLast ? half : leftMs);
    return share < leftMs ? share : undefined;
  }

  function leave(node: number): void {
    if (preferred === node) preferred = (node + 1) % urls.length;
  }

  async function call(
    asked: Asked,
    input: Readonly<Record<string, unknown>>,
    options: CallOptions & RepeatOptions = {},
  ) {
    const { timeoutMs = config.timeoutMs, repeat } = options;
    const operation = operationId(asked);
    const repeatable = OPERATIONS[operation].repeatable && repeat !== 'never';
    const named = withIdempotencyKey(operation, input);
    const endsAt = timing.now() + timeoutMs;
    const bound = limit(timing, timeoutMs, {
      reason: () => new P2posError('TIMEOUT', { what: 'The system', timeoutMs }),
      parent: options.signal,
    });
    /** The node that may have done it, if no other shall be asked. */
    let only: number | undefined;
    let rounds = 0;
    try {
      for (let tries = 1; ; tries++) {
        bound.signal.throwIfAborted();
        const index = only ?? preferred;
        // Nothing was sent, so whatever it is may wait.
        while (!online.isOnline()) await untilOnline(index, bound.signal);
        const isLast = tries >= config.maxAttempts;
        const share = shareMs(
          timeoutMs,
          endsAt - timing.now(),
          isLast || !repeatable || repeat === 'same-node',
        );
        try {
          return await attempt(operation, named, index, { timeoutMs: share, signal: bound.signal });
        } catch (error) {
          if (bound.signal.aborted) {
            if (isOverdue(bound.signal.reason)) leave(index);
            throw bound.signal.reason;
          }
          if (!(error instanceof P2posError && error.retry)) throw error;
          leave(index);
          const maybeDone = !wasNeverSent(error);
          if (isLast || (!repeatable && maybeDone)) throw error;
          if (repeat === 'same-node' && maybeDone) only = index;
          // The first round over all nodes does not wait.
          if (only !== undefined || tries % urls.length === 0)
            await pauseOnline({ timing, online }, delayMs(++rounds, error), bound.signal);
        }
      }
    } finally {
      bound.release();
    }
  }

  async function untilOnline(node: number, signal: AbortSignal): Promise<void> {
    try {
      await pauseOnline({ timing, online }, undefined, signal);
    } catch (error) {
      if (!(error instanceof P2posError && error.code === 'TIMEOUT')) throw error;
      throw new P2posError('NODE_UNREACHABLE', { url: urls[node], reason: 'this machine is offline' });
    }
  }

  function delayMs(round: number, error: P2posError): number {
    const most = Math.min(config.maxDelayMs, config.baseDelayMs * 2 ** (round - 1));
    const asked = error instanceof RemoteError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(Math.min(asked, config.maxDelayMs), most * timing.random());
  }

  return call as Call;
}

/** A key of our own, so that a repeat after a lost answer is recognised. */
function withIdempotencyKey(operation: OperationId, input: Readonly<Record<string, unknown>>) {
  const takesKey = OPERATIONS[operation].fields.some(([name]) => name === 'idempotencyKey?');
  if (!takesKey || input['idempotencyKey'] !== undefined) return input;
  return { ...input, idempotencyKey: crypto.randomUUID() };
}
