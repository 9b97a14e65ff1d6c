import { duration, formatDuration } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import { withNode } from '../node-client.ts';

const AGE = duration(60_000, 3_650 * 86_400_000);
const EXAMPLE = 'p2pctl pubsub retention TOPIC --age 7d --messages 1000000';

export const showRetention: Action = async (invocation, [topic = ''], flags) => {
  const { terminal, options, signal } = invocation;
  const ageMs = flags['age'] === undefined ? undefined : AGE.safeDecode(flags['age'] as string);
  if (ageMs?.success === false) throw usage('--age is a duration of a minute or more, such as 7d.', EXAMPLE);
  const wanted = {
    ...(ageMs && { ageMs: ageMs.data }),
    ...countOf('messages', flags),
    ...countOf('bytes', flags),
  };
  const { retention, ...state } = await withNode(invocation, ({ client }) =>
    Object.keys(wanted).length > 0
      ? client.topics.retain(topic, wanted, { signal })
      : client.topics.state(topic, { signal }),
  );
  if (options.json) {
    terminal.print(JSON.stringify({ ...state, retention }));
    return undefined;
  }
  terminal.print(
    `${topic}: ${state.next - state.first} message(s) from ${state.first} on, ${state.bytes} bytes`,
  );
  terminal.print(
    `kept: ${formatDuration(retention.ageMs)}, ${retention.messages} messages, ${retention.bytes} bytes, whichever is least`,
  );
  return undefined;
};

function countOf(name: 'messages' | 'bytes', flags: Readonly<Record<string, unknown>>) {
  if (flags[name] === undefined) return {};
  const count = Number(flags[name]);
  if (!Number.isSafeInteger(count) || count < 1) throw usage(`--${name} is a whole number from 1.`, EXAMPLE);
  return { [name]: count };
}
