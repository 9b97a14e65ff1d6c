import { Blob64 } from '@p2pos/protocol';
import type { TopicMessage } from '@p2pos/sdk';
import type { Invocation } from '../invocation.ts';

/** Of a durable topic: its sequence, then its text. */
export function printMessage({ terminal, options }: Invocation, message: TopicMessage): void {
  if (!options.json) {
    terminal.print(`${terminal.paint('dim', String(message.sequence))} ${message.text()}`);
    return;
  }
  const { topic, sequence, publisher, at, data } = message;
  terminal.print(JSON.stringify({ topic, sequence, publisher, at, data: Blob64.encode(data) }));
}
