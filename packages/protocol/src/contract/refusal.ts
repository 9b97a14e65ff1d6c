/** How the refusal of an input reads, the same at the client that checks before it sends and at the node. */
import { type ErrorCode, P2posError } from '../errors/errors.ts';
import type { Route, RouteField } from './route.ts';

const NOUNS = { path: 'path segment', query: 'query parameter', header: 'header' } as const;

/** With the code that the route names under `invalid`, else `BAD_REQUEST`. */
export function refuseField(
  route: Pick<Route, 'invalid'>,
  { name, place, wireName }: Pick<RouteField, 'name' | 'place' | 'wireName'>,
  reason: string,
): P2posError {
  const code: ErrorCode | undefined = route.invalid?.[name];
  if (code) return new P2posError(code, { name: wireName, reason });
  return new P2posError('BAD_REQUEST', {
    name: wireName,
    reason: `The ${NOUNS[place]} ${wireName} is refused: ${reason}.`,
  });
}

/** The first problem that a schema found, with its place. */
export function firstIssue(error: {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[];
}): string {
  const issue = error.issues[0];
  if (!issue) return 'it is invalid';
  return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
}
