/** Members that are to leave: others take over what they hold, and nobody reads or writes there anew. */
import { type Member, membersRoutes, sleep } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';
import { editMembers } from './edit.ts';
import { requireNamed } from './named.ts';

const LOOK_EVERY_MS = 1_000;

export const drainMembers: Action = async (invocation, given, flags) => {
  const { terminal, options, signal } = invocation;
  const words = given.flat() as readonly string[];
  const draining = flags['undo'] !== true;
  const names = words.join(', ');
  const one = words.length === 1;
  const members = (current: readonly Member[]) => {
    const named = new Set(requireNamed(words, current));
    return current.map((member) => (named.has(member) ? { ...member, draining } : member));
  };
  const done = draining ? `${names} ${one ? 'drains' : 'drain'}` : `${names} ${one ? 'stays' : 'stay'}`;
  await editMembers(invocation, flags, { members }, done);
  if (!draining || flags['wait'] !== true) return undefined;

  await withNode(invocation, async ({ client }) => {
    const listed = (await client.members.list({ signal })).members;
    const remove = requireNamed(words, listed)
      .map(({ peerId }) => peerId)
      .join(',');
    for (;;) {
      const { heldSlots } = await client.call(membersRoutes.loss, { remove }, { signal });
      if (heldSlots === undefined)
        throw usage('This node is too old to tell what is copied.', 'p2pctl status');
      if (heldSlots === 0) return;
      terminal.progress(`${heldSlots} slots of records are not copied yet`);
      await sleep(systemClock, LOOK_EVERY_MS, { signal });
    }
  });
  terminal.progress('');
  if (!options.json)
    terminal.print(`others hold the records of ${names} now. Next: p2pctl members remove ${words.join(' ')}`);
  return undefined;
};
