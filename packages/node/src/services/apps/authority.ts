/**
 * Whose token it is and what it allows now. Answers are remembered for ten seconds, then asked of a majority again; a node
 * that cannot ask goes on for a minute in all and then takes no tenant: so a revoked token ends everywhere within that.
 */
import { P2posError, toHex } from '@p2pos/protocol';
import { createAllowance } from '../../core/allowance/index.ts';
import type { Clock } from '../../core/clock/index.ts';
import type { CallOptions } from '../../core/records/index.ts';
import { type Catalogue, hashOf } from './catalogue.ts';
import type { Document, Token } from './document.ts';

/** For how long a node that can ask nobody takes the tokens it knows. */
export const AUTH_BOUND_MS = 60_000;

export interface AuthorityConfig {
  /** How long an answer is taken without asking again. Default 10 s. */
  readonly freshMs?: number;
  /** How long it is taken while nobody can be asked: the promise to those who revoke. Default 60 s. */
  readonly boundMs?: number;
  /** Apps and tokens remembered; the longest unused are forgotten. Default 10 000 each. */
  readonly maxRemembered?: number;
  /** Unknown tokens that are looked up a second; what is beyond is OVERLOADED. Default 200. */
  readonly unknownPerSecond?: number;
}

export interface Admitted {
  readonly app: string;
  readonly token: Token;
  readonly document: Document;
}

export interface Authority {
  /**
   * Undefined: nobody's.
   *
   * @throws P2posError TOKEN_EXPIRED, APP_SUSPENDED, AUTH_STALE, OVERLOADED
   */
  admit(secret: string, options?: CallOptions): Promise<Admitted | undefined>;
  /** As last heard, at most `freshMs` ago if a majority can be asked. @throws P2posError AUTH_STALE */
  document(app: string): Promise<Document | undefined>;
  /** What this node itself has changed is asked anew. */
  forget(app: string): void;
}

/** Strangers have no names: all of them share one allowance. */
const ANYBODY = '';

interface Remembered<T> {
  readonly value: T;
  readonly at: number;
}

export function createAuthority(
  { catalogue, clock }: { readonly catalogue: Pick<Catalogue, 'find' | 'appOf'>; readonly clock: Clock },
  {
    freshMs = 10_000,
    boundMs = AUTH_BOUND_MS,
    maxRemembered = 10_000,
    unknownPerSecond = 200,
  }: AuthorityConfig = {},
): Authority {
  const documents = new Map<string, Remembered<Document | undefined>>();
  const asking = new Map<string, Promise<Document | undefined>>();
  /** Hash of a token, hex, to its app: that never changes, only whether the app still lists it does. */
  const apps = new Map<string, Remembered<string | undefined>>();
  /** When tokens that their app does not list were last looked for. */
  const denied = new Map<string, number>();
  /** Grows when this node changes an app, so that an answer on its way from before is not remembered. */
  const changes = new Map<string, number>();
  const unknown = createAllowance(clock, {
    burst: () => unknownPerSecond,
    perSecond: () => unknownPerSecond,
  });

  function remember<K, V>(map: Map<K, V>, key: K, value: V): void {
    map.delete(key);
    map.set(key, value);
    if (map.size > maxRemembered) map.delete(map.keys().next().value as K);
  }

  async function ask(app: string): Promise<Document | undefined> {
    const change = changes.get(app) ?? 0;
    // From before the call: an answer is never younger than it is taken for.
    const at = clock.monotonic();
    const value = await catalogue.find(app);
    if ((changes.get(app) ?? 0) === change) remember(documents, app, { value, at });
    return value;
  }

  /** No older than `ageMs`, if a majority can be asked. */
  async function document(app: string, ageMs = freshMs): Promise<Document | undefined> {
    const known = documents.get(app);
    if (known && clock.monotonic() - known.at < ageMs) return known.value;
    let question = asking.get(app);
    if (!question) {
      // One for all who wait for it, so none of them may end it.
      question = ask(app).finally(() => asking.delete(app));
      asking.set(app, question);
    }
    try {
      return await question;
    } catch (error) {
      const last = documents.get(app);
      if (last && clock.monotonic() - last.at < boundMs) return last.value;
      throw new P2posError('AUTH_STALE', { app, boundMs }, { cause: error });
    }
  }

  async function appOf(hash: Uint8Array, options?: CallOptions): Promise<string | undefined> {
    const key = toHex(hash);
    const known = apps.get(key);
    if (known && (known.value !== undefined || clock.monotonic() - known.at < freshMs)) return known.value;
    const now = clock.monotonic();
    if (!unknown.take(ANYBODY, 1))
      throw new P2posError('OVERLOADED', { what: 'Looking up unknown tokens on this node' });
    const value = await catalogue.appOf(hash, options).catch((error) => {
      throw new P2posError('AUTH_STALE', { app: '(unknown)', boundMs }, { cause: error });
    });
    remember(apps, key, { value, at: now });
    return value;
  }

  return {
    async admit(secret, options) {
      const hash = hashOf(secret);
      const app = await appOf(hash, options);
      if (app === undefined) return undefined;
      const key = toHex(hash);
      const listed = (one: Token) => toHex(one.hash) === key;
      let found = await document(app);
      let token = found?.tokens.find(listed);
      if (!token) {
        // Made a moment ago, or ended: asked anew, but not at each try of an ended one.
        if (clock.monotonic() - (denied.get(key) ?? Number.NEGATIVE_INFINITY) < freshMs) return undefined;
        found = await document(app, 0);
        token = found?.tokens.find(listed);
        if (!token) remember(denied, key, clock.monotonic());
      }
      if (!found || !token || found.state === 'deleting') return undefined;
      if (token.expiresAt !== undefined && token.expiresAt <= clock.now()) {
        const expiredAt = new Date(token.expiresAt).toISOString();
        throw new P2posError('TOKEN_EXPIRED', { app, expiredAt });
      }
      if (found.state === 'suspended') throw new P2posError('APP_SUSPENDED', { app });
      return { app, token, document: found };
    },
    document: (app) => document(app),
    forget(app) {
      remember(changes, app, (changes.get(app) ?? 0) + 1);
      documents.delete(app);
      asking.delete(app);
    },
  };
}
