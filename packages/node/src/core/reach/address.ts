/** What can be told of an address by its text. */
import type { Address, PeerId } from '../net/index.ts';

/** `192.0.2.1` of `/ip4/192.0.2.1/tcp/4100/…`; undefined: a name, or none. */
export function hostOf(address: Address): string | undefined {
  return /^\/ip[46]\/([^/]+)\//.exec(address)?.[1];
}

export function isLoopback(address: Address): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address);
}

export function isRelayed(address: Address): boolean {
  return address.includes('/p2p-circuit');
}

/** Through the relay at that address. */
export function throughRelay(relayAddress: Address, self: PeerId): Address {
  return `${relayAddress}/p2p-circuit/p2p/${self}`;
}

/** The same port and transport at another host. */
export function atHost(address: Address, host: string): Address {
  return address.replace(/^\/ip[46]\/[^/]+/, `/ip${host.includes(':') ? 6 : 4}/${host}`);
}

/** Without the id of the peer at the end. */
export function withoutPeer(address: Address): Address {
  return address.replace(/\/p2p\/[^/]+$/, '');
}
