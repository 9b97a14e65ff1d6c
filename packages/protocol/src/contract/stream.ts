/**
 * Something that a client may follow over the WebSocket door, as a value: from it come the node's handler types and
 * checks, the SDK's AsyncIterables and the reference pages. `socket.ts` holds the frames that carry it.
 *
 * @example
 * const clock = defineStreams({
 *   clock: {
 *     summary: 'Ticks.', grant: 'clock:read', input: { everyMs: z.int() }, opened: z.object({}),
 *     events: { tick: z.object({ at: z.string() }) }, errors: [],
 *   },
 * });
 * const handlers: StreamHandlers<typeof clock> = {
 *   clock: async ({ everyMs }, { signal }) => ({ opened: {}, events: ticks(everyMs, signal) }),
 * };
 */
import type { z } from 'zod';
import type { ErrorCode } from '../errors/errors.ts';
import type { Fields, Grant, RequestContext } from './route.ts';

/** Its name in `Streams` is the `kind` of the frame that opens it. */
export interface Stream {
  /** One sentence for the reference. */
  readonly summary: string;
  readonly grant: Grant;
  /** The input that the prefix of a grant is compared with; absent: a grant that is bound to a prefix does not do. */
  readonly subject?: string;
  /** Fields of the frame that opens it besides `op`, `id` and `kind`; others are refused. */
  readonly input: Fields;
  /** Fields of the frame `open`, sent before any event. */
  readonly opened: z.ZodObject;
  /** Fields of each other frame by its `type`; none is called `open`, `result`, `error` or `end`. */
  readonly events: Readonly<Record<string, z.ZodObject>>;
  /** What may refuse or end it, besides the answers of the door. */
  readonly errors: readonly ErrorCode[];
}
export type Streams = Readonly<Record<string, Stream>>;

type Flat<T> = { [K in keyof T]: T[K] } & {};
export type StreamInput<S extends Stream> = Flat<z.output<z.ZodObject<S['input']>>>;
export type StreamOpened<S extends Stream> = z.output<S['opened']>;
export type StreamEvent<S extends Stream> = {
  [T in keyof S['events'] & string]: { readonly type: T } & z.output<S['events'][T]>;
}[keyof S['events'] & string];

/** A stream that is open. Its events end when the context's signal aborts; an error that they throw is told and ends it. */
export interface OpenedStream<S extends Stream> {
  readonly opened: StreamOpened<S>;
  /**
   * Pulled only as fast as the client reads; what to do with the rest meanwhile is the service's own rule. An array: several
   * at once. An event that several clients get is encoded once if it is the same object.
   */
  readonly events: AsyncIterable<StreamEvent<S> | readonly StreamEvent<S>[]>;
}

/** One method per stream: a missing one does not compile. */
export type StreamHandlers<S extends Streams> = {
  readonly [K in keyof S]: (input: StreamInput<S[K]>, context: RequestContext) => Promise<OpenedStream<S[K]>>;
};

/** Checks what types cannot; a contract that is wrong fails when it is loaded. */
export function defineStreams<const S extends Streams>(streams: S): S {
  for (const [kind, { input, events }] of Object.entries<Stream>(streams)) {
    for (const name of ['op', 'id', 'kind'])
      if (name in input) throw new TypeError(`stream ${kind}: ${name} is a field of every frame`);
    for (const type of ['open', 'result', 'error', 'end'])
      if (type in events) throw new TypeError(`stream ${kind}: ${type} is the type of another frame`);
  }
  return streams;
}
