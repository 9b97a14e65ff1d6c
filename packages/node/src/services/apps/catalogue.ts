/** Apps and their tokens as they are stored: agreed changes of one register an app, and a register a token that names its app. */
import { createHash } from 'node:crypto';
import {
  type AppQuotas,
  allows,
  DEFAULT_APP,
  isP2posError,
  P2posError,
  TENANT_CAPABILITIES,
  toBase64url,
  toHex,
} from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { CallOptions, Condition, Records } from '../../core/records/index.ts';
import { type Document, decodeDocument, encodeDocument, MAX_DOCUMENT_BYTES, type Token } from './document.ts';

/** What no tenant may be called: they hold the operator's own data. */
const OPERATOR_APPS: ReadonlySet<string> = new Set([DEFAULT_APP, 'system']);
const APPS = 'system/apps';
const TOKENS = 'system/app-tokens';
const MAX_APPS = 10_000;
const PAGE = 1_000;
const utf8 = new TextEncoder();

export interface CatalogueDeps {
  readonly records: Pick<Records, 'declare' | 'registers'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'bytes'>;
}

export interface NewToken {
  readonly label: string;
  readonly grants: readonly string[];
  readonly expiresInMs?: number | undefined;
}

/** Every call throws RECORDS_QUORUM_LOST or STATE_UNCONFIGURED besides what it names. */
export interface Catalogue {
  /** Linearizable. Undefined: there is none; `default` is always there. */
  find(app: string, options?: CallOptions): Promise<Document | undefined>;
  /** @throws P2posError APP_NOT_FOUND */
  get(app: string, options?: CallOptions): Promise<Document>;
  list(options?: CallOptions): Promise<readonly Document[]>;
  /** The app that a token belonged to when it was made. */
  appOf(hash: Uint8Array, options?: CallOptions): Promise<string | undefined>;
  /** @throws P2posError APP_PROTECTED, APP_DELETING */
  put(
    app: string,
    quotas: AppQuotas | undefined,
    options?: CallOptions,
  ): Promise<{ readonly created: boolean; readonly document: Document }>;
  /** @throws P2posError APP_NOT_FOUND, APP_PROTECTED, APP_DELETING */
  setState(app: string, state: 'active' | 'suspended', options?: CallOptions): Promise<Document>;
  /** Ends all tokens for good; the name stays taken until `forget`. Undefined: there is none. @throws P2posError APP_PROTECTED */
  condemn(app: string, options?: CallOptions): Promise<Document | undefined>;
  forget(app: string, options?: CallOptions): Promise<void>;
  /** @throws P2posError APP_NOT_FOUND, APP_DELETING, APP_TOKENS_FULL, GRANT_REFUSED */
  createToken(
    app: string,
    wanted: NewToken,
    options?: CallOptions,
  ): Promise<{ readonly secret: string; readonly token: Token }>;
  /** @throws P2posError TOKEN_NOT_FOUND and what `createToken` does */
  rotateToken(
    app: string,
    id: string,
    graceMs: number,
    options?: CallOptions,
  ): Promise<{ readonly secret: string; readonly token: Token }>;
  /** False: there was none. @throws P2posError APP_NOT_FOUND */
  revokeToken(app: string, id: string, options?: CallOptions): Promise<boolean>;
}

export function hashOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

