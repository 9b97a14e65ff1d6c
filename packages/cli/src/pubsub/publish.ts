import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DeliveryReceipt, MAX_PUBSUB_MESSAGE_BYTES, type PublishAck } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';

export const publishMessage: Action = async (invocation, [topic = '', data], flags) => {
  const { terminal, options, signal, folder } = invocation;
  const file = flags['receipt'] as string | undefined;
  const message =
    data === undefined || data === '-'
      ? await terminal.read(MAX_PUBSUB_MESSAGE_BYTES)
      : new TextEncoder().encode(data);
  if (flags['ack'] === 'durable') {
    const kept = await withNode(invocation, ({ client }) => client.topics.append(topic, message, { signal }));
    if (options.json) terminal.print(JSON.stringify(kept));
    else terminal.print(`kept as ${kept.sequence} of ${topic}`);
    return undefined;
  }
  const ack = flags['ack'] as PublishAck;
  const receipt = await withNode(invocation, ({ client }) =>
    client.pubsub.publish(topic, message, { ack, signal, ...(file !== undefined && { receipt: 'signed' }) }),
  );
  if (file !== undefined && receipt.receipt)
    writeFileSync(resolve(folder, file), `${JSON.stringify(DeliveryReceipt.encode(receipt.receipt))}\n`);
  const { receipt: _, ...plain } = receipt;
  if (options.json) terminal.print(JSON.stringify(plain));
  else {
    const reached = `${receipt.clients} client(s) on ${receipt.subscribers} node(s)`;
    terminal.print(
      ack === 'none' ? `sent to ${receipt.subscribers} interested node(s)` : `delivered to ${reached}`,
    );
  }
  return undefined;
};
