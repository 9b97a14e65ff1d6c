/** How the process finds its system and is found: DNS, mDNS, and the metrics of what goes directly and what through relays. */
import { dnsDomainIn } from '@p2pos/protocol';
import type { Config } from './config/index.ts';
import { createSystemClock } from './core/clock/index.ts';
import { createDiscovery, createDnsResolver, createDohResolver } from './core/discovery/index.ts';
import type { Logger } from './core/log/index.ts';
import { createMdns } from './core/net/index.ts';
import { createSystemRandom } from './core/random/index.ts';
import type { Metrics } from './gateway/index.ts';
import type { Node } from './node.ts';

/** Looks for the system by what the settings name, and on the local network. */
export async function findSystem(
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
export function listensLocally({ net: { listen } }: Config): boolean {
  return listen.length > 0 && listen.every((address) => /^\/(ip4\/127\.|ip6\/::1\/)/.test(address));
}

export function registerReachMetrics(metrics: Metrics, { net, reach }: Node): void {
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
    metrics.gauge(
      'p2pos_mapped_ports',
      'Addresses at which a router leads to this node, by UPnP.',
      () => reach.current().portMapping.addresses.length,
    );
    metrics.gauge('p2pos_relays', 'Members that relay for this node.', () => nat.relays().length);
  }
}
