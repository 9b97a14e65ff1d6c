/** Binds the contract of durable topics (`protocol/src/topics.ts`) to their rules. */
import {
  MAX_PUBSUB_MESSAGE_BYTES,
  P2posError,
  type pubsubStreams,
  type RouteHandlers,
  type StreamEvent,
  Topic,
  TopicFrom,
  TopicGroup,
  type topicRoutes,
} from '@p2pos/protocol';
import { timeOf } from '../names.ts';
import type { Pubsub } from '../pubsub.ts';
import type { Groups } from './groups/groups.ts';
import type { From, TopicEvent } from './reader.ts';
import type { TopicState, Topics } from './topics.ts';

export interface Durable {
  readonly topics: Topics;
  readonly groups: Groups;
}

const PAGE = 100;
const MAX_PAGE_BYTES = 4 * 1_048_576;

export function createTopicHandlers(
  { topics, groups }: Durable,
  pubsub: Pick<Pubsub, 'publish'>,
): RouteHandlers<typeof topicRoutes> {
  return {
    async append({ topic, idempotencyKey, body }, { app, signal }) {
      if (body.length > MAX_PUBSUB_MESSAGE_BYTES)
        throw new P2posError('PUBSUB_MESSAGE_TOO_LARGE', { maxBytes: MAX_PUBSUB_MESSAGE_BYTES });
      const input = { app, topic, data: body, idempotencyKey };
      const { repeated, ...appended } = await topics.append(input, { signal });
      // Who listens without `from` hears it as any other message, and once.
      const { subscribers } = repeated
        ? { subscribers: 0 }
        : await pubsub.publish({ app, topic, data: body });
      return { topic, ...appended, subscribers };
    },
    async replay({ topic, from = 'start', limit = PAGE }, { app, signal }) {
      const messages = [];
      let next: number | null = null;
      let gone = 0;
      let bytes = 0;
      const input = { app, topic, from: fromOf(from), until: 'end' } as const;
      reading: for await (const batch of topics.read(input, { signal })) {
        for (const event of batch) {
          if (event.type === 'gap') gone += event.to - event.from + 1;
          if (event.type !== 'message') continue;
          if (messages.length >= limit || bytes > MAX_PAGE_BYTES) {
            next = event.sequence;
            break reading;
          }
          const { sequence, publisher, data } = event;
          messages.push({ sequence, publisher, at: timeOf(event), data });
          bytes += data.length;
        }
      }
      return { messages, next, gone };
    },
    state: async ({ topic }, { app, signal }) =>
      answer(topic, await topics.state({ app, topic }, { signal })),
    async retain({ topic, ageMs, messages, bytes }, { app, signal }) {
      const retention = {
        ...(ageMs !== undefined && { ageMs }),
        ...(messages !== undefined && { messages }),
        ...(bytes !== undefined && { bytes }),
      };
      return answer(topic, await topics.retain({ app, topic, retention }, { signal }));
    },
    acknowledge: async ({ topic, group, body }, { app, signal }) => ({
      acknowledged: await groups.acknowledge({ app, topic, group, sequences: body.sequences }, { signal }),
    }),
  };
}

const answer = (topic: string, { retention, ...state }: TopicState) => ({
  topic,
  ...state,
  retention: { ...retention },
});

type Told = StreamEvent<(typeof pubsubStreams)['pubsub']>;

/** @throws P2posError PUBSUB_TOPIC_INVALID, BAD_REQUEST */
export async function followDurable(
  { topics, groups }: Durable,
  {
    app,
    topic,
    from = 'start',
    group,
    most,
  }: {
    readonly app: string;
    readonly topic: string;
    readonly from?: string | undefined;
    readonly group?: string | undefined;
    readonly most?: number | undefined;
  },
  signal: AbortSignal,
) {
  if (!Topic.safeParse(topic).success)
    throw new P2posError('PUBSUB_TOPIC_INVALID', { reason: 'a durable topic is read one at a time' });
  const begin = fromOf(from);
  const opened = { confirmedBy: [], unconfirmed: [] };
  const tell = (batch: readonly TopicEvent[]): Told[] => batch.flatMap((event) => told(topic, event));
  if (group === undefined) {
    const batches = topics
      .read({ app, topic, from: begin, counted: true }, { signal })
      [Symbol.asyncIterator]();
    const [first] = (await batches.next()).value as readonly TopicEvent[];
    const sequence = first?.type === 'begin' ? first.sequence : null;
    const rest = { [Symbol.asyncIterator]: () => batches };
    return { opened: { ...opened, ...(sequence !== null && { sequence }) }, events: mapped(rest, tell) };
  }
  if (!TopicGroup.safeParse(group).success)
    throw new P2posError('BAD_REQUEST', { reason: 'A group is named by 1 to 64 letters, digits, _ or -.' });
  return {
    opened,
    events: mapped(groups.consume({ app, topic, group, from: begin, most }, { signal }), tell),
  };
}

async function* mapped<T>(
  batches: AsyncIterable<readonly T[]>,
  tell: (batch: readonly T[]) => Told[],
): AsyncGenerator<Told[]> {
  for await (const batch of batches) yield tell(batch);
}

function told(topic: string, event: TopicEvent & { readonly attempt?: number }): Told[] {
  if (event.type === 'begin') return [];
  if (event.type === 'gap')
    return [{ type: 'gap', topic, publisher: '', incarnation: 0, from: event.from, to: event.to }];
  const { sequence, token, publisher, data, attempt } = event;
  return [
    {
      type: 'message',
      topic,
      publisher,
      incarnation: token,
      seq: sequence,
      sequence,
      at: timeOf(event),
      data,
      ...(attempt !== undefined && { attempt }),
    },
  ];
}

/** @throws P2posError BAD_REQUEST */
function fromOf(text: string): From {
  if (!TopicFrom.safeParse(text).success)
    throw new P2posError('BAD_REQUEST', {
      reason: 'from must be start, end, a sequence, or a time in UTC such as 2026-11-21T01:02:03Z.',
    });
  if (text === 'start' || text === 'end') return { kind: text };
  if (/^\d+$/.test(text)) {
    if (Number.isSafeInteger(Number(text))) return { kind: 'sequence', sequence: Number(text) };
    throw new P2posError('BAD_REQUEST', { reason: `No topic has a sequence as great as ${text}.` });
  }
  const at = Date.parse(text.replace(/(\.\d{3})\d+Z$/, '$1Z'));
  if (Number.isNaN(at)) throw new P2posError('BAD_REQUEST', { reason: `There is no time ${text}.` });
  return { kind: 'time', at: Math.max(0, at) };
}
