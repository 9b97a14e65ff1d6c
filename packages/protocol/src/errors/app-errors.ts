/** The part of the error table that tells of apps, their tokens and their quotas. */
import type { ErrorEntry } from './entry.ts';

export const APP_ERRORS = {
  APP_NAME_INVALID: {
    status: 400,
    retry: false,
    text: 'The name of the app is refused: {reason}. A name is 1 to 63 of a–z, 0–9 and -, beginning and ending with a letter or digit.',
  },
  APP_NOT_FOUND: {
    status: 404,
    retry: false,
    text: 'There is no app {app}. p2pctl apps list shows those there are; p2pctl apps create {app} makes it.',
  },
  APP_SUSPENDED: {
    status: 403,
    retry: false,
    text: 'The app {app} is suspended: its tokens are refused until the operator resumes it (p2pctl apps resume {app}).',
  },
  APP_DELETING: {
    status: 409,
    retry: true,
    text: 'The app {app} is being deleted with its data. When that is done its name is free again.',
  },
  APP_PROTECTED: {
    status: 409,
    retry: false,
    text: 'The app {app} belongs to the operator: it can be neither suspended, deleted nor limited.',
  },
  APP_CONFIRMATION_MISSING: {
    status: 400,
    retry: false,
    text: 'This deletes the app {app} with all its data for good. Confirm by its name: ?confirm={app}, or p2pctl apps delete {app} --confirm {app}',
  },
  APP_TOKENS_FULL: {
    status: 409,
    retry: false,
    text: 'The app {app} has as many tokens as fit. Delete those that nobody uses: p2pctl apps tokens list {app}',
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    retry: false,
    text: 'The app {app} has no token {token}. p2pctl apps tokens list {app} shows those there are.',
  },
  TOKEN_EXPIRED: {
    status: 401,
    retry: false,
    text: 'This token of the app {app} expired at {expiredAt}. Ask the operator for another.',
  },
  GRANT_REFUSED: {
    status: 400,
    retry: false,
    text: 'A token of the app {app} cannot be granted {grant}: tenants get kv, pubsub, sql and rendezvous; the rest is for tokens of the app default.',
  },
  AUTH_STALE: {
    status: 503,
    retry: true,
    text: 'This node has not been able to check the tokens of the app {app} for more than {boundMs} ms, so it takes none. Ask another node, or try again.',
  },
  QUOTA_EXCEEDED: {
    status: 429,
    retry: true,
    text: 'The app {app} is over its quota of {limit} {quota} a second. Try again after the time in retry-after; the operator sets quotas with p2pctl apps quota.',
  },
  QUOTA_STORAGE: {
    status: 413,
    retry: false,
    text: 'The app {app} stores {used} of the {limit} bytes it may. Delete something first; the operator sets quotas with p2pctl apps quota.',
  },
  QUOTA_DATABASES: {
    status: 409,
    retry: false,
    text: 'The app {app} has its {limit} databases. Delete one first; the operator sets quotas with p2pctl apps quota.',
  },
} as const satisfies Record<string, ErrorEntry>;
