/** What can be called and followed by name, over a socket or as a peer, with all that follows from the contract made once. */
import { P2posError, type RequestContext, type Route, type Stream } from '@p2pos/protocol';
import { z } from 'zod';
import type { Operation, StreamOperation } from '../service.ts';
import { createRouteReader, createStreamReader, encodeResult, type FieldReader } from './fields.ts';

/** An event as frames carry it, all but the id; with what the codecs made of it, so that they do so once. */
export interface SharedEvent {
  readonly fields: Readonly<Record<string, unknown>>;
  text?: string;
  bytes?: Uint8Array;
}

export interface BoundCall {
  readonly route: Route;
  readonly reader: FieldReader;
  handle(input: Record<string, unknown>, context: RequestContext): Promise<unknown>;
  encode(value: unknown): unknown;
}

/** Of a body that is neither bytes nor text of them. */
const UNKNOWN_WEIGHT = 1_024;
/**
 * Where an event keeps how it is told. A WeakMap would do the same at a price: what an old table refers to counts as alive
 * until the next full collection, so every event would be moved twice by the quick ones.
 */
const SHARED: unique symbol = Symbol('shared');
type Event = { readonly type: string; [SHARED]?: SharedEvent } & Readonly<Record<string, unknown>>;

export interface BoundStream {
  readonly stream: Stream;
  readonly reader: FieldReader;
  readonly open: StreamOperation['open'];
  encodeOpened(opened: unknown): Record<string, unknown>;
  /** The same event gives the same object. */
  encodeEvent(event: Event): SharedEvent;
}

export interface Catalogue {
  /** @throws P2posError METHOD_NOT_SERVED */
  call(method: string): BoundCall;
  /** @throws P2posError STREAM_NOT_SERVED */
  stream(kind: string): BoundStream;
}

export function createCatalogue(
  operations: readonly Operation[],
  streams: readonly StreamOperation[],
): Catalogue {
  const calls = new Map(
    operations.map(({ id, route, handle }): [string, BoundCall] => [
      id,
      { route, reader: createRouteReader(route), handle, encode: (value) => encodeResult(route, value) },
    ]),
  );
  const kinds = new Map(
    streams.map(({ kind, stream, open }): [string, BoundStream] => [
      kind,
      {
        stream,
        reader: createStreamReader(stream),
        open,
        encodeOpened: (opened) => z.encode(stream.opened, opened as never) as Record<string, unknown>,
        encodeEvent(event) {
          const known = event[SHARED];
          if (known) return known;
          const { type, ...fields } = event;
          const schema = stream.events[type];
          if (!schema) throw new TypeError(`stream ${kind} has no event ${type}`);
          const encoded: SharedEvent = { fields: { ...z.encode(schema, fields as never), type } };
          if (Object.isExtensible(event)) event[SHARED] = encoded;
          return encoded;
        },
      },
    ]),
  );
  return {
    call(method) {
      const found = calls.get(method);
      if (found) return found;
      throw new P2posError('METHOD_NOT_SERVED', { method: method.slice(0, 64) });
    },
    stream(kind) {
      const found = kinds.get(kind);
      if (found) return found;
      throw new P2posError('STREAM_NOT_SERVED', {
        kind: kind.slice(0, 64),
        known: [...kinds.keys()].join(', '),
      });
    },
  };
}

/** What a body takes of the bytes in flight, as far as it shows before it is looked at. */
export function bodyWeight({ body }: Route, input: Readonly<Record<string, unknown>> = {}): number {
  if (!body) return 0;
  const { body: sent } = input;
  if (sent instanceof Uint8Array) return sent.length;
  // In JSON bytes travel as {"$blob": "base64"}; other bodies are small.
  const text = (sent as { readonly $blob?: unknown } | null | undefined)?.$blob;
  return typeof text === 'string' ? text.length : UNKNOWN_WEIGHT;
}
