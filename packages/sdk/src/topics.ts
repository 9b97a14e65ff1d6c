/** Durable topics: append, follow from any point without a hole, share among the members of a group, replay. */
import { MAX_TOPIC_ACKS, type TopicReceipt, type TopicState } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import { createGroupQueue } from './group-queue.ts';
import type { SubscribeBatches } from './socket/subscribe.ts';
import type { Timing } from './timing.ts';

export interface TopicMessage {
  readonly type: 'message';
  readonly topic: string;
  /** Its place in the topic, without a hole over all publishers. */
  readonly sequence: number;
  readonly publisher: string;
  /** RFC 3339. */
  readonly at: string;
  readonly data: Uint8Array;
  /** The data as UTF-8. */
  text(): string;
}

/** `gap`: retention had taken these. */
export type TopicEvent =
  | { readonly type: 'open' }
  | TopicMessage
  | { readonly type: 'gap'; readonly topic: string; readonly from: number; readonly to: number };

export interface GroupMessage extends TopicMessage {
  /** How often it was handed to a member, this time included, as far as is known. */
  readonly attempt: number;
  /** Done with it: nobody gets it again. Without it another member does, after 30 s. */
  ack(): Promise<void>;
}

export interface FollowOptions {
  /** `start`, `end`, a sequence, or a time in UTC. Default `start`. */
  readonly from?: string | number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ConsumeOptions extends FollowOptions {
  /** Messages that are with this member at a time and not acknowledged, 1 to 256. Default 64; 1 for work that takes long. */
  readonly most?: number | undefined;
}

export interface RetentionInput {
  readonly ageMs?: number;
  readonly messages?: number;
  readonly bytes?: number;
}

export interface TopicsClient {
  /** Resolves when a majority has it on disk. Sent again by itself where an answer is lost, and one message all the same. */
  append(
    topic: string,
    data: Uint8Array | string,
    options?: CallOptions & { readonly idempotencyKey?: string },
  ): Promise<TopicReceipt>;
  /** Goes on through the next node where it broke off. */
  follow(topic: string, options?: FollowOptions): AsyncIterable<TopicEvent>;
  /** As a member of the group. `from` is where a new group begins. */
  consume(topic: string, group: string, options?: ConsumeOptions): AsyncIterable<GroupMessage>;
  acknowledge(
    topic: string,
    group: string,
    sequences: readonly number[],
    options?: CallOptions,
  ): Promise<number>;
  /** What is there, to its end. */
  replay(topic: string, options?: FollowOptions): AsyncIterable<TopicMessage>;
  retain(topic: string, retention: RetentionInput, options?: CallOptions): Promise<TopicState>;
  state(topic: string, options?: CallOptions): Promise<TopicState>;
}

/** Acknowledgements that are given one after another go together. */
const ACK_MS = 10;
/** And so many at once; a member is given more as it acknowledges. */
const ACK_MOST = 16;
const utf8 = new TextDecoder();

export interface TopicsDeps {
  readonly call: Call;
  readonly subscribe: SubscribeBatches;
  readonly timing: Timing;
}

export function createTopicsClient({ call, subscribe, timing }: TopicsDeps): TopicsClient {
  async function* follow(topic: string, { from = 'start', signal }: FollowOptions = {}) {
    let next: number | undefined;
    const input = (at: string | number) => ({ topic, from: String(at) });
    const resume = () => input(next ?? from);
    for await (const batch of subscribe('pubsub', input(from), { signal, resume })) {
      for (const event of batch) {
        if (event.type === 'open') {
          next ??= event.sequence;
          yield { type: 'open' } as const;
        } else if (event.type === 'gap') {
          next = event.to + 1;
          yield { type: 'gap', topic, from: event.from, to: event.to } as const;
        } else if (event.type === 'message' && event.sequence !== undefined) {
          if (next !== undefined && event.sequence < next) continue;
          next = event.sequence + 1;
          yield messageOf(topic, { ...event, sequence: event.sequence });
        }
      }
    }
  }

  const acknowledge: TopicsClient['acknowledge'] = async (topic, group, sequences, options) => {
    let acknowledged = 0;
    for (let i = 0; i < sequences.length; i += MAX_TOPIC_ACKS) {
      const body = { sequences: sequences.slice(i, i + MAX_TOPIC_ACKS) };
      acknowledged += (await call('topics.acknowledge', { topic, group, body }, options)).acknowledged;
    }
    return acknowledged;
  };

  async function* consume(
    topic: string,
    group: string,
    { from, most, signal }: ConsumeOptions = {},
  ): AsyncGenerator<GroupMessage> {
    const ack = createAcks((sequences) => acknowledge(topic, group, sequences), timing);
    const wanted = { ...(from !== undefined && { from: String(from) }), ...(most !== undefined && { most }) };
    const input = { topic, group, ...wanted };
    const queue = createGroupQueue<Told & { readonly sequence: number; readonly attempt: number }>(timing);
    const end = new AbortController();
    const until = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
    const receive = async () => {
      for await (const batch of subscribe('pubsub', input, { signal: until })) {
        // Handed to an earlier subscription of this member, which the group takes for gone.
        const opened = batch.findLastIndex(({ type }) => type === 'open');
        if (opened >= 0) queue.clear();
        const fresh = batch.slice(opened + 1);
        await queue.add(
          fresh.flatMap((event) =>
            event.type === 'message' && event.sequence !== undefined
              ? [{ ...event, sequence: event.sequence, attempt: event.attempt ?? 1 }]
              : [],
          ),
        );
      }
    };
    receive().then(() => queue.end(), queue.end);
    until.addEventListener('abort', () => queue.end(), { once: true });
    try {
      for (let one = await queue.next(); one && !until.aborted; one = await queue.next()) {
        const { sequence, attempt } = one;
        yield { ...messageOf(topic, one), attempt, ack: () => ack(sequence) };
      }
    } finally {
      end.abort();
    }
  }

  return {
    append: (topic, data, { idempotencyKey, ...options } = {}) => {
      const body = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      return call('topics.append', { topic, body, ...(idempotencyKey && { idempotencyKey }) }, options);
    },
    follow,
    consume,
    acknowledge,
    async *replay(topic, { from = 'start', signal } = {}) {
      for (let at: string | number | null = from; at !== null; ) {
        const page: { messages: (Told & { sequence: number })[]; next: number | null } = await call(
          'topics.replay',
          { topic, from: String(at), limit: 500 },
          { signal },
        );
        for (const message of page.messages) yield messageOf(topic, message);
        at = page.next;
      }
    },
    retain: (topic, retention, options) => call('topics.retain', { topic, ...retention }, options),
    state: (topic, options) => call('topics.state', { topic }, options),
  };
}

interface Told {
  readonly publisher: string;
  readonly at: string;
  readonly data: Uint8Array;
}

function messageOf(
  topic: string,
  { sequence, publisher, at, data }: Told & { readonly sequence: number },
): TopicMessage {
  return { type: 'message', topic, sequence, publisher, at, data, text: () => utf8.decode(data) };
}

/** All of a few milliseconds in one call. */
function createAcks(send: (sequences: number[]) => Promise<number>, timing: Timing) {
  let waiting: { readonly sequences: number[]; readonly sent: Promise<void>; go(): void } | undefined;
  return (sequence: number): Promise<void> => {
    if (!waiting) {
      const sequences: number[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const go = () => {
        cancel();
        waiting = undefined;
        send(sequences).then(() => resolve(), reject);
      };
      const cancel = timing.after(ACK_MS, go);
      waiting = { sequences, sent: promise, go };
    }
    const { sequences, sent, go } = waiting;
    sequences.push(sequence);
    if (sequences.length >= ACK_MOST) go();
    return sent;
  };
}
