/**
 * What a subscriber that comes back has missed: asked of every member that is there, page after page as the client reads, put
 * before what comes from now on. What nobody has any more is told as gaps.
 */
import { PUBSUB_TAIL_MS } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../core/clock/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Rpc } from '../../../core/rpc/index.ts';
import { nameOf, topicOf } from '../names.ts';
import type { Budget, Held } from '../subscriptions/budget.ts';
import {
  type Subscription,
  type SubscriptionEvent,
  type Waiting,
  waitingOf,
} from '../subscriptions/subscription.ts';
import { MAX_BATCH_BYTES, type MessageBody, PUBSUB } from '../wire.ts';
import { createCopies } from './copies.ts';
import type { Tail } from './tail.ts';

/** What it had of one publisher's topic. */
export interface Heard {
  readonly topic: string;
  readonly publisher: PeerId;
  readonly incarnation: number;
  readonly seq: number;
}

export interface ResumptionDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly tail: Tail;
  readonly budget: Budget;
  readonly incarnation: () => number;
  readonly clock: Clock;
}

export interface ResumptionInput {
  /** Who is asked besides this node. */
  readonly members: readonly PeerId[];
  readonly app: string;
  readonly pattern: string;
  /** Of the subscriber's request, on the clock's monotonic time: `sinceMs` counts back from there. */
  readonly askedAt: number;
  readonly sinceMs: number;
  readonly after: readonly Heard[];
}

