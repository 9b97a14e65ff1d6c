/** Which members shall hold a new database, or take the place of one that is gone. */
import { type Crypto, P2posError } from '@p2pos/protocol';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Presence } from '../../core/presence/index.ts';

export interface PlacementDeps {
  readonly self: PeerId;
  readonly membership: Pick<Membership, 'view' | 'isActive'>;
  readonly presence: Pick<Presence, 'reachability' | 'sighting'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Whether this very node can hold databases. */
  readonly holdsHere: boolean;
}

export interface Wish {
  readonly id: string;
  readonly engine: string;
  readonly count: number;
  /** Those that hold it already. */
  readonly besides?: readonly PeerId[];
}

interface Candidate {
  readonly peerId: PeerId;
  readonly zone: string;
  readonly rank: string;
  readonly isSelf: boolean;
}

/** A disk with less is passed over while others have more. */
const LITTLE_BYTES = 1_073_741_824;

/**
 * Reachable members with the capability `sql`, over as many zones as there are; among equals this node first where one is
 * enough (its clients are near), else by rendezvous hash of the database, so that many spread over all.
 *
 * @throws P2posError SQL_NOT_ENOUGH_NODES
 */
export function choosePlaces(
  { self, membership, presence, crypto, holdsHere }: PlacementDeps,
  wish: Wish,
): PeerId[] {
  const { id, engine, count, besides = [] } = wish;
  const members = membership.view().members;
  const candidates: Candidate[] = [];
  for (const member of members.values()) {
    const { peerId, capabilities, draining, zone, tier } = member;
    if (!capabilities.includes('sql') || draining || tier === 3 || besides.includes(peerId)) continue;
    if (!membership.isActive(peerId)) continue;
    if (peerId === self ? !holdsHere : presence.reachability(peerId) !== 'online') continue;
    const free = presence.sighting(peerId)?.heartbeat.disk.freeBytes ?? Number.MAX_SAFE_INTEGER;
    const hash = Buffer.from(crypto.sha256(new TextEncoder().encode(`${id}/${peerId}`))).toString('hex');
    const rank = `${free < LITTLE_BYTES ? 1 : 0}${hash}`;
    candidates.push({ peerId, zone: zone ?? '', rank, isSelf: peerId === self });
  }
  if (candidates.length < count)
    throw new P2posError('SQL_NOT_ENOUGH_NODES', { needed: count, found: candidates.length, engine });
  candidates.sort((a, b) => {
    if (count === 1 && besides.length === 0 && a.isSelf !== b.isSelf) return a.isSelf ? -1 : 1;
    return a.rank < b.rank ? -1 : 1;
  });
  const used = new Map<string, number>();
  for (const peerId of besides) note(members.get(peerId)?.zone ?? '');
  const chosen: PeerId[] = [];
  while (chosen.length < count) {
    const least = Math.min(...candidates.map(({ zone }) => used.get(zone) ?? 0));
    const at = candidates.findIndex(({ zone }) => (used.get(zone) ?? 0) === least);
    const [next] = candidates.splice(at, 1) as [Candidate];
    note(next.zone);
    chosen.push(next.peerId);
  }
  return chosen;

  function note(zone: string): void {
    used.set(zone, (used.get(zone) ?? 0) + 1);
  }
}
