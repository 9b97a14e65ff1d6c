/**
 * Subscriptions that outlive their socket: when it is lost the next node is asked to go on from where the last event
 * left off. Events wait in a bounded queue; a consumer that falls behind it is resumed when it has caught up.
 */
import {
  firstIssue,
  P2posError,
  type Stream,
  type StreamEvent,
  type StreamInput,
  type StreamOpened,
  type Streams,
} from '@p2pos/protocol';
import { pause, type Timing } from '../timing.ts';
import type { Event } from './link.ts';
import type { SocketTransport } from './socket-transport.ts';

/** The first event, and again after each reconnect. */
export type OpenEvent<S extends Stream> = { readonly type: 'open' } & StreamOpened<S>;

export interface SubscribeOptions<S extends Stream> {
  readonly signal?: AbortSignal | undefined;
  /** What to ask for after a reconnect, from what came last; default: the same again. */
  readonly resume?: (input: StreamInput<S>, last: OpenEvent<S> | StreamEvent<S>) => StreamInput<S>;
}

/** Events one by one; `SubscribeBatches`: as many as are there. */
export type Subscribe = <S extends Streams, K extends keyof S & string>(
  streams: S,
  kind: K,
  input: StreamInput<S[K]>,
  options?: SubscribeOptions<S[K]>,
) => AsyncIterable<OpenEvent<S[K]> | StreamEvent<S[K]>>;

export type SubscribeBatches = <S extends Streams, K extends keyof S & string>(
  streams: S,
  kind: K,
  input: StreamInput<S[K]>,
  options?: SubscribeOptions<S[K]>,
) => AsyncIterable<readonly (OpenEvent<S[K]> | StreamEvent<S[K]>)[]>;

const MAX_QUEUED = 8_192;
const MAX_QUEUED_BYTES = 32 * 1_048_576;
const OPEN_TIMEOUT_MS = 10_000;

export interface SubscribeDeps {
  readonly transport: Pick<SocketTransport, 'link'>;
  readonly timing: Timing;
  /** The client is closed: what is followed ends. */
  readonly closed: AbortSignal;
}

export interface SubscribeConfig {
  readonly nodes: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export function createSubscribe(
  { transport, timing, closed }: SubscribeDeps,
  { nodes, baseDelayMs, maxDelayMs }: SubscribeConfig,
): SubscribeBatches {
  let preferred = 0;

  async function* follow(
    stream: Stream,
    kind: string,
    first: Record<string, unknown>,
    signal: AbortSignal,
    resume: ((input: never, last: never) => unknown) | undefined,
  ): AsyncGenerator<readonly Event[]> {
    let input = first;
    let failures = 0;
    let last: Event | undefined;
    while (!signal.aborted) {
      const node = preferred;
      try {
        for await (const batch of attempt(stream, kind, input, node, signal)) {
          failures = 0;
          last = batch.at(-1);
          yield batch;
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        // Asked here, since what was yielded has been seen by now.
        if (resume && last) input = resume(input as never, last as never) as Record<string, unknown>;
        if (error instanceof Behind) continue;
        if (!(error instanceof P2posError && error.retry)) throw error;
        if (preferred === node) preferred = (node + 1) % nodes;
        failures++;
        const most = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(20, Math.floor(failures / nodes)));
        if (failures >= nodes) await pause(timing, most * timing.random(), signal).catch(() => {});
      }
    }
  }

  async function* attempt(
    stream: Stream,
    kind: string,
    input: Record<string, unknown>,
    node: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Event[]> {
    const link = await transport.link(node, signal);
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

  return (streams, kind, input, { signal, resume } = {}) => {
    const until = signal ? AbortSignal.any([signal, closed]) : closed;
    return follow(
      streams[kind] as Stream,
      kind,
      input as Record<string, unknown>,
      until,
      resume as never,
    ) as never;
  };
}

export function oneByOne(subscribe: SubscribeBatches): Subscribe {
  return async function* (streams, kind, input, options) {
    for await (const batch of subscribe(streams, kind, input, options)) yield* batch;
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

function encode({ input: fields }: Stream, input: Record<string, unknown>): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(fields)) {
    const encoded = schema.safeEncode(input[name]);
    if (!encoded.success)
      throw new P2posError('BAD_REQUEST', {
        reason: `The field ${name} is refused: ${firstIssue(encoded.error)}.`,
      });
    if (encoded.data !== undefined) wire[name] = encoded.data;
  }
  return wire;
}

function decode({ opened, events }: Stream, { id: _, type, ...fields }: Event): Event {
  const schema = type === 'open' ? opened : events[type];
  // Of a newer node; who knows it not cannot need it.
  if (!schema) return { type, ...fields };
  const result = schema.safeDecode(fields as never);
  if (result.success) return { type, ...(result.data as Record<string, unknown>) };
  throw new P2posError('ANSWER_UNEXPECTED', { url: 'the node', reason: firstIssue(result.error) });
}
