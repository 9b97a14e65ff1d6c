/** What a removal may lose, named before it is done; and what an operator says when it is lost. */
import { membersRoutes, type RemovalLoss } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import type { Invocation } from '../invocation.ts';
import { withNode } from '../node-client.ts';
import { isNamed } from './named.ts';

/** On standard error, so that `--json` stays what it is. Silent where nothing can be lost. */
export async function tellLoss(invocation: Invocation, words: readonly string[]): Promise<void> {
  const loss = await withNode(invocation, async ({ client }) => {
    const { members } = await client.call(membersRoutes.list, {});
    const peerIds = members.filter((member) => isNamed(member, words)).map(({ peerId }) => peerId);
    if (peerIds.length === 0) return undefined;
    return client.call(membersRoutes.loss, { remove: peerIds.join(',') });
  });
  if (loss && loss.slots > 0) invocation.terminal.say(textOf(loss));
}

function textOf({ slots, records, emptySlots, unknownSlots }: RemovalLoss): string {
  const parts = [
    `This removes a majority of the replicas of ${slots} slots. Of the ${records} records in them the newest writes may be lost; all others stay.`,
  ];
  if (emptySlots > 0) parts.push(`${emptySlots} slots lose every replica: whatever lies in them is lost.`);
  if (unknownSlots > 0) parts.push(`Nobody who stays could be asked about ${unknownSlots} slots.`);
  return parts.join(' ');
}

export const acceptLoss: Action = async (invocation) => {
  const { terminal, options } = invocation;
  const answer = await withNode(invocation, ({ client }) => client.call(membersRoutes.acceptLoss, {}));
  const { before } = answer;
  const text =
    before === 'learner'
      ? 'the loss is accepted: this node counts again with what it holds'
      : 'there was nothing to accept: this node lacks nothing that it knows of';
  terminal.print(options.json ? JSON.stringify(answer) : text);
  return undefined;
};
