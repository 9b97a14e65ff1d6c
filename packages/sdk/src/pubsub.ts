/** Pub/sub: publish with a receipt that counts, subscribe as an AsyncIterable that outlives its socket. */
import {
  MAX_PUBSUB_AFTER,
  type PublishAck,
  type PublishReceipt,
  type SlowPolicy,
  type TopicPresence,
} from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import type { StreamTold, SubscribeBatches } from './socket/subscribe.ts';
import type { Timing } from './timing.ts';

export interface PublishOptions extends CallOptions {
  /** `one`: a subscriber has it when this resolves; `all`: every interested node has. Default `none`. */
  readonly ack?: PublishAck;
  /** The answer brings the receivers' signatures: `p2pctl receipt verify` checks them offline. */
  readonly receipt?: 'signed';
}

export interface PubsubOptions {
  /** What to do when messages come faster than they are read. Default `buffer`. */
  readonly slow?: SlowPolicy;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `open`: the subscription stands, again after each reconnect. `gap`: messages `from` to `to` of that publisher did not reach
 * this client. `missed`: so many were dropped because this client was too slow.
 */
export type PubsubEvent =
  | {
      readonly type: 'open';
      readonly confirmedBy: readonly string[];
      readonly unconfirmed: readonly string[];
    }
  | {
      readonly type: 'message';
      readonly topic: string;
      readonly publisher: string;
      readonly incarnation: number;
      readonly seq: number;
      /** RFC 3339. */
      readonly at: string;
      readonly data: Uint8Array;
      /** The data as UTF-8. */
      text(): string;
    }
  | {
      readonly type: 'gap';
      readonly topic: string;
      readonly publisher: string;
      readonly incarnation: number;
      readonly from: number;
      readonly to: number;
    }
  | { readonly type: 'missed'; readonly count: number };

export interface PubsubClient {
  publish(topic: string, data: Uint8Array | string, options?: PublishOptions): Promise<PublishReceipt>;
  /** `*` is one token, `>` at the end the rest. Ends when the signal aborts or the loop is left. */
  subscribe(topic: string, options?: PubsubOptions): AsyncIterable<PubsubEvent>;
  topics(options?: CallOptions): Promise<{ readonly pattern: string; readonly nodes: number }[]>;
  presence(topic: string, options?: CallOptions): Promise<TopicPresence>;
}

/** Publishers' topics whose last number is remembered, to tell copies and gaps after a reconnect. */
const MAX_REMEMBERED = 10_000;

export interface PubsubDeps {
  readonly call: Call;
  readonly subscribe: SubscribeBatches;
  readonly timing: Pick<Timing, 'now'>;
}

/** One publisher's messages to one topic. */
interface Source {
  readonly topic: string;
  readonly publisher: string;
  readonly incarnation: number;
  seq: number;
  /** Some that follow were dropped, which ones is not known: the next number tells nothing. */
  loose: boolean;
}

export function createPubsubClient({ call, subscribe, timing }: PubsubDeps): PubsubClient {
  async function* follow(topic: string, { slow, signal }: PubsubOptions = {}): AsyncGenerator<PubsubEvent> {
    const sources = new Map<string, Source>();
    let openedAt: number | undefined;
    const resume = () => ({
      topic,
      ...(slow && { slow }),
      // Whatever was published since the first time it stood has come, or is still to come.
      ...(openedAt !== undefined && { sinceMs: Math.ceil(timing.now() - openedAt), after: newest(sources) }),
    });
    const batches = subscribe('pubsub', { topic, ...(slow && { slow }) }, { signal, resume });
    for await (const batch of batches) {
      for (const event of batch) {
        if (event.type === 'open') {
          openedAt ??= timing.now();
          yield event;
        } else if (event.type === 'missed') {
          for (const source of sources.values()) source.loose = true;
          yield event;
        } else yield* inOrder(sources, event, slow === 'latest');
      }
    }
  }

  return {
    publish: (topic, data, { ack, receipt, ...options } = {}) => {
      const body = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      return call(
        'pubsub.publish',
        { topic, body, ...(ack && { ack }), ...(receipt && { receipt }) },
        options,
      );
    },
    subscribe: follow,
    topics: async (options) => (await call('pubsub.topics', {}, options)).topics,
    presence: (topic, options) => call('pubsub.presence', { topic }, options),
  };
}

type Numbered = Extract<StreamTold<'pubsub'>, { readonly type: 'message' | 'gap' }>;

/** What is new of it, after what is missing before it. */
function* inOrder(
  sources: Map<string, Source>,
  event: Numbered,
  skips: boolean,
): Generator<PubsubEvent, void> {
  const { publisher, incarnation, topic } = event;
  const name = `${publisher}/${incarnation}/${topic}`;
  const [from, to] = event.type === 'gap' ? [event.from, event.to] : [event.seq, event.seq];
  const source = sources.get(name);
  if (source) {
    if (to <= source.seq) return;
    const next = source.seq + 1;
    if (from > next && !source.loose && !skips)
      yield { type: 'gap', topic, publisher, incarnation, from: next, to: from - 1 };
    source.seq = to;
    source.loose = false;
    if (event.type === 'gap') yield { ...event, from: Math.max(from, next) };
  } else {
    sources.set(name, { topic, publisher, incarnation, seq: to, loose: false });
    if (sources.size > MAX_REMEMBERED) sources.delete(sources.keys().next().value as string);
    if (event.type === 'gap') yield event;
  }
  if (event.type === 'message') {
    const { data } = event;
    yield { ...event, text: () => utf8.decode(data) };
  }
}

const utf8 = new TextDecoder();

function newest(sources: ReadonlyMap<string, Source>) {
  return [...sources.values()].slice(-MAX_PUBSUB_AFTER).map(({ loose: _, ...source }) => source);
}