export interface Resumption {
  /** What was missed, then `live`, without what was in both. Who does not answer twice is left out. */
  missedFirst(
    input: ResumptionInput,
    live: Pick<Subscription, 'batches' | 'end'>,
    options: { readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<readonly SubscriptionEvent[]>;
}

interface Page {
  readonly incarnation: number;
  readonly messages: readonly MessageBody[];
  readonly cursor: number | null;
}

interface PageInput {
  readonly pattern: string;
  readonly sinceMs: number;
  readonly incarnation: number;
  readonly after: readonly (readonly [string, number])[];
  readonly cursor: number;
}

/** One member's turn. */
interface Turn {
  readonly peerId: PeerId;
  cursor: number;
  failures: number;
  page: Promise<Counted | undefined> | undefined;
}

/** A page that is counted, unless it found no room: then it has gaps instead of messages. */
interface Counted {
  readonly waiting: readonly Waiting[];
  readonly cursor: number | null;
  readonly askedAt: number;
}

/** Members whose first page is asked for before their turn. */
const AHEAD = 8;
/** Pages on their way to this node, for all subscribers together. */
const MAX_UNDER_WAY = 64;
/** For which room is kept while they are. */
const PAGE_BYTES = MAX_BATCH_BYTES;
/** For room: afterwards what finds none is told as gaps. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;

export function createResumption(
  { self, rpc, tail, budget, incarnation, clock }: ResumptionDeps,
  { timeoutMs }: { readonly timeoutMs: number },
): Resumption {
  const gate = createGate(MAX_UNDER_WAY);

  async function fetch(input: ResumptionInput, { peerId, cursor }: Turn, signal: AbortSignal): Promise<Page> {
    const heard = input.after.filter(({ publisher }) => publisher === peerId);
    const life = heard.reduce((max, one) => Math.max(max, one.incarnation), 0);
    const query = {
      pattern: input.pattern,
      sinceMs: Math.ceil(input.sinceMs + clock.monotonic() - input.askedAt),
      incarnation: life,
      after: heard
        .filter((one) => one.incarnation === life)
        .map(({ topic, seq }): [string, number] => [nameOf(input.app, topic), seq]),
      cursor,
    };
    if (peerId === self) return pageOf(tail, incarnation(), query);
    return rpc.call(peerId, PUBSUB, 'tail', query, { timeoutMs, signal });
  }

  /** The pages of one subscriber, as it reads; a member's in its order. */
  async function* pages(
    input: ResumptionInput,
    asked: AbortSignal | undefined,
  ): AsyncGenerator<readonly SubscriptionEvent[]> {
    const over = new AbortController();
    const signal = asked ? AbortSignal.any([asked, over.signal]) : over.signal;
    const share = budget.share(input.app);
    const counted = new Set<Held>();
    const until = clock.monotonic() + PATIENCE_MS;

    function add(...all: readonly Held[]): void {
      for (const held of all) {
        counted.add(held);
        share.add(held);
      }
      share.relieve();
    }

    function remove(held: Held): void {
      if (counted.delete(held)) share.remove(held);
    }

    async function ask(turn: Turn): Promise<Counted | undefined> {
      const place: Held = { buffer: { byteLength: PAGE_BYTES }, holders: 0 };
      try {
        for (;;) {
          add(place);
          if (!share.isFull() || clock.monotonic() >= until) break;
          remove(place);
          await sleep(clock, LOOK_MS, { signal });
        }
        const askedAt = clock.monotonic();
        const page = await gate(() => fetch(input, turn, signal));
        signal.throwIfAborted();
        const waiting = eventsOf(page, turn.peerId).map(waitingOf);
        remove(place);
        add(...waiting);
        if (!share.isFull()) return { waiting, cursor: page.cursor, askedAt };
        for (const one of waiting) remove(one);
        const gaps = gapsOf(waiting).map(waitingOf);
        add(...gaps);
        return { waiting: gaps, cursor: page.cursor, askedAt };
      } catch {
        remove(place);
        return undefined;
      }
    }

    const turns = [self, ...input.members].map(
      (peerId): Turn => ({ peerId, cursor: 0, failures: 0, page: undefined }),
    );
    try {
      for (let turn = turns.shift(); turn && !signal.aborted; turn = turns.shift()) {
        for (const next of turns.slice(0, AHEAD)) next.page ??= ask(next);
        for (let more = true; more; ) {
          const page: Counted | undefined = await (turn.page ?? ask(turn));
          turn.page = undefined;
          if (!page) {
            if (turn.failures++ === 0) turns.push(turn);
            break;
          }
          if (page.waiting.length > 0) yield page.waiting.map(({ event }) => event);
          for (const one of page.waiting) remove(one);
          turn.cursor = page.cursor ?? 0;
          // Whatever a tail holds by now was published since the subscription stands, so it comes by itself.
          more = page.cursor !== null && page.askedAt - input.askedAt <= PUBSUB_TAIL_MS + timeoutMs;
        }
      }
    } finally {
      over.abort();
      for (const held of counted) share.remove(held);
      counted.clear();
      share[Symbol.dispose]();
    }
  }

  return {
    async *missedFirst(input, { batches, end }, { signal }) {
      const copies = createCopies(clock);
      try {
        yield* told(pages(input, signal), copies.fromTail);
        yield* told(batches, copies.fromLive);
      } finally {
        // Who leaves before it was read at all.
        end();
        copies[Symbol.dispose]();
      }
    },
  };
}

async function* told(
  batches: AsyncIterable<readonly SubscriptionEvent[]>,
  fresh: (event: SubscriptionEvent) => readonly SubscriptionEvent[],
): AsyncGenerator<readonly SubscriptionEvent[]> {
  for await (const batch of batches) {
    const events = batch.flatMap(fresh);
    if (events.length > 0) yield events;
  }
}

function eventsOf({ messages, incarnation }: Page, publisher: PeerId): SubscriptionEvent[] {
  return messages.map(([name, seq, previous, at, data]) => {
    const source = { topic: topicOf(name), publisher, incarnation };
    return data
      ? { type: 'message', ...source, seq, at, data }
      : { type: 'gap', ...source, from: previous + 1, to: seq };
  });
}

/** The same without what is large: one of each topic, since none is missing between two of a page. */
function gapsOf(waiting: readonly Waiting[]): SubscriptionEvent[] {
  const gaps = new Map<string, SubscriptionEvent>();
  for (const { event } of waiting) {
    if (event.type === 'missed') continue;
    const { topic, publisher, incarnation } = event;
    const [from, to] = event.type === 'gap' ? [event.from, event.to] : [event.seq, event.seq];
    const before = gaps.get(topic);
    const first = before?.type === 'gap' ? before.from : from;
    gaps.set(topic, { type: 'gap', topic, publisher, incarnation, from: first, to });
  }
  return [...gaps.values()];
}

/** So many at once; the others wait for their turn. */
function createGate(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => void waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

export function pageOf(
  tail: Tail,
  current: number,
  { pattern, sinceMs, incarnation, after, cursor }: PageInput,
): { incarnation: number; messages: MessageBody[]; cursor: number | null } {
  const own = tail.incarnation ?? current;
  // Numbers of an earlier life say nothing of this one.
  const known = new Map(incarnation === own ? after : []);
  return { incarnation: own, ...tail.page({ pattern, sinceMs, after: known, cursor }) };
}
