/** The parts of apps put together: what the door asks of each call, and what the operator does. */
import {
  type AppQuotas,
  type AppUsage,
  type AuditEntry,
  DEFAULT_APP,
  isP2posError,
  P2posError,
} from '@p2pos/protocol';
import { createAllowance } from '../../core/allowance/index.ts';
import { type Clock, sleep } from '../../core/clock/index.ts';
import type { Liveness } from '../../core/liveness/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { CallOptions, Records } from '../../core/records/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import { createAudit } from './audit.ts';
import { AUTH_BOUND_MS, type AuthorityConfig, createAuthority } from './authority.ts';
import { createCatalogue, type NewToken } from './catalogue.ts';
import type { Document, Token } from './document.ts';
import { purgeRecords } from './purge.ts';
import { type Charge, createQuotas, type Headroom } from './quotas.ts';
import { createUsage } from './usage.ts';
import { APPS } from './wire.ts';

const USAGE_TIMEOUT_MS = 2_000;
const PURGE_TIMEOUT_MS = 300_000;
/** How old the sum of an app's bytes may be. */
const STORED_AGE_MS = 5_000;
const MAX_AUDIT = 1_000;
const SWEEP_MS = 3_600_000;
/** For calls that were let in at the last moment. */
const GRACE_MS = 35_000;

