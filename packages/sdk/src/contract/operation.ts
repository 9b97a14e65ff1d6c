/** Operations and streams as a client knows them: by name, with how their fields travel. The table is generated. */

import {
  type OperationId,
  type OperationOf,
  P2posError,
  type Route,
  type RouteInput,
  type RouteOutput,
  refuseField,
} from '@p2pos/protocol';
import type { Field, Operation } from './description.ts';
import { OPERATIONS } from './operations.ts';
import { decodeShape, encodeShape, Mismatch, type Shape } from './shape.ts';

/** By its name, or as a value of the contract, found again by method and path. */
export type Asked = OperationId | Route;
type Known<A extends Asked> = A extends OperationId ? OperationOf<A> : A extends Route ? A : never;
export type Input<A extends Asked> = RouteInput<Known<A>>;
export type Output<A extends Asked> = RouteOutput<Known<A>>;

let names: ReadonlyMap<string, OperationId> | undefined;

/** @throws P2posError BAD_REQUEST for what this version of the contract does not have */
export function operationId(asked: Asked): OperationId {
  if (typeof asked === 'string') {
    if (Object.hasOwn(OPERATIONS, asked)) return asked;
    throw new P2posError('BAD_REQUEST', { reason: `The contract has no operation ${asked}.` });
  }
  names ??= new Map(
    Object.entries(OPERATIONS).map(([id, one]) => [`${one.method} ${one.path}`, id as OperationId]),
  );
  const id = names.get(`${asked.method} ${asked.path}`);
  if (id) return id;
  throw new P2posError('BAD_REQUEST', {
    reason: `The contract has no operation ${asked.method} ${asked.path}.`,
  });
}

/** All but the body, by name in code, as text or what a socket carries. Throws the node's own refusals. */
export function* encodeFields(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): Generator<{ readonly name: string; readonly field: Field; readonly wire: unknown }> {
  for (const field of operation.fields) {
    const [named, , , shape] = field;
    const name = named.replace('?', '');
    const value = input[name];
    if (value === undefined && named !== name) continue;
    try {
      yield { name, field, wire: encodeShape(shape, value) };
    } catch (error) {
      throw error instanceof Mismatch ? refuse(operation, field, error.reason) : error;
    }
  }
}

/** The body as JSON or a socket carries it; bytes as they are. */
export function encodeBody({ body }: Operation, value: unknown): unknown {
  if (!body) return undefined;
  try {
    return encodeShape('json' in body ? body.json : 'bytes', value);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new P2posError('BAD_REQUEST', { reason: `The body is refused: ${error.reason}.` });
  }
}

/** @throws P2posError ANSWER_UNEXPECTED */
export function decodeAs(shape: Shape, wire: unknown, url: string): unknown {
  try {
    return decodeShape(shape, wire);
  } catch (error) {
    throw new P2posError('ANSWER_UNEXPECTED', { url, reason: (error as Mismatch).reason });
  }
}

export function refuse(operation: Operation, [named, place, wireName]: Field, reason: string): P2posError {
  return refuseField(operation, { name: named.replace('?', ''), place, wireName }, reason);
}
