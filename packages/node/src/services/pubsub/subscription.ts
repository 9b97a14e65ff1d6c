/** One client's queue: bounded, and by its own choice what happens when it is full. What was dropped is told, in its place. */
import { P2posError, type SlowPolicy } from '@p2pos/protocol';
import type { PeerId } from '../../core/net/index.ts';

export interface Message {
  readonly topic: string;
  readonly publisher: PeerId;
  readonly incarnation: number;
  readonly seq: number;
  /** By the publisher's clock, ms. */
  readonly at: number;
  readonly data: Uint8Array;
}

export interface Gap {
  readonly topic: string;
  readonly publisher: PeerId;
  readonly incarnation: number;
  readonly from: number;
  readonly to: number;
}

export type SubscriptionEvent =
  | ({ readonly type: 'message' } & Message)
  | ({ readonly type: 'gap' } & Gap)
  | { readonly type: 'missed'; readonly count: number };

export interface Subscription {
  /** False once it has ended. */
  offer(event: SubscriptionEvent): boolean;
  end(error?: unknown): void;
  /** Once only. */
  readonly events: AsyncIterable<SubscriptionEvent>;
}

export interface SubscriptionConfig {
  readonly slow: SlowPolicy;
  readonly maxMessages: number;
  readonly maxBytes: number;
}

const sizeOf = (event: SubscriptionEvent) => 128 + (event.type === 'message' ? event.data.length : 0);

export function createSubscription(
  { slow, maxMessages, maxBytes }: SubscriptionConfig,
  onEnd: () => void,
): Subscription {
  let queue: SubscriptionEvent[] = [];
  let head = 0;
  let bytes = 0;
  let missed = 0;
  let wake = () => {};
  let ended: { readonly error?: unknown } | undefined;
  const length = () => queue.length - head;

  function shift(): SubscriptionEvent | undefined {
    const event = queue[head];
    if (!event) return undefined;
    head++;
    bytes -= sizeOf(event);
    if (head > 1_024 && head * 2 > queue.length) {
      queue = queue.slice(head);
      head = 0;
    }
    return event;
  }

  function dropFor(event: SubscriptionEvent): boolean {
    if (slow === 'disconnect') {
      end(new P2posError('PUBSUB_TOO_SLOW', { queued: length() }));
      return false;
    }
    if (slow === 'latest' && event.type === 'message') {
      const older = queue.findIndex(
        (one, i) => i >= head && one.type === 'message' && one.topic === event.topic,
      );
      if (older >= 0) {
        bytes -= sizeOf(queue[older] as SubscriptionEvent);
        queue.splice(older, 1);
        missed++;
        return true;
      }
    }
    if (shift()?.type === 'message') missed++;
    return true;
  }

  function end(error?: unknown): void {
    if (ended) return;
    ended = error === undefined ? {} : { error };
    wake();
    onEnd();
  }

  async function* read(): AsyncGenerator<SubscriptionEvent> {
    try {
      for (;;) {
        if (missed > 0) {
          const count = missed;
          missed = 0;
          yield { type: 'missed', count };
          continue;
        }
        const event = shift();
        if (event) {
          yield event;
          continue;
        }
        if (ended) {
          if ('error' in ended) throw ended.error;
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      end();
    }
  }

  return {
    offer(event) {
      if (ended) return false;
      const size = sizeOf(event);
      while (length() > 0 && (length() >= maxMessages || bytes + size > maxBytes))
        if (!dropFor(event)) return false;
      queue.push(event);
      bytes += size;
      wake();
      return true;
    },
    end,
    events: read(),
  };
}
