/** The rules of pub/sub on one node: numbering, who gets what, what is known to have arrived. */
import {
  type Crypto,
  type DeliveryReceipt,
  MAX_PUBSUB_MESSAGE_BYTES,
  P2posError,
  PUBSUB_TAIL_MS,
  type PublishAck,
  type Signer,
  type SlowPolicy,
  Topic,
  TopicPattern,
} from '@p2pos/protocol';
import { type Clock, deadline } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { MembershipJournal } from '../../core/membership/index.ts';
import type { Net, PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import { createDeliveries } from './delivery/deliveries.ts';
import { createInbox } from './delivery/inbox.ts';
import { createNotary } from './delivery/notary.ts';
import type { OnTold } from './delivery/outbox.ts';
import { type Confirmation, createInterest } from './interest/interest.ts';
import { createPatternTree } from './interest/pattern-tree.ts';
import { appOf, checked, nameOf, topicOf } from './names.ts';
import { createResumption, type Heard, pageOf } from './resumption/resumption.ts';
import { createTail } from './resumption/tail.ts';
import { createBudget, type Share } from './subscriptions/budget.ts';
import {
  createSubscription,
  type Subscription,
  type SubscriptionEvent,
  type SubscriptionHooks,
  waitingOf,
} from './subscriptions/subscription.ts';
import { PUBSUB } from './wire.ts';

export interface PubsubDeps {
  readonly self: PeerId;
  readonly rpc: Rpc;
  readonly net: Pick<Net, 'connections' | 'isConnected' | 'events'>;
  readonly membership: Pick<MembershipJournal, 'isActive' | 'view' | 'events' | 'systemId'>;
  readonly signer: Signer;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Of this process: greater than that of every earlier one under the same key. */
  readonly incarnation: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface PubsubConfig {
  /** For a member to answer. Default 5 s. */
  readonly timeoutMs?: number;
  /** How long what a member has not confirmed is kept for it. Default 30 s. */
  readonly keepMs?: number;
  /** And how much, for each. Default 16 MiB and 50 000 messages. */
  readonly keepBytes?: number;
  readonly keepMessages?: number;
  /** Of one subscriber's queue. Default 8 192 messages and 16 MiB. */
  readonly queueMessages?: number;
  readonly queueBytes?: number;
  /** Of the queues of all subscribers, and of those of one app. Default 256 MiB and 64 MiB. */
  readonly queuesBytes?: number;
  readonly appQueuesBytes?: number;
  /** Default 100 000. */
  readonly maxSubscriptions?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface Published {
  readonly id: string;
  /** Nodes that confirmed; with `none`, that are interested. */
  readonly subscribers: number;
  readonly clients: number;
  readonly receipt?: DeliveryReceipt;
}

export interface Subscribed extends Confirmation {
  /** Several at once, where there are. End when the signal aborts. @throws P2posError PUBSUB_TOO_SLOW */
  readonly batches: AsyncIterable<readonly SubscriptionEvent[]>;
}

/** Under a name of its own kind, which no app's topic or pattern matches: for what a durable topic tells its followers. */
export interface Live {
  publish(name: string, data: Uint8Array): Promise<void>;
  subscribe(name: string, options: CallOptions): Promise<AsyncIterable<readonly SubscriptionEvent[]>>;
  /** Where it counts what waits for a follower elsewhere than in its subscription. */
  share(name: string): Share;
}

export interface SubscribeOptions extends CallOptions {
  readonly onDropped?: SubscriptionHooks['onDropped'];
}

export interface Pubsub extends AsyncDisposable {
  readonly live: Live;
  /** @throws P2posError PUBSUB_TOPIC_INVALID, PUBSUB_MESSAGE_TOO_LARGE, PUBSUB_NO_SUBSCRIBER, PUBSUB_UNCONFIRMED, STATE_UNCONFIGURED */
  publish(
    input: {
      readonly app: string;
      readonly topic: string;
      readonly data: Uint8Array;
      readonly ack?: PublishAck | undefined;
      /** With the receivers' signatures. */
      readonly signed?: boolean | undefined;
    },
    options?: CallOptions,
  ): Promise<Published>;
  /** Resolves when the members that are connected will send what they publish. @throws P2posError PUBSUB_TOPIC_INVALID, OVERLOADED */
  subscribe(
    input: {
      readonly app: string;
      readonly topic: string;
      readonly slow?: SlowPolicy | undefined;
      /** Goes on from an earlier one: what was published in the last so many ms comes first, without what it had. */
      readonly sinceMs?: number | undefined;
      readonly after?: readonly Heard[] | undefined;
    },
    options?: SubscribeOptions,
  ): Promise<Subscribed>;
  topics(app: string): { readonly pattern: string; readonly nodes: number }[];
  presence(
    input: { readonly app: string; readonly topic: string },
    options?: CallOptions,
  ): Promise<{ readonly peerId: PeerId; readonly clients: number }[]>;
}

/** Topics whose numbers are remembered; the longest silent go first. */
const MAX_TOPICS = 100_000;

export function createPubsub(deps: PubsubDeps, config: PubsubConfig = {}): Pubsub {
  const { self, rpc, net, membership, incarnation, signer, crypto, clock, random } = deps;
  const { timeoutMs = 5_000, keepMs = 30_000, keepBytes = 16 * 1_048_576, keepMessages = 50_000 } = config;
  const { queueMessages = 8_192, queueBytes = 16 * 1_048_576, maxSubscriptions = 100_000 } = config;
  const { queuesBytes = 256 * 1_048_576, appQueuesBytes = 64 * 1_048_576 } = config;
  const log = deps.log.child({ module: 'pubsub' });
  const tasks = createTaskGroup({ clock, random, log });
  const local = createPatternTree<Subscription>();
  const budget = createBudget({ maxBytes: queuesBytes, maxBytesPerApp: appQueuesBytes });
  let subscriptions = 0;

  const isMember = (peerId: PeerId) => peerId !== self && membership.isActive(peerId);
  const interest = createInterest(
    {
      rpc,
      net,
      isMember,
      incarnation,
      tasks,
      onFresh(peerId, life) {
        deliveries.forget(peerId);
        inbox.begin(peerId, life);
      },
    },
    { timeoutMs: Math.min(timeoutMs, 2_000), maxPatterns: maxSubscriptions },
  );
  const deliveries = createDeliveries(
    { rpc, net, clock, incarnation, receiverOf: interest.incarnationOf },
    { timeoutMs, keepMs, maxBytes: keepBytes, maxMessages: keepMessages, maxTopics: MAX_TOPICS },
  );
  const inbox = createInbox(
    {
      clock,
      onMessage: (name, message) => void hand(name, { type: 'message', topic: topicOf(name), ...message }),
      onGap: (name, gap) => void hand(name, { type: 'gap', topic: topicOf(name), ...gap }),
    },
    {
      // As long as a publisher tries: its last try may have begun when what it keeps became too old.
      patienceMs: keepMs + timeoutMs,
      maxWaiting: 4_096,
      maxWaitingBytes: 32 * 1_048_576,
      maxTopics: MAX_TOPICS,
      maxNameBytes: 16 * 1_048_576,
    },
  );

  const notary = createNotary({ self, systemId: membership.systemId, signer, crypto, clock });
  const tail = createTail(
    { clock },
    { keepMs: PUBSUB_TAIL_MS, maxBytes: keepBytes, maxMessages: keepMessages },
  );

  const resumption = createResumption(
    { self, rpc, tail, budget, incarnation, clock },
    { timeoutMs: Math.min(timeoutMs, 2_000) },
  );

  /** To how many clients of this node. */
  function hand(name: string, event: SubscriptionEvent): number {
    let clients = 0;
    const waiting = waitingOf(event);
    for (const subscription of local.match(name)) if (subscription.offer(waiting)) clients++;
    return clients;
  }

  function requireMember(): void {
    if (!membership.isActive(self)) throw new P2posError('STATE_UNCONFIGURED', { peerId: self });
  }

  async function publish(
    name: string,
    data: Uint8Array,
    { ack, signed = false }: { readonly ack: PublishAck; readonly signed?: boolean },
    { signal }: CallOptions,
  ): Promise<Published> {
    const topic = topicOf(name);
    const wanted = interest.wantedBy(name);
    const here = local.match(name).size;
    let interested = wanted.size + (here > 0 ? 1 : 0);
    if (ack !== 'none' && interested === 0) throw new P2posError('PUBSUB_NO_SUBSCRIBER', { topic });
    const { incarnation: life, seq } = deliveries.next(name);
    const at = Math.floor(clock.now());
    const numbered = { incarnation: life, seq, at, data };
    tail.add(name, life, seq, at, data);
    const clients = here > 0 ? hand(name, { type: 'message', topic, publisher: self, ...numbered }) : 0;
    const told = { nodes: clients > 0 ? 1 : 0, clients };
    const id = `${self}/${life}/${seq}`;
    const paper = signed ? notary.begin(name, [self, life, seq, at], data) : undefined;
    const answers = Promise.withResolvers<void>();
    const message = { name, ...numbered };
    let waiting = wanted.size;
    for (const peerId of wanted) {
      if (ack === 'none') {
        deliveries.send(peerId, message);
        continue;
      }
      const onTold: OnTold = (reached, signature) => {
        waiting--;
        if (reached && signature) paper?.add(peerId, reached, signature);
        // A node whose clients have all left meanwhile has it for nobody.
        if (reached === 0) interested--;
        else if (reached !== undefined) {
          told.nodes++;
          told.clients += reached;
        }
        if (waiting === 0 || (ack === 'one' && told.clients > 0)) answers.resolve();
      };
      deliveries.send(peerId, message, onTold, signed);
    }
    if (ack === 'none') return { id, subscribers: interested, clients };
    if (waiting > 0 && !(ack === 'one' && told.clients > 0)) {
      using limit = deadline(clock, timeoutMs, { what: 'The subscribers', signal });
      await Promise.race([answers.promise, over(limit.signal)]);
    }
    if (interested === 0) throw new P2posError('PUBSUB_NO_SUBSCRIBER', { topic });
    if (ack === 'one' ? told.clients === 0 : told.nodes < interested)
      throw new P2posError('PUBSUB_UNCONFIRMED', { topic, subscribers: told.nodes, interested });
    const receipt = paper && (await paper.end(clients));
    return { id, subscribers: told.nodes, clients: told.clients, ...(receipt && { receipt }) };
  }

  async function subscribe(name: string, slow: SlowPolicy, { signal, onDropped }: SubscribeOptions) {
    signal?.throwIfAborted();
    if (subscriptions >= maxSubscriptions) throw new P2posError('OVERLOADED', { what: 'Subscribing' });
    subscriptions++;
    const stop = () => subscription.end();
    const onEnd = () => {
      subscriptions--;
      signal?.removeEventListener('abort', stop);
      local.remove(name, subscription);
      interest.remove(name);
    };
    const subscription = createSubscription(
      (queue) => budget.share(appOf(name), queue),
      { slow, maxMessages: queueMessages, maxBytes: queueBytes },
      { onEnd, onDropped },
    );
    signal?.addEventListener('abort', stop, { once: true });
    // First here, so that nothing is missed once a member knows.
    local.add(name, subscription);
    const confirmation = await interest.add(name);
    return { ...confirmation, batches: subscription.batches, end: subscription.end };
  }

  const served = rpc.serve(PUBSUB, {
    interest: async (statement, { peerId }) => {
      if (!membership.isActive(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      const known = interest.heard(peerId, statement);
      deliveries.wake(peerId);
      return { known };
    },
    deliver: async ({ incarnation: life, receiver, messages, sign }, { peerId }) => {
      if (!membership.isActive(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      // Meant for a process of this node that is no more; its publisher hears of this one in a moment.
      if (!interest.isOwn(receiver)) throw new P2posError('PEER_UNREACHABLE', { peerId: self });
      const late: number[] = [];
      const clients = messages.map((message, i) => {
        const { size } = local.match(message[0]);
        if (inbox.take(peerId, life, message)) return size;
        late.push(i);
        return 0;
      });
      const answer = { clients, ...(late.length > 0 && { late }) };
      if (!sign) return answer;
      const signed = await Promise.all(
        sign.map((i) => notary.sign(peerId, life, messages[i], clients[i] ?? 0)),
      );
      return { ...answer, signed };
    },
    tail: async (query, { peerId }) => {
      if (!membership.isActive(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      return pageOf(tail, incarnation(), query);
    },
    presence: async ({ name }, { peerId }) => {
      if (!membership.isActive(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      return { clients: local.match(name).size };
    },
  });
  const listening = [
    net.events.on('peer:connected', deliveries.wake),
    membership.events.on('membership:changed', () => {
      const isListed = (peerId: PeerId) => membership.view().members.has(peerId);
      deliveries.retain(isListed);
      inbox.retain(isListed);
    }),
  ];

  return {
    async publish({ app, topic, data, ack = 'none', signed = false }, options = {}) {
      const name = nameOf(app, checked(Topic, topic));
      if (data.length > MAX_PUBSUB_MESSAGE_BYTES)
        throw new P2posError('PUBSUB_MESSAGE_TOO_LARGE', { maxBytes: MAX_PUBSUB_MESSAGE_BYTES });
      requireMember();
      // A signature needs an answer to wait for.
      const least = signed && ack === 'none' ? 'all' : ack;
      return publish(name, data, { ack: least, signed }, options);
    },
    async subscribe({ app, topic, slow = 'buffer', sinceMs, after = [] }, options = {}) {
      const name = nameOf(app, checked(TopicPattern, topic));
      requireMember();
      const askedAt = clock.monotonic();
      const { batches, end, ...confirmation } = await subscribe(name, slow, options);
      if (sinceMs === undefined) return { ...confirmation, batches };
      const members = [...confirmation.confirmedBy, ...confirmation.unconfirmed];
      const query = { members, app, pattern: name, askedAt, sinceMs, after };
      return { ...confirmation, batches: resumption.missedFirst(query, { batches, end }, options) };
    },
    live: {
      publish: async (name, data) => void (await publish(name, data, { ack: 'none' }, {})),
      subscribe: async (name, options) => (await subscribe(name, 'buffer', options)).batches,
      share: (name) => budget.share(appOf(name)),
    },
    topics(app) {
      const found = new Map<string, number>();
      const count = (name: string, nodes: number) => {
        if (name.startsWith(`${app}/.`)) found.set(topicOf(name), (found.get(topicOf(name)) ?? 0) + nodes);
      };
      for (const [name, nodes] of interest.peers.entries()) count(name, nodes.size);
      for (const name of interest.own.keys()) count(name, 1);
      return [...found]
        .map(([pattern, nodes]) => ({ pattern, nodes }))
        .sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
    },
    async presence({ app, topic }, { signal } = {}) {
      const name = nameOf(app, checked(Topic, topic));
      requireMember();
      const asked = [...interest.wantedBy(name)].map(async (peerId) => {
        try {
          const { clients } = await rpc.call(peerId, PUBSUB, 'presence', { name }, { timeoutMs, signal });
          return { peerId, clients };
        } catch {
          return { peerId, clients: 0 };
        }
      });
      const found = [{ peerId: self, clients: local.match(name).size }, ...(await Promise.all(asked))];
      return found.filter(({ clients }) => clients > 0);
    },
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      for (const one of listening) one[Symbol.dispose]();
      interest[Symbol.dispose]();
      deliveries[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

function over(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
