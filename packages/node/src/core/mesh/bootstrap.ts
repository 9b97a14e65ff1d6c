/** Where the system may be found: what the operator named, and the newest of what discovery found, each source for itself. */
import type { Address, PeerId } from '../net/index.ts';
import { peerIdIn } from './address-book.ts';

export interface Bootstrap {
  addresses(): Address[];
  has(address: Address): boolean;
  /** Who is there, by its name in the address or because it answered. */
  peerAt(address: Address): PeerId | undefined;
  isAt(peerId: PeerId): boolean;
  /** Under which addresses without a name the peer answered. */
  unnamed(peerId: PeerId): Address[];
  answered(address: Address, peerId: PeerId): void;
  /** True when one was new. */
  found(source: string, addresses: readonly Address[]): boolean;
}

/** So that a source that tells lies can push out only what it told itself. */
const MAX_FOUND = 32;

export function createBootstrap(configured: readonly Address[]): Bootstrap {
  const bySource = new Map<string, Set<Address>>();
  const answeredAt = new Map<Address, PeerId>();

  const addresses = () => [...new Set([...configured, ...[...bySource.values()].flatMap((set) => [...set])])];
  const peerAt = (address: Address) => peerIdIn(address) ?? answeredAt.get(address);
  const has = (address: Address) =>
    configured.includes(address) || [...bySource.values()].some((set) => set.has(address));

  return {
    addresses,
    has,
    peerAt,
    isAt: (peerId) => addresses().some((address) => peerAt(address) === peerId),
    unnamed: (peerId) => addresses().filter((address) => answeredAt.get(address) === peerId),
    answered(address, peerId) {
      if (has(address)) answeredAt.set(address, peerId);
    },
    found(source, told) {
      const set = bySource.get(source) ?? new Set();
      bySource.set(source, set);
      let isNew = false;
      for (const address of told.slice(0, MAX_FOUND)) {
        isNew ||= !has(address);
        set.delete(address);
        set.add(address);
        const [oldest] = set;
        if (set.size <= MAX_FOUND || oldest === undefined) continue;
        set.delete(oldest);
        if (!has(oldest)) answeredAt.delete(oldest);
      }
      return isNew;
    },
  };
}
