/** How an operation is described to a client: where each field of a call goes, and what comes back. */
import type { ErrorCode, Route } from '@p2pos/protocol';
import type { Shape } from './shape.ts';

/** Name in code (`?`: may be absent), place, name on the wire, shape. */
export type Field = readonly [
  name: string,
  place: 'path' | 'query' | 'header',
  wireName: string,
  shape: Shape,
];

export interface Operation {
  readonly method: Route['method'];
  readonly path: string;
  readonly fields: readonly Field[];
  /** The content type of bytes, or the shape of JSON. */
  readonly body?: { readonly bytes: string } | { readonly json: Shape };
  /** Of an answer in bytes or without a body, the fields in its headers. */
  readonly output: { readonly json: Shape } | { readonly kind: string; readonly fields: readonly Field[] };
  readonly invalid?: Readonly<Record<string, ErrorCode>>;
  /** A repeat has no further effect, if need be under an idempotency key. */
  readonly repeatable: boolean;
}

export interface StreamTable {
  readonly input: Readonly<Record<string, Shape>>;
  readonly opened: Shape;
  readonly events: Readonly<Record<string, Shape>>;
}
