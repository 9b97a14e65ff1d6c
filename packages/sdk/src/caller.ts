/**
 * One call of an operation: sent to the node that answered last, repeated elsewhere where a repeat does no harm, within
 * one deadline. Waits grow exponentially with full jitter (Brooker 2015).
 */
import { P2posError, type Route, type RouteInput, type RouteOutput } from '@p2pos/protocol';
import { decodeAnswer } from './answer.ts';
import { RemoteError } from './remote-error.ts';
import { encodeRequest, type WireRequest } from './request.ts';
import { limit, pause, type Timing } from './timing.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, repeats included. */
  readonly timeoutMs?: number | undefined;
}

export type Call = <R extends Route>(
  route: R,
  input: RouteInput<R>,
  options?: CallOptions,
) => Promise<RouteOutput<R>>;

export interface CallerConfig {
  /** Base addresses of nodes of one system, the preferred first. */
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** For one node to answer; with several nodes the next is tried then. */
  readonly attemptTimeoutMs: number;
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export interface CallerDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly timing: Timing;
}

/** Failures before a connection was there: nothing was asked, so asking again is safe whatever it is. */
const NEVER_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export function createCaller({ fetch, timing }: CallerDeps, config: CallerConfig): Call {
  const { urls } = config;
  let preferred = 0;

  async function attempt(
    route: Route,
    url: string,
    request: WireRequest,
    signal: AbortSignal,
  ): Promise<unknown> {
    const timeoutMs = config.attemptTimeoutMs;
    const bound = limit(timing, timeoutMs, {
      reason: () => new P2posError('TIMEOUT', { what: `The node at ${url}`, timeoutMs }),
      parent: signal,
    });
    try {
      const response = await fetch(`${url}${request.target}`, {
        method: route.method,
        headers: { ...config.headers, ...request.headers },
        body: request.body ?? null,
        cache: 'no-store',
        credentials: 'same-origin',
        // The token goes to the nodes that were named, nowhere else.
        redirect: 'error',
        signal: bound.signal,
      });
      return await decodeAnswer(route, response, url);
    } catch (error) {
      if (bound.signal.aborted) throw bound.signal.reason;
      if (error instanceof P2posError) throw error;
      const reason = failureCode(error) ?? (error instanceof Error ? error.message : String(error));
      throw new P2posError('NODE_UNREACHABLE', { url, reason }, { cause: error });
    } finally {
      bound.release();
    }
  }

  async function call(route: Route, input: Readonly<Record<string, unknown>>, options: CallOptions = {}) {
    const { timeoutMs = config.timeoutMs } = options;
    const request = encodeRequest(route, withIdempotencyKey(route, input));
    const repeatable = isRepeatable(route);
    const bound = limit(timing, timeoutMs, {
      reason: () => new P2posError('TIMEOUT', { what: 'The system', timeoutMs }),
      parent: options.signal,
    });
    try {
      for (let tries = 1; ; tries++) {
        bound.signal.throwIfAborted();
        const index = preferred;
        try {
          return await attempt(route, urls[index] as string, request, bound.signal);
        } catch (error) {
          if (bound.signal.aborted) throw bound.signal.reason;
          if (!(error instanceof P2posError && error.retry) || tries >= config.maxAttempts) throw error;
          if (!repeatable && !wasNeverSent(error)) throw error;
          if (preferred === index) preferred = (index + 1) % urls.length;
          // The first round over all nodes does not wait.
          if (tries % urls.length === 0)
            await pause(timing, delayMs(tries / urls.length, error), bound.signal);
        }
      }
    } finally {
      bound.release();
    }
  }

  function delayMs(round: number, error: P2posError): number {
    const most = Math.min(config.maxDelayMs, config.baseDelayMs * 2 ** (round - 1));
    const asked = error instanceof RemoteError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(Math.min(asked, config.maxDelayMs), most * timing.random());
  }

  return call as Call;
}

/** Reads, what the contract calls repeatable, and writes under an idempotency key. */
function isRepeatable(route: Route): boolean {
  const reads = route.method === 'GET' || route.method === 'HEAD';
  return route.repeatable ?? (reads || route.headers?.['idempotencyKey'] !== undefined);
}

/** A key of our own, so that a repeat after a lost answer is recognised. */
function withIdempotencyKey(route: Route, input: Readonly<Record<string, unknown>>) {
  if (!route.headers?.['idempotencyKey'] || input['idempotencyKey'] !== undefined) return input;
  return { ...input, idempotencyKey: crypto.randomUUID() };
}

function wasNeverSent(error: P2posError): boolean {
  return error.code === 'NODE_UNREACHABLE' && NEVER_SENT.has(failureCode(error.cause));
}

/** Node's fetch tells the system's code in its cause, browsers tell none. */
function failureCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause as { readonly code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string' ? cause.code : undefined;
}
