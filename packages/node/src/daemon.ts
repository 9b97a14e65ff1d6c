/** A node as a process: its ports are this machine's clock, disk and network, its door is HTTP. */
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dnsDomainIn, type Invitation, P2posError } from '@p2pos/protocol';
import type { Config } from './config/index.ts';
import { createSystemClock } from './core/clock/index.ts';
import { createNodeCrypto } from './core/crypto/index.ts';
import { createDiscovery, createDnsResolver, createDohResolver } from './core/discovery/index.ts';
import { openIdentity } from './core/identity/index.ts';
import type { Logger } from './core/log/index.ts';
import { createMdns, createNet } from './core/net/index.ts';
import { createSystemRandom } from './core/random/index.ts';
import { openStore } from './core/store/index.ts';
import { createMetrics, listenHttp } from './gateway/index.ts';
import { type Joined, joinSystem } from './joining.ts';
import { createNode, type Node } from './node.ts';
import { diskUse, readHomeFile } from './process/home-file.ts';
import type { JoinPorts } from './process/join.ts';
import type { NodeContext, RunningNode } from './process/run.ts';
import { SOFTWARE_VERSION } from './process/software-version.ts';

const PAGE_FOLDER = fileURLToPath(new URL('../../console/src/', import.meta.url));

/** @throws P2posError CONFIG_INVALID without a system, and what each part refuses */
export async function createDaemon(
  config: Config,
  { home, log, supervisor }: NodeContext,
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
  const data = join(home, 'data');
  const store = starting.use(
    await openStore(
      { random, log },
      { folder: data, maxQueuedBytes: config.store.queueBytes, maxBytes: config.store.maxBytes },
    ),
  );
  let mayRelay = (): boolean => false;
  const node = starting.use(
    await createNode(
      {
        clock,
        random,
        crypto: createNodeCrypto(),
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
                maxConnections: config.net.maxConnections,
                inboundPerSecondPerHost: config.net.inboundConnectionsPerSecond,
              },
            },
          ),
        load: () => Math.min(1, (loadavg()[0] ?? 0) / availableParallelism()),
        disk: () => diskUse(data),
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
        reach: { mode: config.net.mode, relays: config.net.relays },
        records: config.records,
        kv: config.kv,
      },
    ),
  );
  mayRelay = () =>
    node.reach?.current().reach !== 'private' &&
    node.membership.view().members.get(identity.peerId)?.capabilities.includes('relay') === true;
  await discover(starting, node, { config, log, systemId });
  const metrics = starting.use(createMetrics({ clock }));
  registerMetrics(metrics, node);
  const door = starting.use(
    await listenHttp(
      {
        clock,
        random,
        log,
        peerId: identity.peerId,
        metrics,
        services: node.services,
        streams: node.streams,
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

/** Looks for the system by what the settings name, and on the local network. */
async function discover(
  parts: AsyncDisposableStack,
  { net, mesh }: Node,
  { config, log, systemId }: { readonly config: Config; readonly log: Logger; readonly systemId: string },
): Promise<void> {
  const { initConnections, dnsServers, dnsOverHttps: url, mdns } = config.discovery;
  const domains = initConnections.map(dnsDomainIn).filter((domain) => domain !== undefined);
  const servers = dnsServers.map(({ host, port }) =>
    host.includes(':') ? `[${host}]:${port}` : `${host === 'localhost' ? '127.0.0.1' : host}:${port}`,
  );
  const resolver = url === undefined ? createDnsResolver({ servers }) : createDohResolver({ fetch }, { url });
  const [clock, random] = [createSystemClock(), createSystemRandom()];
  parts.use(createDiscovery({ resolver, mesh, isLooking: mesh.isShort, clock, random, log }, { domains }));
  if (mdns && !listensLocally(config))
    parts.use(
      await createMdns(
        { net, log, found: (addresses) => mesh.found('mdns', addresses) },
        { systemId, intervalMs: config.discovery.intervalMs },
      ),
    );
}

/** Reached from this machine alone: there is no router, and nobody on the network to look for. */
function listensLocally({ net: { listen } }: Config): boolean {
  return listen.length > 0 && listen.every((address) => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address));
}

/** First contact over this machine's network; it listens nowhere. */
export function joinFrom(ports: JoinPorts, invitation: Invitation, config: Config): Promise<Joined> {
  const random = createSystemRandom();
  const openNet = () => createNet({ ...ports, random }, { listen: [], admit: () => false });
  return joinSystem({ ...ports, random, crypto: createNodeCrypto(), openNet }, invitation, config.records);
}

function registerMetrics(metrics: ReturnType<typeof createMetrics>, { network, net }: Node): void {
  const { nat } = net;
  if (nat) {
    const bytes = (help: string) => `Bytes of channels between nodes since the start, ${help}.`;
    metrics.gauge('p2pos_direct_sent_bytes', bytes('sent directly'), () => nat.traffic().direct.sentBytes);
    metrics.gauge(
      'p2pos_direct_received_bytes',
      bytes('received directly'),
      () => nat.traffic().direct.receivedBytes,
    );
    metrics.gauge(
      'p2pos_relayed_sent_bytes',
      bytes('sent through a relay'),
      () => nat.traffic().relayed.sentBytes,
    );
    metrics.gauge(
      'p2pos_relayed_received_bytes',
      bytes('received through a relay'),
      () => nat.traffic().relayed.receivedBytes,
    );
    metrics.gauge(
      'p2pos_carried_bytes',
      'Bytes that this node relayed for others since the start.',
      nat.carriedBytes,
    );
    metrics.gauge('p2pos_relay_clients', 'Members that this node relays for.', nat.relayedFor);
    metrics.gauge('p2pos_relays', 'Members that relay for this node.', () => nat.relays().length);
  }
  metrics.gauge('p2pos_members', 'Members of the snapshot in force.', () => network.status().members);
  metrics.gauge(
    'p2pos_members_online',
    'Members that are online as seen from here.',
    () => network.status().online,
  );
  metrics.gauge('p2pos_membership_epoch', 'Epoch of the snapshot in force.', () => network.status().epoch);
  metrics.gauge('p2pos_connections', 'Connections to members.', () => network.status().connected);
}
