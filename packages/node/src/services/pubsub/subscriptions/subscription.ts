/** One client's queue: bounded, and by its own choice what happens when it is full. What was dropped is told, in its place. */
import { P2posError, type SlowPolicy } from '@p2pos/protocol';
import type { PeerId } from '../../../core/net/index.ts';
import type { Held, Queue, Share } from './budget.ts';

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

/** An event, in one queue or many. */
export interface Waiting extends Held {
  readonly event: SubscriptionEvent;
}

export const waitingOf = (event: SubscriptionEvent): Waiting => ({
  event,
  buffer: event.type === 'message' ? event.data.buffer : undefined,
  holders: 0,
});

export interface Subscription {
  /** False once it has ended. */
  offer(waiting: Waiting): boolean;
  /** What waits is let go. */
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

export interface SubscriptionHooks {
  readonly onEnd?: () => void;
  /** So many messages were dropped just now. The subscriber is told when it reads on, which may be never. */
  readonly onDropped?: ((count: number) => void) | undefined;
}

/** @param budget What waits counts there, and so does what was handed on, until more is asked for. */
export function createSubscription(
  budget: (queue: Queue) => Share,
  { slow, maxMessages, maxBytes }: SubscriptionConfig,
  { onEnd = () => {}, onDropped = () => {} }: SubscriptionHooks = {},
): Subscription {
  let queue: (Waiting | undefined)[] = [];
  let head = 0;
  let bytes = 0;
  let missed = 0;
  /** Handed on last. */
  let lent: readonly Waiting[] = [];
  let wake = () => {};
  let ended: { readonly error?: unknown } | undefined;
  const length = () => queue.length - head;
  const isOver = () => length() > 1 && (length() > maxMessages || bytes > maxBytes);
  const share = budget({ bytes: () => bytes, shed });

  /** For others. */
  function shed(): void {
    const half = bytes / 2;
    if (length() > 0) shrink(() => bytes > half);
  }

  function shift(): Waiting | undefined {
    const waiting = queue[head];
    if (!waiting) return undefined;
    // What was handed on may be large, and the place of it stays for a while.
    queue[head] = undefined;
    head++;
    bytes -= sizeOf(waiting.event);
    if (head > 1_024 && head * 2 > queue.length) {
      queue = queue.slice(head);
      head = 0;
    }
    return waiting;
  }

  function drop(waiting: Waiting): void {
    const count = lossOf(waiting.event);
    missed += count;
    onDropped(count);
    share.remove(waiting);
  }

  /** In the manner that the subscriber chose, at least until it is not too much. */
  function shrink(isTooMuch: () => boolean): void {
    if (slow === 'disconnect') end(new P2posError('PUBSUB_TOO_SLOW', { queued: length() }));
    else if (slow === 'latest') keepNewest();
    while (isTooMuch()) drop(shift() as Waiting);
    wake();
  }

  /** Once in a while, so that a message costs no walk through the queue: afterwards an eighth of it is free. */
  function keepNewest(): void {
    const kept: Waiting[] = [];
    const topics = new Set<string>();
    for (let i = queue.length - 1; i >= head; i--) {
      const waiting = queue[i] as Waiting;
      const { event } = waiting;
      const older = event.type === 'message' && topics.has(event.topic);
      if (event.type === 'message') topics.add(event.topic);
      if (older) drop(waiting);
      else kept.push(waiting);
    }
    queue = kept.reverse();
    head = 0;
    bytes = kept.reduce((sum, { event }) => sum + sizeOf(event), 0);
    while (length() > 1 && (length() > (maxMessages * 7) / 8 || bytes > (maxBytes * 7) / 8))
      drop(shift() as Waiting);
  }

  function giveBack(): void {
    for (const one of lent) share.remove(one);
    lent = [];
  }

  function end(error?: unknown): void {
    if (ended) return;
    ended = error === undefined ? {} : { error };
    // Whoever reads may never come again.
    giveBack();
    for (let one = shift(); one; one = shift()) share.remove(one);
    share[Symbol.dispose]();
    wake();
    onEnd();
  }

  /** What is there now, as much as is handed on at once. */
  function take(): SubscriptionEvent[] {
    const batch: Waiting[] = [];
    const until = bytes - MAX_BATCH_BYTES;
    while (batch.length < MAX_BATCH && (batch.length === 0 || bytes > until)) {
      const waiting = shift();
      if (!waiting) break;
      batch.push(waiting);
    }
    lent = batch;
    const events = batch.map(({ event }) => event);
    if (missed === 0) return events;
    const count = missed;
    missed = 0;
    return [{ type: 'missed', count }, ...events];
  }

  async function* read(): AsyncGenerator<readonly SubscriptionEvent[]> {
    try {
      for (;;) {
        giveBack();
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
    offer(waiting) {
      if (ended) return false;
      queue.push(waiting);
      bytes += sizeOf(waiting.event);
      share.add(waiting);
      share.relieve();
      if (isOver()) shrink(isOver);
      if (length() > 0 && share.isFull()) shrink(() => length() > 0);
      wake();
      return ended === undefined;
    },
    end,
    batches: read(),
  };
}
