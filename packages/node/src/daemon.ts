/** A node as a process: its ports are this machine's clock, disk and network, its door is HTTP. */
import { availableParallelism, loadavg, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configRoutes, dnsDomainIn, type Invitation, P2posError } from '@p2pos/protocol';
import type { Config } from './config/index.ts';
import type { AutoTls } from './core/autotls/index.ts';
import { type Clock, createSystemClock } from './core/clock/index.ts';
import { createNodeCrypto } from './core/crypto/index.ts';
import { openIdentity } from './core/identity/index.ts';
import { createNet } from './core/net/index.ts';
import { createSystemRandom, type Random } from './core/random/index.ts';
import { createUpnp } from './core/reach/index.ts';
import { openStore } from './core/store/index.ts';
import { bindRoutes, createMetrics, listenHttp, type Tenants } from './gateway/index.ts';
import { type Joined, joinSystem } from './joining.ts';
import { createNode, type Node } from './node.ts';
import { openAutoTls } from './process/certificate.ts';
import { diskUse, readHomeFile } from './process/home-file.ts';
import { openUpdateHost } from './process/installation/update-host.ts';
import type { JoinPorts } from './process/join.ts';
import type { NodeContext, RunningNode } from './process/run.ts';
import { SOFTWARE_VERSION } from './process/software-version.ts';
import { findSystem, listensLocally, registerReachMetrics } from './reaching.ts';
import { createRqlite, createShelf, createSqliteProcess, type Shelf } from './services/sql/index.ts';

const PAGE_FOLDER = fileURLToPath(new URL('../../console/dist/', import.meta.url));

