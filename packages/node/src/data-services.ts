/** What applications use, composed: each of these stands on the core that `node.ts` passes, and none knows another. */
import {
  appsRoutes,
  type Crypto,
  kvRoutes,
  kvStreams,
  pubsubRoutes,
  pubsubStreams,
  rendezvousRoutes,
  type Signer,
  sqlRoutes,
  sqlStreams,
  topicRoutes,
} from '@p2pos/protocol';
import type { Clock } from './core/clock/index.ts';
import type { Dht } from './core/dht/index.ts';
import type { Liveness } from './core/liveness/index.ts';
import type { Logger } from './core/log/index.ts';
import type { MembershipJournal } from './core/membership/index.ts';
import type { Net, PeerId } from './core/net/index.ts';
import type { Presence } from './core/presence/index.ts';
import type { Random } from './core/random/index.ts';
import type { Records } from './core/records/index.ts';
import type { Rpc } from './core/rpc/index.ts';
import { bindRoutes, bindStreams, type Service, type StreamOperation } from './gateway/index.ts';
import { type Apps, createApps, createAppsHandlers } from './services/apps/index.ts';
import { createKv, createKvHandlers, createKvStreamHandlers, type Kv } from './services/kv/index.ts';
import {
  countLosses,
  createGroups,
  createPubsub,
  createPubsubHandlers,
  createPubsubStreams,
  createTopicHandlers,
  createTopics,
  type Groups,
  type Pubsub,
  type Topics,
} from './services/pubsub/index.ts';
import { createRendezvous, createRendezvousHandlers, type Rendezvous } from './services/rendezvous/index.ts';
import {
  createSql,
  createSqlHandlers,
  createSqlStreams,
  type Shelf,
  type Sql,
  type SqlConfig,
} from './services/sql/index.ts';

export interface DataServices {
  readonly kv: Kv;
  readonly pubsub: Pubsub;
  /** Messages that subscribers here were told they do not get. */
  readonly pubsubMissed: () => number;
  readonly topics: Topics;
  readonly groups: Groups;
  readonly rendezvous: Rendezvous;
  readonly apps: Apps;
  readonly sql: Sql;
}

export interface DataCore {
  readonly self: PeerId;
  readonly rpc: Rpc;
  readonly net: Net;
  readonly records: Records;
  readonly membership: MembershipJournal;
  readonly liveness: Liveness;
  readonly presence: Presence;
  readonly dht: Dht;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly shelf: Shelf | undefined;
}

export interface DataConfig {
  readonly replicas: number;
  readonly catalogueReplicas: number;
  readonly kv: { readonly maxValueBytes: number };
  readonly sql: Omit<SqlConfig, 'replicas'>;
}

/** @param stack Ends them, in the reverse of this order. */
export function createDataServices(
  stack: AsyncDisposableStack,
  core: DataCore,
  config: DataConfig,
): {
  readonly services: DataServices;
  readonly routes: readonly Service[];
  readonly streams: readonly StreamOperation[];
} {
  const { self, rpc, net, records, membership, liveness, presence, dht, signer } = core;
  const { crypto, clock, random, log, shelf } = core;
  const { replicas, catalogueReplicas } = config;
  const kv = createKv({ records }, { ...config.kv, replicas });
  const pubsub = stack.use(
    createPubsub({
      self,
      rpc,
      net,
      membership,
      incarnation: presence.incarnation,
      signer,
      crypto,
      clock,
      random,
      log,
    }),
  );
  const topics = stack.use(
    createTopics(
      { self, rpc, records, membership, live: pubsub.live, crypto, clock, random, log },
      { replicas },
    ),
  );
  const groups = stack.use(
    createGroups(
      { self, rpc, records, isMember: (peerId) => membership.isActive(peerId), topics, clock, random, log },
      { replicas },
    ),
  );
  const durable = { topics, groups };
  const databaseLimit = async (app: string): Promise<number | undefined> =>
    (await apps.quotasOf(app)).databases;
  const sql = stack.use(
    createSql(
      {
        self,
        rpc,
        records,
        membership,
        presence,
        crypto,
        clock,
        random,
        log,
        shelf,
        databaseLimit,
      },
      { ...config.sql, replicas },
    ),
  );
  const rendezvous = stack.use(
    createRendezvous({ self, rpc, membership, dht, signer, crypto, clock, random, log }),
  );
  const apps = stack.use(
    createApps(
      {
        self,
        records,
        rpc,
        membership,
        liveness,
        purges: {
          async databases(app, options) {
            const found = await sql.list(app, options);
            for (const { name } of found) await sql.drop({ app, name, confirm: name }, options);
            return found.length;
          },
        },
        clock,
        random,
        log,
      },
      { replicas: catalogueReplicas, dataReplicas: replicas },
    ),
  );
  const counted = countLosses(pubsub);
  return {
    services: { kv, pubsub, pubsubMissed: counted.missed, topics, groups, rendezvous, apps, sql },
    routes: [
      bindRoutes('kv', kvRoutes, createKvHandlers(kv)),
      bindRoutes('pubsub', pubsubRoutes, createPubsubHandlers(pubsub)),
      bindRoutes('topics', topicRoutes, createTopicHandlers(durable, pubsub)),
      bindRoutes('rendezvous', rendezvousRoutes, createRendezvousHandlers(rendezvous)),
      bindRoutes('sql', sqlRoutes, createSqlHandlers(sql)),
      bindRoutes('apps', appsRoutes, createAppsHandlers(apps)),
    ],
    streams: [
      ...bindStreams(kvStreams, createKvStreamHandlers(kv)),
      ...bindStreams(sqlStreams, createSqlStreams(sql)),
      ...bindStreams(pubsubStreams, createPubsubStreams(counted.pubsub, durable)),
    ],
  };
}
