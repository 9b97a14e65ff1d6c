/** Pub/sub: publish with a receipt that counts, subscribe as an AsyncIterable that outlives its socket. */
import {
  MAX_PUBSUB_AFTER,
  type PublishAck,
  type PublishReceipt,
  type SlowPolicy,
  type TopicPresence,
} from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import { oneByOne } from './socket/one-by-one.ts';
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
/** What a request may take to each publisher; copies are dropped. */
const WAY_MS = 1_000;

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
  async function* follow(
    topic: string,
    { slow, signal }: PubsubOptions = {},
  ): AsyncGenerator<readonly PubsubEvent[]> {
    const sources = createSources();
    let openedAt: number | undefined;
    const resume = () => ({
      topic,
      ...(slow && { slow }),
      // Whatever was published since the first time it stood has come, or is still to come.
      ...(openedAt !== undefined && {
        sinceMs: Math.ceil(timing.now() - openedAt) + WAY_MS,
        after: sources.newest(),
      }),
    });
    const batches = subscribe('pubsub', { topic, ...(slow && { slow }) }, { signal, resume });
    for await (const batch of batches) {
      const events: PubsubEvent[] = [];
      for (const event of batch) {
        if (event.type === 'open') {
          openedAt ??= timing.now();
          events.push(event);
        } else if (event.type === 'missed') {
          sources.loosen();
          events.push(event);
        } else sources.inOrder(event, slow === 'latest', events);
      }
      yield events;
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
    subscribe: (topic, options) => oneByOne(follow(topic, options)),
    topics: async (options) => (await call('pubsub.topics', {}, options)).topics,
    presence: (topic, options) => call('pubsub.presence', { topic }, options),
  };
}

type Numbered = Extract<StreamTold<'pubsub'>, { readonly type: 'message' | 'gap' }>;

function createSources() {
  const sources = new Map<string, Source>();
  /** Most messages are of the topic and the publisher of the one before them, whose name need not be put together. */
  let recent: Source | undefined;

  function sourceOf(event: Numbered): Source {
    const { publisher, incarnation, topic } = event;
    if (recent?.topic === topic && recent.publisher === publisher && recent.incarnation === incarnation)
      return recent;
    const name = `${publisher}/${incarnation}/${topic}`;
    // All before the first that comes is not missed.
    const before = event.type === 'gap' ? event.from - 1 : event.seq - 1;
    recent = sources.get(name) ?? { topic, publisher, incarnation, seq: before, loose: false };
    // Those that were heard last stand last.
    sources.delete(name);
    sources.set(name, recent);
    if (sources.size > MAX_REMEMBERED) sources.delete(sources.keys().next().value as string);
    return recent;
  }

  return {
    /** Adds to `out` what is new of it, after what is missing before it. */
    inOrder(event: Numbered, skips: boolean, out: PubsubEvent[]): void {
      const source = sourceOf(event);
      const [from, to] = event.type === 'gap' ? [event.from, event.to] : [event.seq, event.seq];
      if (to <= source.seq) return;
      const next = source.seq + 1;
      if (from > next && !source.loose && !skips) {
        const { topic, publisher, incarnation } = event;
        out.push({ type: 'gap', topic, publisher, incarnation, from: next, to: from - 1 });
      }
      source.seq = to;
      source.loose = false;
      if (event.type === 'gap') out.push({ ...event, from: Math.max(from, next) });
      else out.push(Object.assign(event, { text: () => utf8.decode(event.data) }));
    },
    loosen(): void {
      for (const source of sources.values()) source.loose = true;
    },
    newest: () => [...sources.values()].slice(-MAX_PUBSUB_AFTER).map(({ loose: _, ...source }) => source),
  };
}

const utf8 = new TextDecoder();
