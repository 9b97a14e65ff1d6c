/** Who asks, and whether they may. */
import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { AppName, DEFAULT_APP, type Grant, mayAllow, P2posError, type Route } from '@p2pos/protocol';
import type { AdminToken } from './admin-token.ts';
import { isOwnOrigin } from './origin.ts';
import type { Sessions } from './sessions.ts';
import type { Headroom, Tenant, Tenants } from './tenants.ts';

export interface Caller {
  readonly app: string;
  readonly grants: readonly string[];
  /** Whose token it is; absent: the operator, or nobody. */
  readonly tenant?: Tenant;
  /** Asks again whose token or session it is; rejects when it ended. Absent: the operator's token, which stays as it is. */
  readonly again?: () => Promise<Caller>;
}

export interface CallerDeps {
  readonly token: AdminToken;
  readonly sessions: Sessions;
  /** Absent: there are no apps here but the operator's. */
  readonly tenants?: Tenants | undefined;
}

const TOKEN = /^p2pos_[\w-]{43}$/;
/** Who has no token. */
export const NOBODY: Caller = { app: DEFAULT_APP, grants: [] };

/** @throws P2posError AUTH_REQUIRED, ORIGIN_REFUSED, and what tenants and names of apps are refused with */
export async function identifyRequest(
  deps: CallerDeps,
  request: IncomingMessage,
  grant: Grant,
): Promise<Caller> {
  if (grant === 'none') return NOBODY;
  const { method = '', headers } = request;
  const { authorization, cookie } = headers;
  const app = headers['x-p2pos-app'];
  let caller: Caller | undefined;
  if (authorization !== undefined) caller = await callerOfBearer(deps, authorization, app);
  else if (deps.sessions.isOpen(cookie)) {
    // The browser adds the cookie by itself, so a write must also show that our page sent it.
    const safe = method === 'GET' || method === 'HEAD';
    if (!safe) requireOwnOrigin(headers);
    caller = await operator(deps, app);
  }
  if (caller) return caller;
  if (grant === 'loopback' && isLocal(request)) return NOBODY;
  throw new P2posError('AUTH_REQUIRED');
}

/**
 * Who opens a socket, as far as its request tells; undefined: it has yet to say.
 *
 * @throws P2posError AUTH_REQUIRED for a token that is not valid, ORIGIN_REFUSED for a session from another page
 */
export async function admitSocket(
  deps: CallerDeps,
  { headers }: IncomingMessage,
): Promise<Caller | undefined> {
  const { authorization, cookie } = headers;
  const app = headers['x-p2pos-app'];
  if (authorization !== undefined) {
    const caller = await callerOfBearer(deps, authorization, app);
    if (!caller) throw new P2posError('AUTH_REQUIRED');
    return caller;
  }
  if (!deps.sessions.isOpen(cookie)) return undefined;
  requireOwnOrigin(headers);
  const page: Caller = {
    ...(await operator(deps, app)),
    async again() {
      if (!deps.sessions.isOpen(cookie)) throw new P2posError('AUTH_REQUIRED');
      return page;
    },
  };
  return page;
}

/** @throws P2posError AUTH_REQUIRED, GRANT_MISSING, BAD_REQUEST, and what tenants are refused with */
export async function admitToken(deps: CallerDeps, guess: string, app?: unknown): Promise<Caller> {
  const caller = await callerOf(deps, guess, app);
  if (!caller) throw new P2posError('AUTH_REQUIRED');
  return caller;
}

/** Undefined: nobody's token. */
async function callerOf(deps: CallerDeps, guess: string, app: unknown): Promise<Caller | undefined> {
  if (deps.token.matches(guess)) return operator(deps, app);
  const tenant = TOKEN.test(guess) ? await deps.tenants?.admit(guess) : undefined;
  if (!tenant) return undefined;
  // A tenant's token names its app.
  if (app !== undefined && app !== tenant.app) throw new P2posError('GRANT_MISSING', { grant: 'admin:app' });
  const again = () => admitToken(deps, guess, app);
  return { app: tenant.app, grants: tenant.token.grants, tenant, again };
}

/** Whether they could allow it for some name; for which, is checked when the input is known. @throws P2posError GRANT_MISSING */
export function checkGrant(grants: readonly string[], grant: Grant): void {
  if (mayAllow(grants, grant)) return;
  throw new P2posError('GRANT_MISSING', { grant });
}

/** Takes the call from the quotas of the caller's app. @throws P2posError QUOTA_EXCEEDED, QUOTA_STORAGE */
export async function charge({ tenant }: Caller, route: Route | undefined): Promise<Headroom | undefined> {
  if (!tenant) return undefined;
  const meter = route?.meter;
  const messages = meter === 'message' || meter === 'kept-message' ? 1 : 0;
  return tenant.charge({ messages, stores: meter === 'storage' || meter === 'kept-message' });
}

async function callerOfBearer(deps: CallerDeps, authorization: string, app: unknown) {
  const guess = /^Bearer +(\S{1,200}) *$/i.exec(authorization)?.[1];
  return guess === undefined ? undefined : callerOf(deps, guess, app);
}

function requireOwnOrigin(headers: IncomingMessage['headers']): void {
  if (headers.origin !== undefined && isOwnOrigin(headers)) return;
  throw new P2posError('ORIGIN_REFUSED', { origin: headers.origin ?? '(no origin header)' });
}

/** From this machine, and not handed on by a proxy on it. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const loopback = address === '::1' || (isIPv4(address) && address.startsWith('127.'));
  return loopback && !('forwarded' in headers) && !('x-forwarded-for' in headers);
}

/** Only the operator may choose the app, and a name cannot reach into another namespace. */
async function operator({ tenants }: CallerDeps, wanted: unknown): Promise<Caller> {
  if (wanted === undefined) return { app: DEFAULT_APP, grants: ['*'] };
  const { success, data: app } = AppName.safeParse(wanted);
  if (!success) {
    throw new P2posError('BAD_REQUEST', {
      reason: 'x-p2pos-app must be the name of an app: 1 to 63 of a–z, 0–9 and -.',
    });
  }
  await tenants?.check(app);
  return { app, grants: ['*'] };
}