/** @throws P2posError CONFIG_INVALID without a system, and what each part refuses */
export async function createDaemon(
  config: Config,
  { home, log, supervisor, reload, restart }: NodeContext,
): Promise<RunningNode> {
  const systemId = config.system.id;
  if (systemId === undefined) {
    throw new P2posError('CONFIG_INVALID', {
      place: join(home, 'node.toml'),
      key: 'system.id',
      reason: 'is missing: a node belongs to one system, and its id is never learned from the network',
    });
  }
  const clock = createSystemClock();
  const random = createSystemRandom();
  await using starting = new AsyncDisposableStack();
  const identity = await openIdentity({ random, log }, { home, passphraseFile: config.node.passphraseFile });
  const { folder, trialMs } = config.update;
  const updates =
    folder && restart
      ? await openUpdateHost({ folder, home, version: SOFTWARE_VERSION, trialMs, restart })
      : undefined;
  const data = join(home, 'data');
  const store = starting.use(
    await openStore(
      { random, log },
      { folder: data, maxQueuedBytes: config.store.queueBytes, maxBytes: config.store.maxBytes },
    ),
  );
  let mayRelay = (): boolean => false;
  let autoTls: AutoTls | undefined;
  const node = starting.use(
    await createNode(
      {
        clock,
        random,
        crypto: createNodeCrypto({ clock }),
        log,
        identity,
        store,
        openNet: (admit, isMember) =>
          createNet(
            { identity, clock, random, log },
            {
              listen: config.net.mode === 'private' ? [] : config.net.listen,
              announce: config.net.announce.length > 0 ? config.net.announce : undefined,
              admit,
              isMember,
              isRelay: () => mayRelay(),
              isBehindRouter: config.net.mode !== 'public' && !listensLocally(config),
              limits: {
                maxReservations: config.net.maxRelayed,
                relayedBytesPerSecond: config.net.relayedBytesPerSecond,
                maxConnections: config.net.maxConnections,
                inboundPerSecondPerHost: config.net.inboundConnectionsPerSecond,
              },
            },
          ),
        load: () => Math.min(1, (loadavg()[0] ?? 0) / availableParallelism()),
        disk: () => diskUse(data),
        updates,
        residentBytes: () => process.memoryUsage.rss(),
        certificateProblem: () => autoTls?.problem(),
        portMapper: createUpnp({ fetch }),
        sqlShelf: createSqlShelf(config, { self: identity.peerId, home, clock, random, log }),
      },
      {
        version: SOFTWARE_VERSION,
        systemId,
        genesisBytes: await readHomeFile(home, 'system/genesis.cbor'),
        snapshotBytes: await readHomeFile(home, 'system/snapshot.cbor'),
        liveness: { pingIntervalMs: config.liveness.pingIntervalMs, misses: config.liveness.misses },
        presence: { intervalMs: config.presence.intervalMs },
        mesh: {
          initConnections: config.discovery.initConnections.filter((address) => !dnsDomainIn(address)),
          intervalMs: config.discovery.intervalMs,
          wantedConnections: config.discovery.wantedConnections,
        },
        reach: {
          mode: config.net.mode,
          relays: config.net.relays,
          portMapping: config.net.mode === 'private' ? 'off' : config.net.portMapping,
        },
        records: config.records,
        kv: config.kv,
        update: { intervalMs: config.update.intervalMs },
        memoryWarnBytes: config.node.memoryWarnBytes,
        sql: config.sql,
      },
    ),
  );
  mayRelay = () =>
    node.reach.current().reach !== 'private' &&
    node.membership.view().members.get(identity.peerId)?.capabilities.includes('relay') === true;
  autoTls = starting.use(await openAutoTls(node.net, { config, home, identity, clock, random, log }));
  await findSystem(starting, node, { config, log, systemId });
  const metrics = starting.use(createMetrics({ clock }));
  registerMetrics(metrics, node);
  registerReachMetrics(metrics, node);
  const door = starting.use(
    await listenHttp(
      {
        clock,
        random,
        log,
        peerId: identity.peerId,
        metrics,
        services: [
          ...node.services,
          ...(reload ? [bindRoutes('config', configRoutes, { reload: async () => reload() })] : []),
        ],
        streams: node.streams,
        tenants: tenantsOf(node),
        peers: {
          rpc: node.rpc,
          isGateway: () =>
            node.membership.view().members.get(identity.peerId)?.capabilities.includes('gateway') === true,
          isMember: (peerId) => node.membership.view().members.has(peerId),
        },
        supervisor,
      },
      {
        version: SOFTWARE_VERSION,
        host: config.http.listen.host,
        port: config.http.listen.port,
        tokenFile: join(home, 'token'),
        allowedHosts: config.http.allowedHosts,
        pageFolder: PAGE_FOLDER,
      },
    ),
  );
  const started = starting.move();
  return {
    peerId: identity.peerId,
    httpUrl: door.url,
    addresses: () => node.net.addresses(),
    failed: AbortSignal.any([store.failed, node.failed]),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** What the door asks of apps. */
function tenantsOf({ apps }: Node): Tenants {
  return {
    async admit(secret) {
      const tenant = await apps.admit(secret);
      if (!tenant) return undefined;
      const { app, token, document } = tenant;
      return { app, token, charge: (cost) => apps.charge(document, cost) };
    },
    check: (app) => apps.check(app),
    note: (entry) => apps.note(entry),
  };
}

/** First contact over this machine's network; it listens nowhere. */
export function joinFrom(ports: JoinPorts, invitation: Invitation, config: Config): Promise<Joined> {
  const random = createSystemRandom();
  const openNet = () => createNet({ ...ports, random }, { listen: [], admit: () => false });
  return joinSystem({ ...ports, random, crypto: createNodeCrypto(), openNet }, invitation, config.records);
}

/** The greatest; what the others take is one number. */
const MAX_NAMESPACES = 100;

function registerMetrics(metrics: ReturnType<typeof createMetrics>, node: Node): void {
  const { network, dht, records } = node;
  metrics.gauge(
    'p2pos_disk_bytes',
    'Bytes of the database by whom they belong to; up to ten minutes old.',
    () => {
      const account = records.account();
      if (!account) return [];
      const { namespaces, otherBytes, freeBytes } = account;
      const rest = namespaces.slice(MAX_NAMESPACES).reduce((sum, { bytes }) => sum + bytes, 0);
      return [
        ...namespaces
          .slice(0, MAX_NAMESPACES)
          .map(({ namespace, bytes }) => ({ labels: { of: namespace }, value: bytes })),
        { labels: { of: 'other namespaces' }, value: rest },
        { labels: { of: 'the node' }, value: otherBytes },
        { labels: { of: 'free' }, value: freeBytes },
      ];
    },
    ['of'],
  );
  metrics.gauge(
    'p2pos_pubsub_missed',
    'Messages that subscribers here were told they do not get, since the start.',
    node.pubsubMissed,
  );
  metrics.gauge('p2pos_members', 'Members of the snapshot in force.', () => network.status().members);
  metrics.gauge(
    'p2pos_members_online',
    'Members that are online as seen from here.',
    () => network.status().online,
  );
  metrics.gauge('p2pos_membership_epoch', 'Epoch of the snapshot in force.', () => network.status().epoch);
  metrics.gauge('p2pos_connections', 'Connections to members.', () => network.status().connected);
  const read =
    (what: 'contacts' | 'values' | 'valueBytes' | 'banned' | 'lookups' | 'queries' | 'served' | 'refused') =>
    () =>
      dht.status()[what];
  metrics.gauge('p2pos_dht_contacts', 'Nodes in the routing table.', read('contacts'));
  metrics.gauge('p2pos_dht_values', 'Values kept for others.', read('values'));
  metrics.gauge('p2pos_dht_value_bytes', 'Bytes of the values kept for others.', read('valueBytes'));
  metrics.gauge('p2pos_dht_banned', 'Peers and networks that are not heard for now.', read('banned'));
  metrics.gauge('p2pos_dht_lookups', 'Searches of this node since its start.', read('lookups'));
  metrics.gauge('p2pos_dht_queries', 'Questions that this node asked since its start.', read('queries'));
  metrics.gauge('p2pos_dht_served', 'Questions that this node answered since its start.', read('served'));
  metrics.gauge('p2pos_dht_refused', 'Questions that this node refused since its start.', read('refused'));
}

interface SqlContext {
  readonly self: string;
  readonly home: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeContext['log'];
}

/** Starts nothing before the first database is opened. */
function createSqlShelf(config: Config, { self, home, clock, random, log }: SqlContext): Shelf {
  const folder = join(home, 'data', 'sql');
  const { statementTimeoutMs, maxResultBytes, maxDatabases, firstPort, portCount } = config.sql;
  const limits = { maxResultBytes, maxValueBytes: Math.max(maxResultBytes, 1_048_576) };
  const sqlite = createSqliteProcess({ clock, log }, { folder, statementTimeoutMs, limits });
  const rqlite = createRqlite(
    { clock, random, log, sqlite },
    {
      self,
      host: config.sql.host ?? ownHost([...config.net.announce, ...config.net.listen]),
      ports: { first: firstPort, count: portCount },
      program: { file: config.sql.rqlited, development: config.sql.engines === 'development' },
      maxResultBytes,
    },
  );
  return createShelf({ sqlite, rqlite, clock, log }, { folder, maxDatabases });
}

/** The first IPv4 address of these; where a node listens on all, the first that leads out of this machine. */
function ownHost(addresses: readonly string[]): string {
  const hosts = addresses.flatMap((address) => /^\/ip4\/([\d.]+)\//.exec(address)?.[1] ?? []);
  const named = hosts.find((host) => host !== '0.0.0.0');
  if (named !== undefined) return named;
  const outward = Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return outward?.address ?? '127.0.0.1';
}
