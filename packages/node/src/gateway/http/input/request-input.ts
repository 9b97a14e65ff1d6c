/** From a request to what a handler takes: every field decoded by the schema of its route. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  firstIssue,
  P2posError,
  type Route,
  type RouteField,
  refuseField,
  routeFields,
} from '@p2pos/protocol';
import { z } from 'zod';
import { matchPath, parseQuery, percentDecode, splitTarget } from './request-target.ts';

export interface RawRequest {
  /** As sent: path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array | undefined;
}

/** @throws P2posError BAD_REQUEST or the code that the route names under `invalid`. */
export function readInput(route: Route, request: RawRequest): Record<string, unknown> {
  const { path, query } = splitTarget(request.url);
  const fields = routeFields(route);
  const params = matchPath(route.path, path) ?? {};
  const known = fields.filter(({ place }) => place === 'query').map(({ wireName }) => wireName);
  const parameters = parseQuery(query, known);
  const input: Record<string, unknown> = {};
  for (const field of fields) {
    const text =
      field.place === 'path'
        ? readParam(route, params[field.name])
        : field.place === 'query'
          ? parameters.get(field.wireName)
          : headerText(request.headers[field.wireName]);
    const result = z.safeDecode(field.schema, text);
    if (!result.success)
      refuse(route, field, text === undefined ? 'it is missing' : firstIssue(result.error));
    if (result.data !== undefined) input[field.name] = result.data;
  }
  if (route.body) input['body'] = readBody(route, request.body ?? new Uint8Array());
  return input;
}

/** For a path that the router could not decode: the refusal of the route that it would have met. */
export function badPath(route: Route | undefined): P2posError {
  const field = route && routeFields(route).find(({ place }) => place === 'path');
  if (!route || !field)
    return new P2posError('BAD_REQUEST', { reason: 'The path is not percent-encoded UTF-8.' });
  return refuseField(route, field, 'it is not percent-encoded UTF-8');
}

function readParam(route: Route, raw: string | undefined): string {
  const text = raw === undefined ? undefined : percentDecode(raw);
  if (text === undefined) throw badPath(route);
  return text;
}

function readBody(route: Route, bytes: Uint8Array): unknown {
  if (route.body?.kind !== 'json') return bytes;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = bytes.length === 0 ? 'it is empty' : error instanceof Error ? error.message : '';
    throw new P2posError('BAD_REQUEST', { reason: `The body is not JSON: ${reason.slice(0, 200)}.` });
  }
  const result = z.safeDecode(route.body.schema, value);
  if (result.success) return result.data;
  throw new P2posError('BAD_REQUEST', { reason: `The body is refused: ${firstIssue(result.error)}.` });
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

function refuse(route: Route, field: RouteField, reason: string): never {
  throw refuseField(route, field, reason);
}
