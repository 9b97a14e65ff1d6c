/** What the door asks about apps and their tokens; the service that knows is passed in. */
import type { AuditEntry } from '@p2pos/protocol';

export interface Headroom {
  /** Calls a second through all nodes together. */
  readonly limit: number;
  /** That this node would take now. */
  readonly remaining: number;
  readonly resetMs: number;
}

export interface Tenant {
  readonly app: string;
  readonly token: { readonly id: string; readonly grants: readonly string[] };
  /** Takes one call from the app's quotas. @throws P2posError QUOTA_EXCEEDED, QUOTA_STORAGE */
  charge(cost: {
    /** Default 1. */
    readonly requests?: number;
    readonly messages: number;
    readonly stores: boolean;
  }): Promise<Headroom | undefined>;
}

export interface Tenants {
  /** Undefined: nobody's token. @throws P2posError TOKEN_EXPIRED, APP_SUSPENDED, AUTH_STALE, OVERLOADED */
  admit(secret: string): Promise<Tenant | undefined>;
  /** That the operator may act in the app. @throws P2posError APP_NOT_FOUND, APP_DELETING, AUTH_STALE */
  check(app: string): Promise<void>;
  /** An administrative call, after its end. Never throws. */
  note(entry: Omit<AuditEntry, 'at' | 'node'>): Promise<void>;
}
