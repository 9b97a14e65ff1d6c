/** The contract of apps (D10): tenants with their own data, tokens with grants, and quotas. */
import { z } from 'zod';
import { GrantText } from './contract/grants.ts';
import { defineRoutes, json, jsonBody, parameter } from './contract/route.ts';
import { duration, Instant, integer } from './contract/values.ts';

const MAX_EXPIRY_MS = 3_650 * 86_400_000;
export const MAX_GRANTS = 32;

export const AppName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: 'it is not 1 to 63 of a–z, 0–9 and -',
});
/** The operator's own, which is always there. */
export const DEFAULT_APP = 'default';

const whole = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
/** Of the whole system, through all nodes together; absent: no limit. */
export const AppQuotas = z.strictObject({
  /** Calls a second. */
  requests: whole.optional(),
  /** Published messages a second. */
  messages: whole.optional(),
  /** Bytes of keys and values, each counted once however many replicas hold it. */
  storedBytes: whole.optional(),
  databases: whole.optional(),
});
export type AppQuotas = z.output<typeof AppQuotas>;

export const AppState = z.enum(['active', 'suspended', 'deleting']);
export const AppInfo = z.object({
  app: z.string(),
  state: AppState,
  createdAt: Instant,
  quotas: AppQuotas,
  /** How many tokens it has. */
  tokens: z.int(),
});
export type AppInfo = z.output<typeof AppInfo>;

export const TokenInfo = z.object({
  /** Names it; not secret. */
  id: z.string(),
  label: z.string(),
  grants: z.array(z.string()),
  createdAt: Instant,
  /** Null: never. */
  expiresAt: Instant.nullable(),
});
export type TokenInfo = z.output<typeof TokenInfo>;

/** The only answer that ever shows the token. */
export const IssuedToken = TokenInfo.extend({ token: z.string() });
export type IssuedToken = z.output<typeof IssuedToken>;

export const AppUsage = z.object({
  app: z.string(),
  /** Since each node started. */
  requests: z.int(),
  /** Those that a quota refused. */
  refused: z.int(),
  messages: z.int(),
  /** Null: no node could tell. */
  storedBytes: z.int().nullable(),
  /** Members that were asked, and those that did not answer. */
  nodes: z.int(),
  missing: z.array(z.string()),
});
export type AppUsage = z.output<typeof AppUsage>;

export const AuditEntry = z.object({
  at: Instant,
  /** Peer id of the node that was asked. */
  node: z.string(),
  /** `operator`, or the id of the token. */
  actor: z.string(),
  app: z.string(),
  /** `apps.createToken` */
  operation: z.string(),
  /** What it was done to: the fields of the path. */
  target: z.string(),
  /** `ok` or the code of the refusal. */
  outcome: z.string(),
});
export type AuditEntry = z.output<typeof AuditEntry>;

const app = { app: AppName };
const token = { ...app, token: z.string().regex(/^[0-9a-f]{16}$/, { error: 'it is not the id of a token' }) };
const invalid = { app: 'APP_NAME_INVALID' } as const;
const unavailable = ['APP_NAME_INVALID', 'RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'] as const;
const label = z.string().min(1).max(100);

