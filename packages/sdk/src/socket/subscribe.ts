/**
 * Subscriptions that outlive their socket: when it is lost the next node is asked to go on from where the last event
 * left off. Events wait in a bounded queue; a consumer that falls behind it is resumed when it has caught up.
 */
import {
  P2posError,
  type StreamEvent,
  type StreamInput,
  type StreamKind,
  type StreamOpened,
  type streams,
} from '@p2pos/protocol';
import type { StreamTable } from '../contract/description.ts';
import { STREAMS } from '../contract/operations.ts';
import { decodeShape, encodeShape, Mismatch } from '../contract/shape.ts';
import { type Online, pauseOnline } from '../online.ts';
import type { Timing } from '../timing.ts';
import type { Event } from './link.ts';
import type { SocketTransport } from './socket-transport.ts';

type StreamOf<K extends StreamKind> = (typeof streams)[K];
export type StreamIn<K extends StreamKind> = StreamInput<StreamOf<K>>;
/** The first event, and again after each reconnect. */
export type StreamOpen<K extends StreamKind> = { readonly type: 'open' } & StreamOpened<StreamOf<K>>;
export type StreamTold<K extends StreamKind> = StreamEvent<StreamOf<K>>;

export interface SubscribeOptions<K extends StreamKind> {
  readonly signal?: AbortSignal | undefined;
  /** What to ask for after a reconnect, from what came last, at the moment it is asked; default: the same again. */
  readonly resume?: (input: StreamIn<K>, last: StreamOpen<K> | StreamTold<K>) => StreamIn<K>;
}

/** Events one by one; `SubscribeBatches`: as many as are there. */
export type Subscribe = <K extends StreamKind>(
  kind: K,
  input: StreamIn<K>,
  options?: SubscribeOptions<K>,
) => AsyncIterable<StreamOpen<K> | StreamTold<K>>;

export type SubscribeBatches = <K extends StreamKind>(
  kind: K,
  input: StreamIn<K>,
  options?: SubscribeOptions<K>,
) => AsyncIterable<readonly (StreamOpen<K> | StreamTold<K>)[]>;

const MAX_QUEUED = 8_192;
const MAX_QUEUED_BYTES = 32 * 1_048_576;
const OPEN_TIMEOUT_MS = 10_000;

export interface SubscribeDeps {
  readonly transport: Pick<SocketTransport, 'link'>;
  readonly timing: Timing;
  readonly online: Online;
  /** The client is closed: what is followed ends. */
  readonly closed: AbortSignal;
}

export interface SubscribeConfig {
  readonly nodes: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export function createSubscribe(
  { transport, timing, online, closed }: SubscribeDeps,
  { nodes, baseDelayMs, maxDelayMs }: SubscribeConfig,
): SubscribeBatches {
  let preferred = 0;

  async function* follow(
    kind: StreamKind,
    first: Record<string, unknown>,
    signal: AbortSignal,
    resume: ((input: never, last: never) => unknown) | undefined,
  ): AsyncGenerator<readonly Event[]> {
    let input = first;
    let failures = 0;
    let last: Event | undefined;
    const ask = () => {
      if (resume && last) input = resume(input as never, last as never) as Record<string, unknown>;
      return input;
    };
    while (!signal.aborted) {
      const node = preferred;
      try {
        for await (const batch of attempt(kind, ask, node, signal)) {
          failures = 0;
          last = batch.at(-1);
          yield batch;
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Behind) continue;
        if (!(error instanceof P2posError && error.retry)) throw error;
        if (preferred === node) preferred = (node + 1) % nodes;
        failures++;
        const most = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(20, Math.floor(failures / nodes)));
        if (failures >= nodes) {
          const delayMs = online.isOnline() ? most * timing.random() : undefined;
          await pauseOnline({ timing, online }, delayMs, signal).catch(() => {});
        }
      }
    }
  }

  async function* attempt(
    kind: StreamKind,
    ask: () => Record<string, unknown>,
    node: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Event[]> {
    const stream = STREAMS[kind];
    const link = await transport.link(node, signal);
    // Not before: the way here may have taken long.
    const input = ask();
    let queue: Event[] = [];
    let bytes = 0;
    let wake = () => {};
    let end: { readonly error?: unknown } | undefined;
    const finish = (error?: unknown) => {
      end ??= error === undefined ? {} : { error };
      wake();
    };
    const one = link.start((id) => ({ ...encode(stream, input), op: 'subscribe', id, kind }), {
      onEvent(event) {
        opened();
        queue.push(event);
        bytes += sizeOf(event);
        if (queue.length > MAX_QUEUED || bytes > MAX_QUEUED_BYTES) {
          one.stop();
          finish(new Behind());
        }
        wake();
      },
      onEnd: finish,
    });
    const opened = timing.after(OPEN_TIMEOUT_MS, () =>
      finish(new P2posError('TIMEOUT', { what: 'The node', timeoutMs: OPEN_TIMEOUT_MS })),
    );
    const stop = () => finish();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        if (queue.length > 0) {
          const batch = queue;
          queue = [];
          bytes = 0;
          if (signal.aborted) return;
          yield batch.map((event) => decode(stream, event));
          continue;
        }
        if (end) {
          if ('error' in end) throw end.error;
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      opened();
      signal.removeEventListener('abort', stop);
      one.stop();
    }
  }

  return (kind, input, { signal, resume } = {}) => {
    const until = signal ? AbortSignal.any([signal, closed]) : closed;
    return follow(kind, input as Record<string, unknown>, until, resume as never) as never;
  };
}

/** Of what is long in it. */
function sizeOf(event: Event): number {
  let sum = 128;
  for (const key of ['data', 'value']) {
    const field = event[key];
    if (field instanceof Uint8Array) sum += field.length;
  }
  return sum;
}

/** The queue ran over. */
class Behind extends Error {}

function encode({ input: of }: StreamTable, input: Record<string, unknown>): Record<string, unknown> {
  try {
    return encodeShape({ of }, input) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new P2posError('BAD_REQUEST', { reason: `The subscription is refused: ${error.reason}.` });
  }
}

function decode({ opened, events }: StreamTable, { id: _, type, ...fields }: Event): Event {
  const shape = type === 'open' ? opened : events[type];
  // Of a newer node; who knows it not cannot need it.
  if (!shape) return { type, ...fields };
  try {
    return { type, ...(decodeShape(shape, fields) as Record<string, unknown>) };
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new P2posError('ANSWER_UNEXPECTED', { url: 'the node', reason: error.reason });
  }
}
