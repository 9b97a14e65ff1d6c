/** Signs the snapshot that follows the one in force, with one member more or less, and pushes it. */
import { type Capability, isPeerId, type Member, P2posError } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { DEV_CAPABILITIES } from '../dev/founding.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { type Connected, withNode } from '../node-client.ts';
import { didYouMean } from '../suggestion.ts';
import { adminOf } from './admin.ts';
import { changeMembers, type MembershipChange } from './change.ts';
import { tellLoss } from './loss.ts';
import { requireNamed } from './named.ts';
import { wordsOf } from './pushed.ts';

type Flags = Readonly<Record<string, unknown>>;

export const addMember: Action = async (invocation, [peerId = ''], flags) => {
  if (!isPeerId(peerId))
    throw new P2posError('PEER_ID_INVALID', { peerId, reason: 'it is none', next: 'p2pctl peers' });
  const member = memberOf(peerId, flags);
  const members = (current: readonly Member[]) => {
    if (current.some((one) => one.peerId === peerId))
      throw usage(`${peerId} is a member already.`, 'p2pctl members list');
    return [...current, member];
  };
  return editMembers(invocation, flags, { members }, `${member.name} is added`);
};

export const removeMember: Action = async (invocation, given, flags) => {
  const words = given.flat() as readonly string[];
  const members = (current: readonly Member[]) => {
    const gone = new Set(requireNamed(words, current));
    return current.filter((member) => !gone.has(member));
  };
  // Named before it is done, whether it is forced or refused.
  await tellLoss(invocation, words);
  const done = `${words.join(', ')} ${words.length === 1 ? 'is' : 'are'} removed`;
  return editMembers(invocation, flags, { members, force: flags['force'] === true }, done);
};

/** The same list again, with the proof that is used now. */
export const renewMembers: Action = (invocation, _args, flags) =>
  editMembers(invocation, flags, { members: (current) => current }, 'the members are as before');

export async function editMembers(
  invocation: Invocation,
  flags: Flags,
  change: MembershipChange,
  done: string,
): Promise<undefined> {
  const { terminal, options } = invocation;
  const answer = await withNode(invocation, async (connected) => {
    const admin = await adminOf(invocation, connected.target, flags);
    return (await changeMembers(doorOf(connected), admin, change, systemClock.now)).answer;
  });
  terminal.print(options.json ? JSON.stringify(answer) : `${done}; ${wordsOf(answer)}`);
  return undefined;
}

function doorOf({ client }: Connected) {
  return {
    snapshot: () => client.members.snapshot(),
    push: (bytes: Uint8Array) => client.members.push(bytes),
  };
}

function memberOf(peerId: string, flags: Flags): Member {
  const {
    name,
    zone = '',
    capabilities,
    tier = '2',
    address,
  } = flags as Readonly<Record<string, string | undefined>>;
  if (!/^[0-3]$/.test(tier)) throw usage('--tier is 0, 1, 2 or 3.', 'p2pctl members add PEERID --tier 2');
  return {
    peerId,
    name: name ?? `node-${peerId.slice(-8).toLowerCase()}`,
    tier: Number(tier) as Member['tier'],
    capabilities: capabilitiesOf(capabilities),
    zone,
    draining: false,
    addresses: address === undefined ? [] : [address],
  };
}

function capabilitiesOf(text: string | undefined): readonly Capability[] {
  if (text === undefined) return ['gateway', 'relay', 'storage'];
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
  for (const word of words) {
    if (DEV_CAPABILITIES.some((known) => known === word)) continue;
    throw usage(
      `There is no capability ${word}.${didYouMean(word, DEV_CAPABILITIES)} There are ${DEV_CAPABILITIES.join(', ')}.`,
      'p2pctl members add PEERID --capabilities storage,gateway',
    );
  }
  return [...new Set(words)].sort() as Capability[];
}
