/** Who should be connected and is not. */
import type { Clock } from '../clock/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Address, Net, PeerId } from '../net/index.ts';
import type { Presence } from '../presence/index.ts';
import { type AddressBook, addressOf, peerIdIn } from './address-book.ts';
import type { Bootstrap } from './bootstrap.ts';
import type { Holds } from './holds.ts';

export interface Target {
  /** Names it in the backoff: a peer id, or a bootstrap address without one. */
  readonly name: string;
  readonly peerId: PeerId | undefined;
  readonly addresses: readonly Address[];
}

export interface Seeking {
  isListed(peerId: PeerId): boolean;
  connectedMembers(): PeerId[];
  /** Connections or members are others than before. */
  changed(): void;
  /** Fewer than a majority of the members is connected; while this node is no member, fewer than it should ask. */
  isShort(): boolean;
  /** How many more connections to members this node seeks. */
  room(): number;
  /** Members that it would connect to. */
  missing(): PeerId[];
  /** Whom to dial, the most promising first. */
  wanted(): Target[];
  /** The targets that a connection with the peer is about. */
  namesOf(peerId: PeerId): string[];
  isOwn(address: Address): boolean;
  /** Whether gossip left out somebody who may well live. */
  isBehind(): boolean;
}

export interface SeekingDeps {
  readonly net: Pick<Net, 'peerId' | 'connections' | 'isConnected' | 'addresses'>;
  readonly membership: Pick<Membership, 'view'>;
  readonly presence: Pick<Presence, 'ageMs'>;
  readonly book: Pick<AddressBook, 'addresses' | 'lastSuccess'>;
  readonly bootstrap: Bootstrap;
  readonly holds: Pick<Holds, 'isHeld'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** A node that is no member asks this many of those it knows. */
export const ENOUGH_FOR_A_STRANGER = 3;
/** Who lives is heard of every 30 s; who was not for so long, and is not given up yet, was left out. */
const OVERDUE = { fromMs: 50_000, toMs: 180_000 };
/** Who was not heard of since the start of this process is overdue for so long. */
const NEW_FOR_MS = 300_000;

export function createSeeking(deps: SeekingDeps, config: { readonly wantedConnections: number }): Seeking {
  const { net, membership, presence, book, bootstrap, holds, clock } = deps;
  const self = net.peerId;
  const startedAt = clock.monotonic();
  /** Members that are connected; counted anew after a change. */
  let connectedCount: number | undefined;

  const members = () => membership.view().members;
  const isListed = (peerId: PeerId) => members().has(peerId);
  const isOwn = (address: Address) => net.addresses().some((own) => own === addressOf(self, address));
  const connectedMembers = () =>
    [...new Set(net.connections().map((connection) => connection.peerId))].filter(isListed);
  const countConnected = () => {
    connectedCount ??= connectedMembers().length;
    return connectedCount;
  };

  function isShort(): boolean {
    const connected = countConnected();
    if (!isListed(self)) return connected < Math.min(ENOUGH_FOR_A_STRANGER, members().size || 1);
    return members().size > 1 && (connected === 0 || (connected + 1) * 2 <= members().size);
  }
  function room(): number {
    return Math.max(
      0,
      (isListed(self) ? config.wantedConnections : ENOUGH_FOR_A_STRANGER) - countConnected(),
    );
  }
  function missing(): PeerId[] {
    if (room() === 0) return [];
    return [...members().keys()].filter((peerId) => peerId !== self && !net.isConnected(peerId));
  }

  return {
    isListed,
    connectedMembers,
    changed() {
      connectedCount = undefined;
    },
    isShort,
    room,
    missing,
    wanted() {
      const targets = missing()
        .filter((peerId) => book.addresses(peerId).length > 0 && !holds.isHeld(peerId))
        .toSorted((a, b) => (book.lastSuccess(b) ?? 0) - (book.lastSuccess(a) ?? 0))
        .slice(0, room())
        .map((peerId): Target => ({ name: peerId, peerId, addresses: book.addresses(peerId) }));
      if (isListed(self) && !isShort()) return targets;
      for (const address of bootstrap.addresses()) {
        const peerId = bootstrap.peerAt(address);
        if (peerId === self || isOwn(address)) continue;
        if (peerId !== undefined && (net.isConnected(peerId) || holds.isHeld(peerId))) continue;
        // An address without an id stays a target of its own: another node may answer there today.
        const named = peerIdIn(address);
        if (named !== undefined && targets.some((target) => target.peerId === named)) continue;
        targets.push({ name: named ?? address, peerId: named, addresses: [address] });
      }
      return targets;
    },
    namesOf: (peerId) => [peerId, ...bootstrap.unnamed(peerId)],
    isOwn,
    isBehind() {
      const isNew = clock.monotonic() - startedAt < NEW_FOR_MS;
      for (const peerId of members().keys()) {
        if (peerId === self) continue;
        const ageMs = presence.ageMs(peerId);
        if (ageMs === undefined ? isNew : ageMs >= OVERDUE.fromMs && ageMs < OVERDUE.toMs) return true;
      }
      return false;
    },
  };
}
