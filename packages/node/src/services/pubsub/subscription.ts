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
  /** Several at once, where there are. Once only. */
  readonly batches: AsyncIterable<readonly SubscriptionEvent[]>;
}

export interface SubscriptionConfig {
  readonly slow: SlowPolicy;
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Handed on at once, of what waits. */
const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 256 * 1_024;

const sizeOf = (event: SubscriptionEvent) => 128 + (event.type === 'message' ? event.data.length : 0);
/** How many messages are not there when this is not. */
const lossOf = (event: SubscriptionEvent) => {
  if (event.type === 'missed') return event.count;
  return event.type === 'gap' ? event.to - event.from + 1 : 1;
};

export function createSubscription(
  { slow, maxMessages, maxBytes }: SubscriptionConfig,
  onEnd: () => void,
): Subscription {
  let queue: (SubscriptionEvent | undefined)[] = [];
  let head = 0;
  let bytes = 0;
  let missed = 0;
  let wake = () => {};
  let ended: { readonly error?: unknown } | undefined;
  const length = () => queue.length - head;

  function shift(): SubscriptionEvent | undefined {
    const event = queue[head];
    if (!event) return undefined;
    // What was handed on may be large, and the place of it stays for a while.
    queue[head] = undefined;
    head++;
    bytes -= sizeOf(event);
    if (head > 1_024 && head * 2 > queue.length) {
      queue = queue.slice(head);
      head = 0;
    }
    return event;
  }

  function makeRoom(size: number): void {
    if (slow === 'latest') keepNewest();
    while (length() > 0 && (length() >= maxMessages || bytes + size > maxBytes))
      missed += lossOf(shift() as SubscriptionEvent);
  }

  /** Once in a while, so that a message costs no walk through the queue: afterwards an eighth of it is free. */
  function keepNewest(): void {
    const kept: SubscriptionEvent[] = [];
    const topics = new Set<string>();
    for (let i = queue.length - 1; i >= head; i--) {
      const event = queue[i] as SubscriptionEvent;
      const older = event.type === 'message' && topics.has(event.topic);
      if (event.type === 'message') topics.add(event.topic);
      if (older) missed++;
      else kept.push(event);
    }
    queue = kept.reverse();
    head = 0;
    bytes = kept.reduce((sum, event) => sum + sizeOf(event), 0);
    while (length() > (maxMessages * 7) / 8 || bytes > (maxBytes * 7) / 8) {
      const oldest = shift();
      if (!oldest) return;
      missed += lossOf(oldest);
    }
  }

  function end(error?: unknown): void {
    if (ended) return;
    ended = error === undefined ? {} : { error };
    wake();
    onEnd();
  }

  /** What is there now, as much as is handed on at once. */
  function take(): SubscriptionEvent[] {
    const batch: SubscriptionEvent[] = [];
    if (missed > 0) {
      batch.push({ type: 'missed', count: missed });
      missed = 0;
    }
    const until = bytes - MAX_BATCH_BYTES;
    while (batch.length < MAX_BATCH && (batch.length === 0 || bytes > until)) {
      const event = shift();
      if (!event) break;
      batch.push(event);
    }
    return batch;
  }

  async function* read(): AsyncGenerator<readonly SubscriptionEvent[]> {
    try {
      for (;;) {
        const batch = take();
        if (batch.length > 0) {
          yield batch;
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
      if (length() > 0 && (length() >= maxMessages || bytes + size > maxBytes)) {
        if (slow === 'disconnect') {
          end(new P2posError('PUBSUB_TOO_SLOW', { queued: length() }));
          return false;
        }
        makeRoom(size);
      }
      queue.push(event);
      bytes += size;
      wake();
      return true;
    },
    end,
    batches: read(),
  };
}
