import { parseDuration } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';

export const connectPeer: Action = async (invocation, [address = '']) => {
  const { terminal, options, signal } = invocation;
  const answer = await withNode(invocation, ({ client }) => client.network.connect(address, { signal }));
  const { peerId, member, transport, encryption } = answer;
  const who = member ? peerId : `${peerId}, which is no member: the connection is not kept up`;
  terminal.print(
    options.json ? JSON.stringify(answer) : `connected over ${transport} ${encryption} to ${who}`,
  );
  return undefined;
};

export const disconnectPeer: Action = async (invocation, [word = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const holdMs = durationOf((flags as { for?: string }).for);
  const answer = await withNode(invocation, async ({ client }) => {
    const isPeer = word.startsWith('12D3KooW') || word.startsWith('/');
    const named = isPeer
      ? undefined
      : (await client.members.list({ signal })).members.find((member) => member.name === word);
    if (!isPeer && !named) throw usage(`There is no member ${word}.`, 'p2pctl peers');
    return client.network.disconnect(named?.peerId ?? word, {
      signal,
      ...(holdMs !== undefined && { holdMs }),
    });
  });
  const held = answer.heldUntil === null ? '' : `; kept away until ${answer.heldUntil}`;
  terminal.print(options.json ? JSON.stringify(answer) : `${answer.closed} connections closed${held}`);
  return undefined;
};

function durationOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseDuration(text);
  } catch {
    throw usage(
      `--for ${text} is no duration such as 10s (units ms, s, m, h, d).`,
      'p2pctl disconnect PEER --for 10s',
    );
  }
}
