/** A node as a process: its ports are this machine's clock, disk and network, its door is HTTP. */
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { P2posError } from '@p2pos/protocol';
import type { Config } from './config/index.ts';
import { createSystemClock } from './core/clock/index.ts';
import { createNodeCrypto } from './core/crypto/index.ts';
import { openIdentity } from './core/identity/index.ts';
import { createNet } from './core/net/index.ts';
import { createSystemRandom } from './core/random/index.ts';
import { openStore } from './core/store/index.ts';
import { createMetrics, listenHttp } from './gateway/index.ts';
import { createNode, type Node } from './node.ts';
import { diskUse, readHomeFile } from './process/home-file.ts';
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
              listen: config.net.listen,
              announce: config.net.announce.length > 0 ? config.net.announce : undefined,
              admit,
              isMember,
              limits: {
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
          initConnections: config.discovery.initConnections,
          intervalMs: config.discovery.intervalMs,
          wantedConnections: config.discovery.wantedConnections,
        },
        records: config.records,
        kv: config.kv,
      },
    ),
  );
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

function registerMetrics(metrics: ReturnType<typeof createMetrics>, { network }: Node): void {
  metrics.gauge('p2pos_members', 'Members of the snapshot in force.', () => network.status().members);
  metrics.gauge(
    'p2pos_members_online',
    'Members that are online as seen from here.',
    () => network.status().online,
  );
  metrics.gauge('p2pos_membership_epoch', 'Epoch of the snapshot in force.', () => network.status().epoch);
  metrics.gauge('p2pos_connections', 'Connections to members.', () => network.status().connected);
}
