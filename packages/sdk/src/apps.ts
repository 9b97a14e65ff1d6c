import type { AppInfo, AppQuotas, AppUsage, AuditEntry, IssuedToken, TokenInfo } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import type { Output } from './contract/operation.ts';

export interface CreateTokenInput {
  /** `kv:read`, `kv:write@orders/`, `pubsub:*`, … */
  readonly grants: readonly string[];
  readonly label?: string;
  /** Absent: it never expires. */
  readonly expiresInMs?: number;
}

/** With the operator's token, or one of the app `default` with the grants `apps:*`. */
export interface AppsClient {
  list(options?: CallOptions): Promise<AppInfo[]>;
  /** @throws P2posError APP_NOT_FOUND */
  get(app: string, options?: CallOptions): Promise<AppInfo>;
  /** Makes it; of one that is there sets the quotas, if given. */
  put(
    app: string,
    input?: { readonly quotas?: AppQuotas },
    options?: CallOptions,
  ): Promise<{ readonly created: boolean; readonly app: AppInfo }>;
  suspend(app: string, options?: CallOptions): Promise<AppInfo>;
  resume(app: string, options?: CallOptions): Promise<AppInfo>;
  /** With all its data and tokens, for good. `confirm` is its name again. */
  delete(
    app: string,
    input: { readonly confirm: string },
    options?: CallOptions,
  ): Promise<Output<'apps.delete'>>;
  usage(app: string, options?: CallOptions): Promise<AppUsage>;
  readonly tokens: {
    list(app: string, options?: CallOptions): Promise<TokenInfo[]>;
    /** The secret is in this answer only. */
    create(app: string, input: CreateTokenInput, options?: CallOptions): Promise<IssuedToken>;
    /** A new token with the same grants; the old one ends after `graceMs`, by default at once. */
    rotate(
      app: string,
      id: string,
      input?: { readonly graceMs?: number },
      options?: CallOptions,
    ): Promise<IssuedToken>;
    revoke(app: string, id: string, options?: CallOptions): Promise<{ readonly existed: boolean }>;
  };
}

export function createAppsClient(call: Call): AppsClient {
  return {
    list: async (options) => (await call('apps.list', {}, options)).apps,
    get: (app, options) => call('apps.get', { app }, options),
    put: (app, { quotas } = {}, options) =>
      call('apps.put', { app, body: { ...(quotas && { quotas }) } }, options),
    suspend: (app, options) => call('apps.suspend', { app }, options),
    resume: (app, options) => call('apps.resume', { app }, options),
    delete: (app, { confirm }, options) => call('apps.delete', { app, confirm }, options),
    usage: (app, options) => call('apps.usage', { app }, options),
    tokens: {
      list: async (app, options) => (await call('apps.listTokens', { app }, options)).tokens,
      create: (app, { grants, label, expiresInMs }, options) =>
        call(
          'apps.createToken',
          {
            app,
            body: {
              grants: [...grants],
              ...(label !== undefined && { label }),
              ...(expiresInMs !== undefined && { expiresIn: expiresInMs }),
            },
          },
          options,
        ),
      rotate: (app, token, { graceMs } = {}, options) =>
        call('apps.rotateToken', { app, token, ...(graceMs !== undefined && { graceMs }) }, options),
      revoke: (app, token, options) => call('apps.revokeToken', { app, token }, options),
    },
  };
}

/** Administrative calls, the newest first. */
export type Audit = (limit?: number, options?: CallOptions) => Promise<AuditEntry[]>;

export function createAudit(call: Call): Audit {
  return async (limit, options) =>
    (await call('apps.audit', { ...(limit !== undefined && { limit }) }, options)).entries;
}
