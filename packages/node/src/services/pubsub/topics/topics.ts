/**
 * Durable topics: published messages get a sequence and lie on the disks of a majority before they are acknowledged; who
 * follows reads them from any point on, through whichever node.
 */
import { type Crypto, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import type { MembershipJournal } from '../../../core/membership/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Records } from '../../../core/records/index.ts';
import type { Rpc } from '../../../core/rpc/index.ts';
import type { Live } from '../pubsub.ts';
import { createAccounts } from './account.ts';
import {
  CHUNK_BYTES,
  type Chunked,
  type Head,
  MESSAGE_ID_BYTES,
  type Retention,
  type StoredMessage,
  topicKey,
} from './format.ts';
import { createTopicLog } from './log.ts';
import { createPayloads, type TopicName } from './payload.ts';
import { encodeTold, type ReaderInput, readTopic, type TopicEvent } from './reader.ts';
import { createSeats } from './seats.ts';
import { type Appended, createSequencer, type Sequencer } from './sequencer.ts';
import { TOPICS } from './wire.ts';

export interface TopicsDeps {
  readonly self: PeerId;
  readonly rpc: Rpc;
  readonly records: Pick<Records, 'declare' | 'put' | 'get' | 'delete' | 'registers' | 'leases'>;
  readonly membership: Pick<MembershipJournal, 'isActive'>;
  readonly live: Live;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface TopicsConfig {
  readonly replicas: number;
  /** For a durable publish, whoever has to take over meanwhile. Default 15 s. */
  readonly timeoutMs?: number;
  /** Of the lease of a topic; so long it takes until another writes for a holder that died. Default 5 s. */
  readonly leaseMs?: number;
  /** A topic that nobody publishes to is let go after this long. Default 60 s. */
  readonly idleMs?: number;
}

export interface TopicState {
  readonly holder: PeerId | null;
  readonly retention: Retention;
  /** The oldest sequence that is kept, and the next one, as far as the head knows. */
  readonly first: number;
  readonly next: number;
  readonly bytes: number;
}

export interface Topics extends AsyncDisposable {
  /**
   * Resolves when it is on the disks of a majority. The same key twice is one message.
   *
   * @throws P2posError PUBSUB_TOPIC_INVALID, RECORDS_QUORUM_LOST {outcome: unknown}, OVERLOADED
   */
  append(
    input: TopicName & { readonly data: Uint8Array; readonly idempotencyKey?: string | undefined },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Appended>;
  /** Batches until the signal aborts. `counted`: a client has them in hand, which may stop reading. */
  read(
    input: TopicName & ReaderInput & { readonly counted?: boolean },
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<readonly TopicEvent[]>;
  state(input: TopicName, options?: { readonly signal?: AbortSignal | undefined }): Promise<TopicState>;
  retain(
    input: TopicName & { readonly retention: Partial<Retention> },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<TopicState>;
}

const MAX_HELD = 1_000;
const FORWARD_MS = 4_000;
/** Of messages that wait for the logs of one app on this node. */
const MAX_APP_BYTES = 64 * 1_048_576;

export function createTopics(deps: TopicsDeps, config: TopicsConfig): Topics {
  const { self, rpc, records, membership, live, crypto, clock, random, log } = deps;
  const { replicas, timeoutMs = 15_000, leaseMs = 5_000, idleMs = 60_000 } = config;
  const agreed = { kind: 'cas', author: 'member', replicas } as const;
  records.declare({ suffix: '/topics', ...agreed, maxValueBytes: 4_096 });
  records.declare({ suffix: '/topic-leases', ...agreed, maxValueBytes: 1_024 });
  records.declare({ suffix: '/topic-entries', ...agreed, maxValueBytes: 65_536 });
  records.declare({
    suffix: '/topic-chunks',
    kind: 'lww',
    author: 'member',
    replicas,
    maxValueBytes: CHUNK_BYTES,
  });
  const accountOf = createAccounts(MAX_APP_BYTES);
  const payloads = createPayloads({ records, crypto });
  const nameOf = ({ app, topic }: TopicName) => `${app}/log/.${topic}`;
  const logOf = ({ app, topic }: TopicName) => createTopicLog(records, { app, topic });

  const seats = createSeats<TopicName, Sequencer>(
    {
      self,
      records,
      isMember: membership.isActive,
      clock,
      random,
      log,
      keyOf: (name) => ({ app: name.app, key: topicKey(name.topic), text: nameOf(name) }),
      holderOf: async (name, signal) => (await logOf(name).head({ signal })).holder,
      open: (name, lease) =>
        createSequencer({
          self,
          topic: logOf(name),
          lease,
          account: accountOf(name.app),
          clock,
          log,
          now: () => clock.now(),
          onWritten: (number, entry) =>
            void live.publish(nameOf(name), encodeTold(number, entry)).catch(() => {}),
          async removePayloads(messages) {
            for (const { data } of messages)
              if (!(data instanceof Uint8Array)) await payloads.remove(name, data);
          },
        }),
    },
    { leaseMs, idleMs, maxHeld: MAX_HELD },
  );

  const served = rpc.serve(TOPICS, {
    append: async ({ app, topic, id, at, data }, { peerId, signal }) => {
      if (!membership.isActive(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      // Only who holds it already: a guess of the sender makes nobody its holder.
      const sequencer = await seats.held({ app, topic });
      if (!sequencer) throw new P2posError('PEER_UNREACHABLE', { peerId: self });
      signal.throwIfAborted();
      return sequencer.append({ publisher: peerId, at, id, data }, { signal });
    },
  });
  const stateOf = ({ holder, retention, hint, first }: Head): TopicState => ({
    holder,
    retention,
    first: first.sequence,
    next: hint.sequence,
    bytes: hint.bytes - first.bytes,
  });

  return {
    async append({ app, topic, data, idempotencyKey }, { signal } = {}) {
      const name = { app, topic };
      topicKey(topic);
      const id = (
        idempotencyKey === undefined
          ? random.bytes(MESSAGE_ID_BYTES)
          : crypto.sha256(new TextEncoder().encode(idempotencyKey))
      ).slice(0, MESSAGE_ID_BYTES);
      let stored: Uint8Array | Chunked = data;
      if (data.length > CHUNK_BYTES) {
        const { retention } = await logOf(name).head({ signal });
        // Under an id of their own: a repeat may come while the first is being read.
        stored = await payloads.write(name, random.bytes(MESSAGE_ID_BYTES), data, retention.ageMs + 60_000, {
          signal,
        });
      }
      const message: StoredMessage = { publisher: self, at: Math.floor(clock.now()), id, data: stored };
      const { at } = message;
      const appended = await seats.reach(
        name,
        {
          here: (sequencer) => sequencer.append(message, { signal }),
          there: (holder, until) =>
            rpc.call(
              holder,
              TOPICS,
              'append',
              { ...name, id, at, data: stored },
              { timeoutMs: FORWARD_MS, signal: until },
            ),
        },
        { timeoutMs, signal },
      );
      // The log holds the data of the call before.
      if (appended.repeated && !(stored instanceof Uint8Array)) payloads.remove(name, stored).catch(() => {});
      return appended;
    },
    read({ app, topic, counted, ...input }, { signal }) {
      const name = { app, topic };
      const listen = (until: AbortSignal) => live.subscribe(nameOf(name), { signal: until });
      const share = counted ? () => live.share(nameOf(name)) : undefined;
      return readTopic({ topic: logOf(name), payloads, clock, share, listen }, input, { signal });
    },
    state: async (name, options) => stateOf(await logOf(name).head(options)),
    async retain({ retention, ...name }, options) {
      const edit = (head: Head) => ({ ...head, retention: { ...head.retention, ...retention } });
      return stateOf(await logOf(name).editHead(edit, options));
    },
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      await seats[Symbol.asyncDispose]();
    },
  };
}