export function createCatalogue(
  { records, clock, random }: CatalogueDeps,
  { replicas }: { readonly replicas: number },
): Catalogue {
  const common = { kind: 'cas', author: 'member', replicas } as const;
  records.declare({ suffix: '/apps', ...common, maxValueBytes: MAX_DOCUMENT_BYTES });
  records.declare({ suffix: '/app-tokens', ...common, maxValueBytes: 64 });
  const { registers } = records;
  const name = (namespace: string, key: Uint8Array) => ({ namespace, partition: key, key });
  const nameOf = (app: string) => name(APPS, utf8.encode(app));

  async function load(app: string, options?: CallOptions) {
    const held = await registers.read(nameOf(app), options);
    return held && { document: decodeDocument(held.value), version: held.version };
  }

  function founding(app: string): Document {
    return { app, state: 'active', createdAt: clock.now(), quotas: {}, tokens: [] };
  }

  /** Reads, edits and writes until nobody else came between. `edit` gets undefined where there is no such app. */
  async function change<T>(
    app: string,
    edit: (before: Document | undefined) => {
      readonly after: Document | null | undefined;
      readonly result: T;
    },
    options?: CallOptions,
  ): Promise<T> {
    for (;;) {
      const held = await load(app, options);
      const { after, result } = edit(held?.document);
      if (after === undefined) return result;
      const value = after && encodeDocument(after);
      if (value && value.length > MAX_DOCUMENT_BYTES) throw new P2posError('APP_TOKENS_FULL', { app });
      const condition: Condition = held ? { kind: 'version', version: held.version } : { kind: 'absent' };
      try {
        await registers.change({ ...nameOf(app), value, condition }, options);
        return result;
      } catch (error) {
        if (!isP2posError(error, 'CAS_CONDITION_FAILED')) throw error;
        options?.signal?.throwIfAborted();
      }
    }
  }

  /** The app's own, or what `default` is before it has a token. */
  function existing(app: string, document: Document | undefined): Document {
    const found = document ?? (app === DEFAULT_APP ? founding(app) : undefined);
    if (!found) throw new P2posError('APP_NOT_FOUND', { app });
    return found;
  }

  function living(app: string, document: Document | undefined): Document {
    const found = existing(app, document);
    if (found.state === 'deleting') throw new P2posError('APP_DELETING', { app });
    return found;
  }

  /** Those that ended by themselves make room. */
  function current({ tokens }: Document): Token[] {
    return tokens.filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > clock.now());
  }

  async function issue(
    app: string,
    wanted: (document: Document) => { readonly kept: readonly Token[]; readonly fresh: NewToken },
    options?: CallOptions,
  ) {
    const secret = `p2pos_${toBase64url(random.bytes(32))}`;
    const hash = hashOf(secret);
    const id = toHex(hash.subarray(0, 8));
    const token = await change(
      app,
      (before) => {
        const document = living(app, before);
        const { kept, fresh } = wanted(document);
        const { label, grants, expiresInMs } = fresh;
        checkGrants(app, grants);
        const createdAt = clock.now();
        const made: Token = {
          id,
          hash,
          label,
          grants: [...grants],
          createdAt,
          ...(expiresInMs !== undefined && { expiresAt: createdAt + expiresInMs }),
        };
        return { after: { ...document, tokens: [...kept, made] }, result: made };
      },
      options,
    );
    // Last, so that a token that can be found is one that was wanted; without this it opens nothing.
    await registers.change(
      { ...name(TOKENS, hash), value: utf8.encode(app), condition: { kind: 'any' } },
      options,
    );
    return { secret, token };
  }

  async function dropIndex(tokens: readonly Token[], options?: CallOptions): Promise<void> {
    for (const { hash } of tokens)
      await registers.change({ ...name(TOKENS, hash), value: null, condition: { kind: 'any' } }, options);
  }

  const find: Catalogue['find'] = async (app, options) => {
    const held = await load(app, options);
    return held?.document ?? (app === DEFAULT_APP ? founding(app) : undefined);
  };

  return {
    find,
    get: async (app, options) => existing(app, await find(app, options)),
    async list(options) {
      const apps: string[] = [];
      let after: Uint8Array | undefined;
      do {
        const range = { namespace: APPS, prefix: new Uint8Array(), limit: PAGE, ...(after && { after }) };
        const page = await registers.scanAll(range, options);
        apps.push(...page.keys.map((key) => new TextDecoder().decode(key)));
        after = page.more ? page.keys.at(-1) : undefined;
      } while (after && apps.length < MAX_APPS);
      if (!apps.includes(DEFAULT_APP)) apps.unshift(DEFAULT_APP);
      const documents = await Promise.all(apps.map((app) => find(app, options)));
      return documents.filter((document) => document !== undefined);
    },
    async appOf(hash, options) {
      const held = await registers.read(name(TOKENS, hash), options);
      return held && new TextDecoder().decode(held.value);
    },
    put: (app, quotas, options) =>
      change(
        app,
        (before) => {
          if (OPERATOR_APPS.has(app)) throw new P2posError('APP_PROTECTED', { app });
          const document = before ? living(app, before) : founding(app);
          const after = { ...document, ...(quotas && { quotas }) };
          const same = before !== undefined && quotas === undefined;
          return { after: same ? undefined : after, result: { created: !before, document: after } };
        },
        options,
      ),
    setState: (app, state, options) =>
      change(
        app,
        (before) => {
          if (OPERATOR_APPS.has(app)) throw new P2posError('APP_PROTECTED', { app });
          const document = living(app, before);
          const after = { ...document, state };
          return { after: document.state === state ? undefined : after, result: after };
        },
        options,
      ),
    async condemn(app, options) {
      if (OPERATOR_APPS.has(app)) throw new P2posError('APP_PROTECTED', { app });
      return change(
        app,
        (before) => {
          if (!before || before.state === 'deleting') return { after: undefined, result: before };
          const after: Document = { ...before, state: 'deleting', condemnedAt: clock.now() };
          return { after, result: after };
        },
        options,
      );
    },
    async forget(app, options) {
      const held = await load(app, options);
      if (held) await dropIndex(held.document.tokens, options);
      await change(app, (before) => ({ after: before ? null : undefined, result: undefined }), options);
    },
    createToken: (app, fresh, options) =>
      issue(app, (document) => ({ kept: current(document), fresh }), options),
    rotateToken: (app, id, graceMs, options) =>
      issue(
        app,
        (document) => {
          const old = document.tokens.find((token) => token.id === id);
          if (!old) throw new P2posError('TOKEN_NOT_FOUND', { app, token: id });
          const now = clock.now();
          const endsAt = Math.min(now + graceMs, old.expiresAt ?? Number.POSITIVE_INFINITY);
          const ending = { ...old, expiresAt: endsAt };
          const others = current(document).filter((token) => token.id !== id);
          const lifeMs = old.expiresAt === undefined ? undefined : old.expiresAt - old.createdAt;
          const fresh = { label: old.label, grants: old.grants, expiresInMs: lifeMs };
          return { kept: endsAt > now ? [...others, ending] : others, fresh };
        },
        options,
      ),
    async revokeToken(app, id, options) {
      const gone = await change(
        app,
        (before) => {
          const document = existing(app, before);
          const token = document.tokens.find((one) => one.id === id);
          const tokens = document.tokens.filter((one) => one !== token);
          return { after: token ? { ...document, tokens } : undefined, result: token };
        },
        options,
      );
      if (gone) await dropIndex([gone], options);
      return gone !== undefined;
    },
  };
}

/** @throws P2posError GRANT_REFUSED */
function checkGrants(app: string, grants: readonly string[]): void {
  if (app === DEFAULT_APP) return;
  const open = TENANT_CAPABILITIES.map((capability) => `${capability}:*`);
  for (const grant of grants) {
    const action = grant.split('@')[0] as `${string}:${string}`;
    if (!allows(open, action)) throw new P2posError('GRANT_REFUSED', { app, grant });
  }
}
