/** What one member list changes of another, and which rights that takes. Pure. */
import { encodeCbor, equalBytes, type Member, type Scope, type ScopeAction } from '../index.ts';
import type { PeerId } from '../rpc/index.ts';

export interface MemberChanges {
  readonly added: readonly Member[];
  /** As they were listed last. */
  readonly removed: readonly Member[];
  readonly changed: readonly { readonly before: Member; readonly after: Member }[];
}

export function memberChanges(before: readonly Member[], after: readonly Member[]): MemberChanges {
  const old = new Map(before.map((member) => [member.peerId, member]));
  const listed = new Set(after.map((member) => member.peerId));
  const added: Member[] = [];
  const changed: { before: Member; after: Member }[] = [];
  for (const member of after) {
    const known = old.get(member.peerId);
    if (!known) added.push(member);
    else if (!equalBytes(encodeCbor(known), encodeCbor(member)))
      changed.push({ before: known, after: member });
  }
  return { added, removed: before.filter((member) => !listed.has(member.peerId)), changed };
}

/**
 * Scopes that the changes take and `scopes` does not hold, at most one for each action and zone. A change to a listed
 * member needs `capabilities` in the zone that it leaves and in the one that it enters; `force` needs it wherever a
 * member is removed, and unbounded by zone when none is.
 */
export function missingScopes(scopes: readonly Scope[], changes: MemberChanges, force: boolean): string[] {
  const missing = new Set<string>();
  const need = (action: ScopeAction, zone: string) => {
    if (!scopes.some((scope) => scopeCovers(scope, action, zone))) {
      missing.add(zone === '' ? `members:${action}` : `members:${action}@${zone}`);
    }
  };
  for (const { zone } of changes.added) need('add', zone);
  for (const { zone } of changes.removed) need('remove', zone);
  for (const { before, after } of changes.changed) {
    need('capabilities', before.zone);
    need('capabilities', after.zone);
  }
  if (force && changes.removed.length === 0) need('force', '');
  if (force) for (const { zone } of changes.removed) need('force', zone);
  return [...missing].sort();
}

/** A scope without a zone covers every zone; `@eu` covers `eu` and all below it, `@eu/berlin` only that. */
export function scopeCovers(scope: Scope, action: ScopeAction, zone: string): boolean {
  const [right, within] = scope.split(/@(.*)/s, 2) as [string, string | undefined];
  if (right !== `members:${action}`) return false;
  return within === undefined || zone === within || zone.startsWith(`${within}/`);
}

/** Which members hold a slot; the same pure function on every node. */
export type ReplicasOf = (slot: number, members: readonly Member[]) => readonly PeerId[];

export interface Loss {
  /** Share of the members that goes at once: dropped of total, when it is a majority. */
  readonly members?: { readonly dropped: number; readonly total: number };
  /** Slots that lose a majority of their undrained replicas. */
  readonly slots: readonly number[];
}

/** What a list drops so suddenly that data or quorums may be lost; undefined when nothing. */
export function suddenLoss(
  before: readonly Member[],
  after: readonly Member[],
  { slots, replicasOf }: { readonly slots: number; readonly replicasOf: ReplicasOf },
): Loss | undefined {
  const listed = new Set(after.map((member) => member.peerId));
  const dropped = new Set(before.map(({ peerId }) => peerId).filter((peerId) => !listed.has(peerId)));
  if (dropped.size === 0) return undefined;

  // Clients (tier 3) count in no majority.
  const counted = before.filter((member) => member.tier !== 3);
  const gone = counted.filter((member) => dropped.has(member.peerId)).length;
  const draining = new Set(before.filter((member) => member.draining).map(({ peerId }) => peerId));
  const lost: number[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const replicas = replicasOf(slot, before).filter((peerId) => !draining.has(peerId));
    if (isMajority(replicas.filter((peerId) => dropped.has(peerId)).length, replicas.length)) lost.push(slot);
  }
  const majority = isMajority(gone, counted.length);
  if (!majority && lost.length === 0) return undefined;
  return { ...(majority && { members: { dropped: gone, total: counted.length } }), slots: lost };
}

function isMajority(part: number, whole: number): boolean {
  return part > 0 && part * 2 > whole;
}
