/** The next snapshot while it is edited: what differs from the one in force, and which scopes that needs. */
import { formatTimestamp, type Member, memberFields, type ScopeAction } from '@p2pos/protocol';
import { texts } from '../../texts.ts';

export type RowState = 'same' | 'added' | 'removed' | 'changed';

export interface Change {
  readonly field: keyof Member;
  readonly before: string;
  readonly after: string;
}

export interface Row {
  readonly peerId: string;
  readonly state: RowState;
  /** As it will be; of a removed one as it was. */
  readonly member: Member;
  readonly changes: readonly Change[];
}

const FIELDS = ['name', 'tier', 'zone', 'capabilities', 'draining', 'notAfter', 'addresses'] as const;

/** By name; those that leave stay in the list, so that they are seen. */
export function rowsOf(before: readonly Member[], after: readonly Member[]): Row[] {
  const old = new Map(before.map((member) => [member.peerId, member]));
  const rows = after.map((member): Row => {
    const was = old.get(member.peerId);
    if (!was) return { peerId: member.peerId, state: 'added', member, changes: [] };
    const changes = FIELDS.flatMap((field): Change[] => {
      const [left, right] = [wordOf(was[field]), wordOf(member[field])];
      return left === right ? [] : [{ field, before: left, after: right }];
    });
    return { peerId: member.peerId, state: changes.length > 0 ? 'changed' : 'same', member, changes };
  });
  const kept = new Set(after.map(({ peerId }) => peerId));
  const gone = before
    .filter(({ peerId }) => !kept.has(peerId))
    .map((member): Row => ({ peerId: member.peerId, state: 'removed', member, changes: [] }));
  return [...rows, ...gone].sort((a, b) =>
    a.member.name.localeCompare(b.member.name, 'en', { numeric: true }),
  );
}

function wordOf(value: Member[keyof Member] | undefined): string {
  if (value === undefined || value === '') return '–';
  if (typeof value === 'boolean') return value ? texts.members.yes : texts.members.no;
  if (typeof value === 'object') return value.length === 0 ? '–' : value.join(', ');
  return String(value);
}

export function scopesFor(rows: readonly Row[], force: boolean): ScopeAction[] {
  const actions: ScopeAction[] = [];
  if (rows.some(({ state }) => state === 'added')) actions.push('add');
  if (rows.some(({ state }) => state === 'removed')) actions.push('remove');
  if (rows.some(({ state }) => state === 'changed')) actions.push('capabilities');
  if (force) actions.push('force');
  return actions;
}

/** Those that a proof does not give at all; for which zones it gives them the nodes look. */
export function missingScopes(scopes: readonly string[], needed: readonly ScopeAction[]): ScopeAction[] {
  return needed.filter(
    (action) =>
      !scopes.some((scope) => scope === `members:${action}` || scope.startsWith(`members:${action}@`)),
  );
}

/** Whether the change leaves less than a majority of those who belong: then it must be forced. */
export function dropsMajority(before: readonly Member[], rows: readonly Row[]): boolean {
  const count = before.filter(({ draining }) => !draining).length;
  const gone = rows.filter(({ state, member }) => state === 'removed' && !member.draining).length;
  return gone * 2 >= count && gone > 0 && count > 1;
}

export interface MemberInput {
  peerId: string;
  name: string;
  tier: number;
  capabilities: string[];
  zone: string;
  draining: boolean;
  /** As a date field gives it, empty for none. */
  notAfter: string;
  /** One a line. */
  addresses: string;
}

export function inputOf(member: Member): MemberInput {
  return {
    ...member,
    capabilities: [...member.capabilities],
    notAfter: member.notAfter?.slice(0, 10) ?? '',
    addresses: member.addresses.join('\n'),
  };
}

/** The first thing that is wrong with it, by field, or the member. */
export function memberOf(
  input: MemberInput,
): { readonly member: Member } | { readonly field: keyof Member; readonly wrong: string } {
  const addresses = input.addresses.split(/\s+/).filter((line) => line !== '');
  const candidate: Record<string, unknown> = {
    peerId: input.peerId.trim(),
    name: input.name.trim(),
    tier: Number(input.tier),
    capabilities: [...input.capabilities].sort(),
    zone: input.zone.trim(),
    draining: input.draining,
    addresses,
    ...(input.notAfter !== '' && { notAfter: formatTimestamp(Date.parse(`${input.notAfter}T00:00:00Z`)) }),
  };
  for (const field of Object.keys(candidate) as (keyof Member)[]) {
    const result = memberFields[field].safeParse(candidate[field]);
    if (!result.success) return { field, wrong: result.error.issues[0]?.message ?? '' };
  }
  return { member: candidate as unknown as Member };
}