export interface AppsDeps {
  readonly self: PeerId;
  readonly records: Pick<
    Records,
    | 'declare'
    | 'registers'
    | 'locate'
    | 'put'
    | 'get'
    | 'scanAll'
    | 'delete'
    | 'held'
    | 'kindOf'
    | 'storedBytes'
  >;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly membership: Pick<Membership, 'view' | 'events'>;
  readonly liveness: Pick<Liveness, 'isAlive'>;
  /** What has data of apps besides records, by name; each deletes all of one app's and tells how many things that were. */
  readonly purges: Readonly<Record<string, (app: string, options: CallOptions) => Promise<number>>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface AppsConfig {
  /** Of apps and tokens. */
  readonly replicas: number;
  /** How many members hold each record of tenants, by which stored bytes are divided. */
  readonly dataReplicas: number;
  readonly authority?: AuthorityConfig;
}

/** Whose a token is, as the door needs it. */
export interface Tenant {
  readonly app: string;
  readonly token: Token;
  readonly document: Document;
}

/** Calls throw RECORDS_QUORUM_LOST or STATE_UNCONFIGURED besides what they name. */
export interface Apps extends AsyncDisposable {
  /** Undefined: nobody's token. @throws P2posError TOKEN_EXPIRED, APP_SUSPENDED, AUTH_STALE, OVERLOADED */
  admit(secret: string): Promise<Tenant | undefined>;
  /** Takes a call from the app's quotas and counts it. @throws P2posError QUOTA_EXCEEDED, QUOTA_STORAGE */
  charge(document: Document, charge: Charge): Promise<Headroom | undefined>;
  /** That the operator may act in it. @throws P2posError APP_NOT_FOUND, APP_DELETING, AUTH_STALE */
  check(app: string): Promise<void>;
  quotasOf(app: string): Promise<AppQuotas>;
  list(options?: CallOptions): Promise<readonly Document[]>;
  get(app: string, options?: CallOptions): Promise<Document>;
  put(
    app: string,
    quotas: AppQuotas | undefined,
    options?: CallOptions,
  ): Promise<{ created: boolean; document: Document }>;
  setState(app: string, state: 'active' | 'suspended', options?: CallOptions): Promise<Document>;
  delete(app: string, options: CallOptions): Promise<{ existed: boolean; deleted: Record<string, number> }>;
  createToken(
    app: string,
    wanted: NewToken,
    options?: CallOptions,
  ): Promise<{ secret: string; token: Token }>;
  rotateToken(
    app: string,
    id: string,
    graceMs: number,
    options?: CallOptions,
  ): Promise<{ secret: string; token: Token }>;
  revokeToken(app: string, id: string, options?: CallOptions): Promise<boolean>;
  usage(app: string, options?: CallOptions): Promise<AppUsage>;
  /** An administrative call, after its end. */
  note(entry: Omit<AuditEntry, 'at' | 'node'>): Promise<void>;
  audit(limit: number, options?: CallOptions): Promise<readonly AuditEntry[]>;
}

export function createApps(deps: AppsDeps, config: AppsConfig): Apps {
  const { self, records, rpc, membership, liveness, clock, random, log } = deps;
  const { replicas, dataReplicas } = config;
  const catalogue = createCatalogue({ records, clock, random }, { replicas });
  const authority = createAuthority({ catalogue, clock }, config.authority);
  const audit = createAudit({ records, clock, random, log }, { replicas });
  const usage = createUsage();
  const purging = { self, records, isAlive: (peerId: PeerId) => liveness.isAlive(peerId) };
  const tasks = createTaskGroup({ clock, random, log });
  const finishing = new Set<string>();
  const boundMs = config.authority?.boundMs ?? AUTH_BOUND_MS;
  const members = () => [...membership.view().members.keys()];
  const summing = new Map<string, Promise<AppUsage>>();
  const stored = new Map<string, { readonly bytes: number; readonly at: number }>();

  function keeperOf(app: string): PeerId {
    const key = new TextEncoder().encode(app);
    const { replicas: holders } = records.locate({ namespace: 'system/apps', partition: key });
    return holders.find((peerId) => peerId === self || liveness.isAlive(peerId)) ?? self;
  }

  const quotasOf = async (app: string): Promise<AppQuotas> => (await authority.document(app))?.quotas ?? {};
  const quotas = createQuotas({
    self,
    rpc,
    keeperOf,
    members: () => membership.view().members.size,
    quotasOf,
    storedBytes: recentSum,
    clock,
    random,
    log,
  });

  const isMember = (peerId: PeerId) => membership.view().members.has(peerId);
  const askers = createAllowance(clock, { burst: () => 2_000, perSecond: () => 1_000 });
  const subscription = membership.events.on('membership:changed', () => askers.retain(isMember));
  const served = rpc.serve(APPS, {
    async share({ app, demand, held }, { peerId }) {
      admitMember(peerId, 1);
      return quotas.share(app, peerId, demand, held);
    },
    async purge({ app }, { peerId, signal }) {
      admitMember(peerId, 100);
      const found = await catalogue.find(app, { signal });
      if (found?.state !== 'deleting') throw new P2posError('APP_NOT_FOUND', { app });
      return { records: await purgeRecords(purging, app, { signal }) };
    },
    async usage({ app }, { peerId }) {
      admitMember(peerId, 20);
      return ownUsage(app);
    },
  });

  function admitMember(peerId: PeerId, cost: number): void {
    if (!isMember(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
    if (!askers.take(peerId, cost)) throw new P2posError('OVERLOADED', { what: 'Apps of this node' });
  }

  async function ownUsage(app: string) {
    return { ...usage.of(app), storedBytes: await records.storedBytes(app) };
  }

  async function sumUsage(app: string, signal?: AbortSignal): Promise<AppUsage> {
    const all = members();
    const answers = await Promise.all(
      all.map(async (peerId) => {
        const asked =
          peerId === self
            ? ownUsage(app)
            : rpc.call(peerId, APPS, 'usage', { app }, { timeoutMs: USAGE_TIMEOUT_MS, signal });
        return asked.then(
          (answer) => ({ peerId, answer }),
          () => ({ peerId, answer: undefined }),
        );
      }),
    );
    const sum = { requests: 0, refused: 0, messages: 0 };
    let bytes = 0;
    for (const { answer } of answers) {
      if (!answer) continue;
      sum.requests += answer.requests;
      sum.refused += answer.refused;
      sum.messages += answer.messages;
      bytes += answer.storedBytes;
    }
    const missing = answers.flatMap(({ peerId, answer }) => (answer ? [] : [peerId]));
    const copies = Math.min(dataReplicas, Math.max(1, all.length));
    const storedBytes = missing.length === all.length ? null : Math.ceil(bytes / copies);
    return { app, ...sum, storedBytes, nodes: all.length, missing };
  }

  /** At most a few seconds old; all who ask for it at once wait for one sum. */
  async function recentSum(app: string): Promise<number | undefined> {
    const known = stored.get(app);
    if (known && clock.monotonic() - known.at < STORED_AGE_MS) return known.bytes;
    const asked = summing.get(app) ?? sumUsage(app).finally(() => summing.delete(app));
    summing.set(app, asked);
    const { storedBytes } = await asked;
    if (storedBytes !== null) stored.set(app, { bytes: storedBytes, at: clock.monotonic() });
    return storedBytes ?? undefined;
  }

  /** Databases first: what tells where they are lies among the records. */
  async function purge(app: string, options: CallOptions): Promise<Record<string, number>> {
    const deleted: Record<string, number> = {};
    for (const [name, of] of Object.entries(deps.purges)) deleted[name] = await of(app, options);
    const counts = await Promise.all(
      members().map((peerId) =>
        peerId === self
          ? purgeRecords(purging, app, options)
          : rpc
              .call(peerId, APPS, 'purge', { app }, { timeoutMs: PURGE_TIMEOUT_MS, signal: options.signal })
              // What a dead member would have deleted, the next replica does; the last round sees to the rest.
              .then(
                (answer) => answer.records,
                () => 0,
              ),
      ),
    );
    return { ...deleted, records: counts.reduce((sum, count) => sum + count, 0) };
  }

  /**
   * Frees the name of an app whose data is gone, when no gateway can know its tokens any more: one that is cut off takes them, and
   * writes for them, for a while. Until then this waits in the background.
   */
  async function finish({ app, condemnedAt = 0 }: Document, options: CallOptions): Promise<void> {
    const restMs = condemnedAt + boundMs + GRACE_MS - clock.now();
    if (restMs <= 0) {
      await purge(app, options);
      await changing(app, catalogue.forget(app, options));
    } else if (!finishing.has(app)) {
      finishing.add(app);
      tasks.run('delete_app', async (signal) => {
        await sleep(clock, restMs, { signal });
        finishing.delete(app);
        await purge(app, { signal });
        await changing(app, catalogue.forget(app, { signal }));
      });
    }
  }

  /** Where the node that deleted an app ended before it was done. */
  tasks.every({ name: 'finish_deletions', intervalMs: SWEEP_MS }, async (signal) => {
    for (const document of await catalogue.list({ signal }))
      if (document.state === 'deleting' && keeperOf(document.app) === self)
        await finish(document, { signal });
  });

  /** After a change: this node's own memory of the app is of before. */
  async function changing<T>(app: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      authority.forget(app);
    }
  }

  return {
    admit: (secret) => authority.admit(secret),
    async charge(document, charge) {
      const { app } = document;
      try {
        const headroom = await quotas.charge(document, charge);
        usage.count(app, { requests: charge.requests ?? 1, messages: charge.messages ?? 0 });
        return headroom;
      } catch (error) {
        if (isP2posError(error) && charge.requests !== 0) usage.count(app, { refused: 1 });
        throw error;
      }
    },
    async check(app) {
      if (app === DEFAULT_APP) return;
      const document = await authority.document(app);
      if (!document) throw new P2posError('APP_NOT_FOUND', { app });
      if (document.state === 'deleting') throw new P2posError('APP_DELETING', { app });
    },
    quotasOf,
    list: (options) => catalogue.list(options),
    get: (app, options) => catalogue.get(app, options),
    put: (app, wanted, options) => changing(app, catalogue.put(app, wanted, options)),
    setState: (app, state, options) => changing(app, catalogue.setState(app, state, options)),
    async delete(app, options) {
      const found = await changing(app, catalogue.condemn(app, options));
      if (!found) return { existed: false, deleted: {} };
      const deleted = await purge(app, options);
      await finish(found, options);
      return { existed: true, deleted };
    },
    createToken: (app, wanted, options) => changing(app, catalogue.createToken(app, wanted, options)),
    rotateToken: (app, id, graceMs, options) =>
      changing(app, catalogue.rotateToken(app, id, graceMs, options)),
    revokeToken: (app, id, options) => changing(app, catalogue.revokeToken(app, id, options)),
    async usage(app, options) {
      await catalogue.get(app, options);
      return sumUsage(app, options?.signal);
    },
    note: (entry) => audit.note({ ...entry, at: clock.now(), node: self }),
    audit: (limit, options) => audit.list(Math.min(limit, MAX_AUDIT), options),
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      subscription[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
      await quotas[Symbol.asyncDispose]();
    },
  };
}
