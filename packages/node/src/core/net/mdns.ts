/**
 * Neighbours on the local network by multicast DNS (RFC 6762; libp2p specs, mdns). The service's name holds the system's, so
 * that systems on one network do not hear each other. Nobody proves anything here: found addresses are only tried.
 */

import type { PeerDiscovery, PeerInfo } from '@libp2p/interface';
import { mdns as createMulticast } from '@libp2p/mdns';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Logger } from '../log/index.ts';
import type { Address, Net } from './port.ts';
import { silentLibp2pLogger } from './silent-logger.ts';

export interface MdnsDeps {
  readonly net: Pick<Net, 'peerId' | 'addresses'>;
  /** Each address ends in a peer id. */
  readonly found: (addresses: readonly Address[]) => void;
  readonly log: Logger;
}

export interface MdnsConfig {
  readonly systemId: string;
  /** Between two questions; the first is asked at once. */
  readonly intervalMs?: number;
}

/** A neighbour announces few; more are noise. */
const MAX_ADDRESSES = 8;

/** Asks and answers until disposed. Where this machine cannot multicast it finds nobody, and says so once in the log. */
export async function createMdns(deps: MdnsDeps, config: MdnsConfig): Promise<AsyncDisposable> {
  const { net, found, log } = deps;
  const components = {
    addressManager: { getAddresses: (): Multiaddr[] => net.addresses().filter(isOfLan).map(multiaddr) },
    logger: silentLibp2pLogger,
  };
  const service = createMulticast({
    serviceTag: `_p2pos-${config.systemId.slice(4, 36)}._udp.local`,
    interval: config.intervalMs ?? 10_000,
  })(components as unknown as Parameters<ReturnType<typeof createMulticast>>[0]) as PeerDiscovery & {
    start(): Promise<void>;
    stop(): Promise<void>;
  };
  service.addEventListener('peer', ({ detail }: CustomEvent<PeerInfo>) => {
    const peerId = detail.id.toString();
    if (peerId === net.peerId) return;
    found(detail.multiaddrs.slice(0, MAX_ADDRESSES).map((address) => `${address}/p2p/${peerId}`));
  });
  try {
    await service.start();
  } catch (error) {
    log.warn({ action: 'mdns_start', error }, 'no multicast here: neighbours are not found by mDNS');
  }
  return { [Symbol.asyncDispose]: () => service.stop() };
}

/** Of no use to a neighbour: loopback, and relays, which are not here. */
function isOfLan(address: Address): boolean {
  return !/^\/(ip4\/127\.|ip6\/::1\/)/.test(address) && !address.includes('/p2p-circuit');
}
