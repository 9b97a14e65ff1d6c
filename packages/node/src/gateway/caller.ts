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
  const grants = grantsOf();
  if (!grants) {
    if (grant === 'loopback' && isLocal(request)) return STRANGER;
    throw new P2posError('AUTH_REQUIRED');
  }
  if (grant !== 'loopback' && !allows(grants, grant)) throw new P2posError('GRANT_MISSING', { grant });
  return { app: appOf(request, grants), grants };

  function grantsOf(): readonly string[] | undefined {
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined) {
      const guess = /^Bearer +(\S{1,200}) *$/i.exec(authorization)?.[1];
      return guess !== undefined && token.matches(guess) ? ['*'] : undefined;
    }
    if (!sessions.isOpen(cookie)) return undefined;
    // The browser adds the cookie by itself, so a write must also show that our page sent it.
    const { method = '', headers } = request;
    const safe = method === 'GET' || method === 'HEAD';
    if (!safe && (headers.origin === undefined || !isOwnOrigin(headers))) {
      throw new P2posError('ORIGIN_REFUSED', { origin: headers.origin ?? '(no origin header)' });
    }
    return ['*'];
  }
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
function appOf({ headers }: IncomingMessage, grants: readonly string[]): string {
  const wanted = headers['x-p2pos-app'];
  if (wanted === undefined) return DEFAULT_APP;
  if (!grants.includes('*')) throw new P2posError('GRANT_MISSING', { grant: 'admin:app' });
  if (typeof wanted === 'string' && APP_NAME.test(wanted)) return wanted;
  throw new P2posError('BAD_REQUEST', {
    reason: 'The header x-p2pos-app must be the name of an app: 1 to 63 of a–z, 0–9 and -.',
  });
}
