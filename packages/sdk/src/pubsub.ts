/** Pub/sub: publish with a receipt that counts, subscribe as an AsyncIterable that outlives its socket. */
import {
  type PublishAck,
  type PublishReceipt,
  pubsubRoutes,
  pubsubStreams,
  type SlowPolicy,
  type TopicPresence,
} from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import type { Subscribe } from './socket/subscribe.ts';

export interface PublishOptions extends CallOptions {
  /** `one`: a subscriber has it when this resolves; `all`: every interested node has. Default `none`. */
  readonly ack?: PublishAck;
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

export function createPubsubClient(call: Call, subscribe: Subscribe): PubsubClient {
  async function* follow(topic: string, { slow, signal }: PubsubOptions = {}): AsyncGenerator<PubsubEvent> {
    const last = new Map<string, number>();
    const events = subscribe(pubsubStreams, 'pubsub', { topic, ...(slow && { slow }) }, { signal });
    for await (const event of events) {
      if (event.type === 'missed') {
        // Which ones is not known, so numbers that follow tell nothing of them.
        last.clear();
        yield event;
        continue;
      }
      if (event.type === 'open') {
        yield event;
        continue;
      }
      const { publisher, incarnation, topic: name } = event;
      const source = `${publisher}/${incarnation}/${name}`;
      const before = last.get(source);
      const seq = event.type === 'gap' ? event.to : event.seq;
      if (before !== undefined && seq <= before) continue;
      last.delete(source);
      last.set(source, seq);
      if (last.size > MAX_REMEMBERED) last.delete(last.keys().next().value as string);
      const first = event.type === 'gap' ? event.from : event.seq;
      if (before !== undefined && first > before + 1) {
        yield { type: 'gap', topic: name, publisher, incarnation, from: before + 1, to: first - 1 };
      }
      if (event.type === 'gap') yield event;
      else yield { ...event, text: () => new TextDecoder().decode(event.data) };
    }
  }

  return {
    publish: (topic, data, { ack, ...options } = {}) => {
      const body = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      return call(pubsubRoutes.publish, { topic, body, ...(ack && { ack }) }, options);
    },
    subscribe: follow,
    topics: async (options) => (await call(pubsubRoutes.topics, {}, options)).topics,
    presence: (topic, options) => call(pubsubRoutes.presence, { topic }, options),
  };
}
