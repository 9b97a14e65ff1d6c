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

export type Subscribe = <S extends Streams, K extends keyof S & string>(
  streams: S,
  kind: K,
  input: StreamInput<S[K]>,
  options?: SubscribeOptions<S[K]>,
) => AsyncIterable<OpenEvent<S[K]> | StreamEvent<S[K]>>;

const MAX_QUEUED = 8_192;
const OPEN_TIMEOUT_MS = 10_000;

export interface SubscribeDeps {
  readonly transport: SocketTransport;
  readonly timing: Timing;
}

export interface SubscribeConfig {
  readonly nodes: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export function createSubscribe(
  { transport, timing }: SubscribeDeps,
  { nodes, baseDelayMs, maxDelayMs }: SubscribeConfig,
): Subscribe {
  let preferred = 0;

  async function* follow(
    stream: Stream,
    kind: string,
    first: Record<string, unknown>,
    signal: AbortSignal,
    resume: ((input: never, last: never) => unknown) | undefined,
  ): AsyncGenerator<Event> {
    let input = first;
    let failures = 0;
    while (!signal.aborted) {
      const node = preferred;
      try {
        for await (const event of attempt(stream, kind, input, node, signal)) {
          failures = 0;
          if (resume) input = resume(input as never, event as never) as Record<string, unknown>;
          yield event;
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
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
  ): AsyncGenerator<Event> {
    const link = await transport.link(node, signal);
    const queue: Event[] = [];
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
        if (queue.length > MAX_QUEUED) {
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
        for (let event = queue.shift(); event; event = queue.shift()) {
          if (signal.aborted) return;
          yield decode(stream, event);
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

  return (streams, kind, input, { signal = new AbortController().signal, resume } = {}) =>
    follow(streams[kind] as Stream, kind, input as Record<string, unknown>, signal, resume as never) as never;
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
