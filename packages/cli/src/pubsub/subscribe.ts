import { Blob64, type SlowPolicy } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { lastingOption } from '../lasting.ts';
import { withNode } from '../node-client.ts';
import { printMessage } from './message.ts';

export const subscribeTopic: Action = async (invocation, [topic = ''], flags) => {
  const { terminal, options } = invocation;
  using lasting = lastingOption(flags['for'], 'p2pctl pubsub subscribe TOPIC --for 10s');
  const slow = flags['slow'] as SlowPolicy | undefined;
  const from = flags['from'] as string | undefined;
  const group = flags['group'] as string | undefined;
  await withNode(invocation, async ({ client }) => {
    const signal = AbortSignal.any([invocation.signal, lasting.signal]);
    if (group !== undefined) {
      // Acknowledgements go together where they are not waited for one by one.
      const acks = new Set<Promise<void>>();
      let failure: unknown;
      for await (const message of client.topics.consume(topic, group, { signal, from })) {
        printMessage(invocation, message);
        const ack = message.ack().catch((error) => {
          failure ??= error;
        });
        acks.add(ack);
        void ack.then(() => acks.delete(ack));
        if (failure !== undefined) break;
      }
      await Promise.all(acks);
      if (failure !== undefined) throw failure;
      return;
    }
    if (from !== undefined) {
      for await (const event of client.topics.follow(topic, { signal, from })) {
        if (event.type === 'message') printMessage(invocation, event);
        else if (event.type === 'gap')
          terminal.say(`${event.to - event.from + 1} message(s) from ${event.from} on are no longer kept`);
      }
      return;
    }
    for await (const event of client.pubsub.subscribe(topic, { signal, ...(slow && { slow }) })) {
      if (options.json) {
        const { text: _, data, ...fields } = event as typeof event & { text?: unknown; data?: Uint8Array };
        terminal.print(JSON.stringify({ ...fields, ...(data && { data: Blob64.encode(data) }) }));
      } else if (event.type === 'message') {
        terminal.print(`${terminal.paint('dim', event.topic)} ${event.text()}`);
      } else if (event.type === 'open') {
        terminal.say(`subscribed to ${topic}; confirmed by ${event.confirmedBy.length} other node(s)`);
      } else if (event.type === 'gap') {
        terminal.say(
          `lost ${event.to - event.from + 1} message(s) of ${event.topic} from ${event.publisher}`,
        );
      } else terminal.say(`dropped ${event.count} message(s) here: they came faster than they were printed`);
    }
  });
  return undefined;
};
