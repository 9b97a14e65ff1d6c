/** Who asks, and whether they may. */
import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { type Grant, P2posError } from '@p2pos/protocol';
import type { AdminToken } from './admin-token.ts';
import { isOwnOrigin } from './origin.ts';
import type { Sessions } from './sessions.ts';

const DEFAULT_APP = 'default';
const APP_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export interface Caller {
  readonly app: string;
  readonly grants: readonly string[];
}

export interface CallerDeps {
  readonly token: AdminToken;
  readonly sessions: Sessions;
}

const STRANGER: Caller = { app: DEFAULT_APP, grants: [] };

/** @throws P2posError AUTH_REQUIRED, GRANT_MISSING, ORIGIN_REFUSED or BAD_REQUEST for the app's name */
export function admitCaller({ token, sessions }: CallerDeps, request: IncomingMessage, grant: Grant): Caller {
  if (grant === 'none') return STRANGER;
  const { method = '', headers } = request;
  const grants = grantsOf();
  if (!grants) {
    if (grant === 'loopback' && isLocal(request)) return STRANGER;
    throw new P2posError('AUTH_REQUIRED');
  }
  checkGrant(grants, grant);
  return { app: appOf(headers['x-p2pos-app'], grants), grants };

  function grantsOf(): readonly string[] | undefined {
    const { authorization, cookie } = headers;
    if (authorization !== undefined) return grantsOfBearer(token, authorization);
    if (!sessions.isOpen(cookie)) return undefined;
    // The browser adds the cookie by itself, so a write must also show that our page sent it.
    const safe = method === 'GET' || method === 'HEAD';
    if (!safe) requireOwnOrigin(headers);
    return ['*'];
  }
}

/**
 * Who opens a socket, as far as its request tells; undefined: it has yet to say.
 *
 * @throws P2posError AUTH_REQUIRED for a token that is not valid, ORIGIN_REFUSED for a session from another page
 */
export function admitSocket(
  { token, sessions }: CallerDeps,
  { headers }: IncomingMessage,
): Caller | undefined {
  const { authorization, cookie } = headers;
  if (authorization !== undefined) {
    const grants = grantsOfBearer(token, authorization);
    if (!grants) throw new P2posError('AUTH_REQUIRED');
    return { app: appOf(headers['x-p2pos-app'], grants), grants };
  }
  if (!sessions.isOpen(cookie)) return undefined;
  requireOwnOrigin(headers);
  return { app: appOf(headers['x-p2pos-app'], ['*']), grants: ['*'] };
}

/** @throws P2posError AUTH_REQUIRED, GRANT_MISSING, BAD_REQUEST */
export function admitToken({ token }: Pick<CallerDeps, 'token'>, guess: string, app?: string): Caller {
  if (!token.matches(guess)) throw new P2posError('AUTH_REQUIRED');
  return { app: appOf(app, ['*']), grants: ['*'] };
}

/** @throws P2posError GRANT_MISSING */
export function checkGrant(grants: readonly string[], grant: Grant): void {
  if (grant === 'none' || grant === 'loopback' || allows(grants, grant)) return;
  throw new P2posError('GRANT_MISSING', { grant });
}

function grantsOfBearer(token: AdminToken, authorization: string): readonly string[] | undefined {
  const guess = /^Bearer +(\S{1,200}) *$/i.exec(authorization)?.[1];
  return guess !== undefined && token.matches(guess) ? ['*'] : undefined;
}

function requireOwnOrigin(headers: IncomingMessage['headers']): void {
  if (headers.origin !== undefined && isOwnOrigin(headers)) return;
  throw new P2posError('ORIGIN_REFUSED', { origin: headers.origin ?? '(no origin header)' });
}

/** `*` is everything, `kv:*` everything of one capability. */
function allows(grants: readonly string[], grant: Grant): boolean {
  const capability = grant.slice(0, grant.indexOf(':'));
  return grants.some((held) => held === '*' || held === grant || held === `${capability}:*`);
}

/** From this machine, and not handed on by a proxy on it. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const loopback = address === '::1' || (isIPv4(address) && address.startsWith('127.'));
  return loopback && !('forwarded' in headers) && !('x-forwarded-for' in headers);
}

/** A tenant's token names its app; only the operator may choose, and a name cannot reach into another namespace. */
function appOf(wanted: unknown, grants: readonly string[]): string {
  if (wanted === undefined) return DEFAULT_APP;
  if (!grants.includes('*')) throw new P2posError('GRANT_MISSING', { grant: 'admin:app' });
  if (typeof wanted === 'string' && APP_NAME.test(wanted)) return wanted;
  throw new P2posError('BAD_REQUEST', {
    reason: 'x-p2pos-app must be the name of an app: 1 to 63 of a–z, 0–9 and -.',
  });
}
