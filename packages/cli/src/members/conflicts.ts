/** Forks of snapshots: what the branches beside the one in force say, and the snapshot that ends them. */
import {
  decodeDocument,
  fromBase64url,
  fromHex,
  type Member,
  membersRoutes,
  type Snapshot,
  snapshotDocument,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { crypto } from '../keys.ts';
import { type Connected, withNode } from '../node-client.ts';
import { editMembers } from './edit.ts';
import { isNamed } from './named.ts';

type Client = Connected['client'];
type Named = Pick<Member, 'peerId' | 'name'>;

interface Branch {
  /** Lower-case hex, as its last snapshot. */
  readonly parent: string;
  readonly loser: string;
  readonly epoch: number;
  readonly issuedAt: string | null;
  readonly issuerPeerId: string | null;
  /** Removed there: refused everywhere until it is merged. */
  readonly removed: readonly Named[];
  /** Listed there, and not by the snapshot in force: no members, merged or not, unless they are added. */
  readonly added: readonly Named[];
}

async function branchesAt(client: Client): Promise<Branch[]> {
  const { conflicts } = await client.call(membersRoutes.root, {});
  if (conflicts.length === 0) return [];
  const inForce = decodeDocument(snapshotDocument, await client.members.snapshot(), crypto).body;
  const beside = await snapshotsBeside(client, new Set(conflicts.map(({ loser }) => loser)));
  const names = new Map([...beside.values(), inForce].flatMap(({ members }) => nameEntries(members)));
  const listed = new Set(inForce.members.map(({ peerId }) => peerId));
  return conflicts.map(({ parent, loser, epoch, refused }) => {
    const end = beside.get(loser);
    return {
      parent,
      loser,
      epoch,
      issuedAt: end?.issuedAt ?? null,
      issuerPeerId: end?.issuerPeerId ?? null,
      removed: refused.map((peerId) => ({ peerId, name: names.get(peerId) ?? '–' })),
      added: (end?.members ?? [])
        .filter(({ peerId }) => !listed.has(peerId))
        .map(({ peerId, name }) => ({ peerId, name })),
    };
  });
}

const nameEntries = (members: readonly Member[]) =>
  members.map(({ peerId, name }): [string, string] => [peerId, name]);

async function snapshotsBeside(client: Client, wanted: ReadonlySet<string>): Promise<Map<string, Snapshot>> {
  const found = new Map<string, Snapshot>();
  for await (const { hash, bytes } of client.members.documents('branches')) {
    if (!wanted.has(hash)) continue;
    found.set(hash, decodeDocument(snapshotDocument, fromBase64url(bytes), crypto).body);
    if (found.size === wanted.size) break;
  }
  return found;
}

export const listConflicts: Action = async (invocation) => {
  const { terminal, options } = invocation;
  const branches = await withNode(invocation, ({ client }) => branchesAt(client));
  if (options.json) {
    terminal.print(JSON.stringify({ conflicts: branches }));
    return undefined;
  }
  if (branches.length === 0) {
    terminal.print('one chain of snapshots, nothing beside it');
    return undefined;
  }
  for (const { loser, epoch, issuedAt, issuerPeerId, removed, added } of branches) {
    terminal.print(terminal.paint('yellow', `snapshot ${epoch} ${loser} stands beside the one in force`));
    terminal.print(`  issued ${issuedAt ?? 'at an unknown time'} by ${issuerPeerId ?? 'an unknown admin'}`);
    for (const { name, peerId } of removed)
      terminal.print(`  removed there, refused until merged: ${name} ${peerId}`);
    for (const { name, peerId } of added) terminal.print(`  added there, no member here: ${name} ${peerId}`);
  }
  terminal.print('next: p2pctl members merge                      what was removed stays out');
  terminal.print('  or: p2pctl members merge --readmit MEMBER     and this one is a member again');
  return undefined;
};

export const mergeBranches: Action = async (invocation, _args, flags) => {
  const branches = await withNode(invocation, ({ client }) => branchesAt(client));
  if (branches.length === 0) throw usage('There is nothing to merge.', 'p2pctl members conflicts');
  const removed = branches.flatMap((branch) => branch.removed);
  const readmitted = (flags['readmit'] ?? []) as readonly string[];
  for (const word of readmitted) {
    if (removed.some((member) => isNamed(member, [word]))) continue;
    throw usage(`${word} was not removed by a branch that waits to be merged.`, 'p2pctl members conflicts');
  }
  const out = new Set(removed.filter((member) => !isNamed(member, readmitted)).map(({ peerId }) => peerId));
  const members = (current: readonly Member[]) => current.filter(({ peerId }) => !out.has(peerId));
  const merges = branches.map(({ loser }) => fromHex(loser));
  const done = `${merges.length} ${merges.length === 1 ? 'branch is' : 'branches are'} merged`;
  return editMembers(invocation, flags, { members, merges, force: flags['force'] === true }, done);
};