export const appsRoutes = defineRoutes({
  list: {
    summary: 'All apps.',
    method: 'GET',
    path: '/v1/apps',
    grant: 'apps:read',
    output: json(z.object({ apps: z.array(AppInfo) })),
    errors: ['RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'],
  },
  put: {
    summary: 'Makes an app, or sets the quotas of the one there is.',
    method: 'PUT',
    path: '/v1/apps/{app}',
    grant: 'apps:write',
    params: app,
    body: jsonBody(z.strictObject({ quotas: AppQuotas.optional() }), 4_096),
    output: json(z.object({ created: z.boolean(), app: AppInfo })),
    errors: ['APP_DELETING', 'APP_PROTECTED', ...unavailable],
    invalid,
    repeatable: true,
  },
  get: {
    summary: 'One app.',
    method: 'GET',
    path: '/v1/apps/{app}',
    grant: 'apps:read',
    params: app,
    output: json(AppInfo),
    errors: ['APP_NOT_FOUND', ...unavailable],
    invalid,
  },
  suspend: {
    summary: 'Refuses all tokens of an app until it is resumed; its data stays.',
    method: 'POST',
    path: '/v1/apps/{app}/suspend',
    grant: 'apps:write',
    params: app,
    output: json(AppInfo),
    errors: ['APP_NOT_FOUND', 'APP_DELETING', 'APP_PROTECTED', ...unavailable],
    invalid,
    repeatable: true,
  },
  resume: {
    summary: 'Takes the tokens of a suspended app again.',
    method: 'POST',
    path: '/v1/apps/{app}/resume',
    grant: 'apps:write',
    params: app,
    output: json(AppInfo),
    errors: ['APP_NOT_FOUND', 'APP_DELETING', ...unavailable],
    invalid,
    repeatable: true,
  },
  delete: {
    summary: 'Deletes an app with its tokens and all its data. A repeat goes on where it was interrupted.',
    method: 'DELETE',
    path: '/v1/apps/{app}',
    grant: 'apps:write',
    params: app,
    query: { confirm: z.string().max(63).optional() },
    output: json(
      z.object({
        existed: z.boolean(),
        /** What was deleted: `{"kv": 12}` keys, topics, databases. */
        deleted: z.record(z.string(), z.int()),
      }),
    ),
    errors: ['APP_CONFIRMATION_MISSING', 'APP_PROTECTED', ...unavailable],
    invalid,
    repeatable: true,
  },
  listTokens: {
    summary: 'The tokens of an app, without their secrets.',
    method: 'GET',
    path: '/v1/apps/{app}/tokens',
    grant: 'apps:read',
    params: app,
    output: json(z.object({ tokens: z.array(TokenInfo) })),
    errors: ['APP_NOT_FOUND', ...unavailable],
    invalid,
  },
  createToken: {
    summary: 'Makes a token. Its secret is in this answer and nowhere else.',
    method: 'POST',
    path: '/v1/apps/{app}/tokens',
    grant: 'apps:write',
    params: app,
    body: jsonBody(
      z.strictObject({
        label: label.optional(),
        grants: z.array(GrantText).min(1).max(MAX_GRANTS),
        /** As `90d`; absent: never expires. */
        expiresIn: duration(1_000, MAX_EXPIRY_MS).optional(),
      }),
      32_768,
    ),
    output: json(IssuedToken),
    errors: ['APP_NOT_FOUND', 'APP_DELETING', 'APP_TOKENS_FULL', 'GRANT_REFUSED', ...unavailable],
    invalid,
  },
  rotateToken: {
    summary:
      'Makes a new token with the same grants; the old one ends after the time given, at once by default.',
    method: 'POST',
    path: '/v1/apps/{app}/tokens/{token}/rotate',
    grant: 'apps:write',
    params: token,
    query: { graceMs: parameter('grace', duration(1, 30 * 86_400_000).optional()) },
    output: json(IssuedToken),
    errors: ['APP_NOT_FOUND', 'APP_DELETING', 'APP_TOKENS_FULL', 'TOKEN_NOT_FOUND', ...unavailable],
    invalid,
  },
  revokeToken: {
    summary:
      'Ends a token: at once on this node, within ten seconds on every other that reaches a majority, within sixty on all.',
    method: 'DELETE',
    path: '/v1/apps/{app}/tokens/{token}',
    grant: 'apps:write',
    params: token,
    output: json(z.object({ existed: z.boolean() })),
    errors: ['APP_NOT_FOUND', ...unavailable],
    invalid,
    repeatable: true,
  },
  usage: {
    summary: 'What an app has used, summed over the nodes that answer.',
    method: 'GET',
    path: '/v1/apps/{app}/usage',
    grant: 'apps:read',
    params: app,
    output: json(AppUsage),
    errors: ['APP_NOT_FOUND', ...unavailable],
    invalid,
  },
  whoami: {
    summary: 'Whose token this is and what it allows.',
    method: 'GET',
    path: '/v1/whoami',
    grant: 'token',
    output: json(
      z.object({
        app: z.string(),
        grants: z.array(z.string()),
        /** Null: the operator. */
        token: TokenInfo.nullable(),
      }),
    ),
    errors: [],
  },
  audit: {
    summary: 'Administrative calls of the last 90 days, the newest first.',
    method: 'GET',
    path: '/v1/audit',
    grant: 'audit:read',
    query: { limit: integer(1, 1_000).optional() },
    output: json(z.object({ entries: z.array(AuditEntry) })),
    errors: ['RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'],
  },
});
