/**
 * What one publisher sends here, put in its order: what came before is dropped, what is missing is waited for as long as its
 * publisher still tries (a short message overtakes a long one, a batch is tried again), then told as a gap. Bounded by topics,
 * their names, and by messages that wait.
 */
import type { Clock } from '../../../core/clock/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Gap, Message } from '../subscriptions/subscription.ts';
import type { MessageBody } from '../wire.ts';

export interface InboxDeps {
  readonly clock: Clock;
  readonly onMessage: (name: string, message: Omit<Message, 'topic'>) => void;
  readonly onGap: (name: string, gap: Omit<Gap, 'topic'>) => void;
}

export interface InboxConfig {
  /** How long what is missing is waited for: no shorter than its publisher tries. */
  readonly patienceMs: number;
  /** Messages of one topic that wait for an earlier one. */
  readonly maxWaiting: number;
  /** And bytes, of all topics of one publisher. */
  readonly maxWaitingBytes: number;
  /** Topics of one publisher; the longest silent are forgotten first. */
  readonly maxTopics: number;
  /** And bytes of their names. */
  readonly maxNameBytes: number;
}

export interface Inbox {
  /** Whether it is here, now or before; false: it came after its loss was told, or from a former life, and is dropped. */
  take(publisher: PeerId, incarnation: number, message: MessageBody): boolean;
  /** The publisher lives anew: of its former life nothing more comes. */
  begin(publisher: PeerId, incarnation: number): void;
  /** Who is no member any more is forgotten. */
  retain(isMember: (peerId: PeerId) => boolean): void;
}

interface Waiting {
  readonly message: MessageBody;
  readonly until: number;
}

interface Row {
  /** The last one handed on or told as lost; 0: none. */
  last: number;
  /** As they came. */
  readonly waiting: Map<number, Waiting>;
  /** The least of their numbers. */
  next: number;
  timer: Disposable | undefined;
  /** From and to: what was told as lost, the newest last. */
  lost: (readonly [number, number])[] | undefined;
}

interface Publisher {
  readonly incarnation: number;
  readonly rows: Map<string, Row>;
  nameBytes: number;
  waitingBytes: number;
  /** Some topics were forgotten, so a number before one that is new here need not be missing. */
  forgot: boolean;
}

/** Of one topic; more become one that covers what lies between them, so that what is lost is never taken for a copy. */
const MAX_LOST = 4;

const sizeOf = ([name, , , , data]: MessageBody) => 128 + name.length + (data?.length ?? 0);
/** What was meant for this node up to this number is not in the message; what comes after it is. */
const sinceOf = ([, , previous, at, data]: MessageBody) => (data ? previous : Math.min(previous, at));

export function createInbox(
  { clock, onMessage, onGap }: InboxDeps,
  { patienceMs, maxWaiting, maxWaitingBytes, maxTopics, maxNameBytes }: InboxConfig,
): Inbox {
  const publishers = new Map<PeerId, Publisher>();

  function rowOf(peerId: PeerId, publisher: Publisher, message: MessageBody): Row {
    const { rows } = publisher;
    const [name] = message;
    let row = rows.get(name);
    if (row) {
      rows.delete(name);
    } else {
      const last = publisher.forgot ? sinceOf(message) : 0;
      row = { last, waiting: new Map(), next: Number.POSITIVE_INFINITY, timer: undefined, lost: undefined };
      publisher.nameBytes += name.length;
      while (rows.size >= maxTopics || (rows.size > 0 && publisher.nameBytes > maxNameBytes)) {
        const [[oldest, old]] = rows as unknown as [[string, Row]];
        settle(peerId, publisher, old);
        rows.delete(oldest);
        publisher.nameBytes -= oldest.length;
        publisher.forgot = true;
      }
    }
    rows.set(name, row);
    return row;
  }

  function hand(peerId: PeerId, { incarnation }: Publisher, row: Row, message: MessageBody): void {
    const [name, seq, previous, at, data] = message;
    if (data) {
      row.last = seq;
      onMessage(name, { publisher: peerId, incarnation, seq, at, data });
    } else lose(peerId, incarnation, row, [name, at < previous ? row.last + 1 : seq, seq]);
  }

  function lose(
    publisher: PeerId,
    incarnation: number,
    row: Row,
    [name, from, to]: readonly [name: string, from: number, to: number],
  ): void {
    row.last = to;
    row.lost ??= [];
    row.lost.push([from, to]);
    const [first, second] = row.lost;
    if (row.lost.length > MAX_LOST && first && second) row.lost.splice(0, 2, [first[0], second[1]]);
    onGap(name, { publisher, incarnation, from, to });
  }

  /** Hands on what nothing is missing before; up to `through` also the others, when what is missing was told. */
  function drain(peerId: PeerId, publisher: Publisher, row: Row, through = 0): void {
    row.next = Number.POSITIVE_INFINITY;
    for (const seq of [...row.waiting.keys()].sort((a, b) => a - b)) {
      const { message } = row.waiting.get(seq) as Waiting;
      const since = sinceOf(message);
      if (since > row.last) {
        if (seq > through) {
          row.next = seq;
          break;
        }
        lose(peerId, publisher.incarnation, row, [message[0], row.last + 1, since]);
      }
      row.waiting.delete(seq);
      publisher.waitingBytes -= sizeOf(message);
      if (seq > row.last) hand(peerId, publisher, row, message);
    }
    wait(peerId, publisher, row);
  }

  /** What did not come before the longest waiting has waited enough does not come. */
  function wait(peerId: PeerId, publisher: Publisher, row: Row): void {
    row.timer?.[Symbol.dispose]();
    row.timer = undefined;
    const [first] = row.waiting.values();
    if (!first) return;
    row.timer = clock.after(Math.max(0, first.until - clock.monotonic()), () => {
      let through = 0;
      for (const [seq, { until }] of row.waiting) {
        if (until > clock.monotonic()) break;
        through = Math.max(through, seq);
      }
      drain(peerId, publisher, row, through);
    });
  }

  /** Nothing more comes for it: what waits is handed on, with its gaps. */
  const settle = (peerId: PeerId, publisher: Publisher, row: Row) =>
    drain(peerId, publisher, row, Number.POSITIVE_INFINITY);

  function begin(peerId: PeerId, incarnation: number, forgot: boolean): Publisher {
    const before = publishers.get(peerId);
    for (const row of before?.rows.values() ?? []) settle(peerId, before as Publisher, row);
    const publisher = { incarnation, rows: new Map(), nameBytes: 0, waitingBytes: 0, forgot };
    publishers.set(peerId, publisher);
    return publisher;
  }

  /** The one that is heard now, of this life or of a later one. */
  function publisherOf(peerId: PeerId, incarnation: number): Publisher {
    const publisher = publishers.get(peerId);
    if (publisher && publisher.incarnation >= incarnation) return publisher;
    return begin(peerId, incarnation, false);
  }

  return {
    take(peerId, incarnation, message) {
      const publisher = publisherOf(peerId, incarnation);
      if (publisher.incarnation > incarnation) return false;
      const seq = message[1];
      const row = rowOf(peerId, publisher, message);
      if (seq <= row.last) return !row.lost?.some(([from, to]) => from <= seq && seq <= to);
      if (row.waiting.has(seq)) return true;
      if (sinceOf(message) <= row.last) {
        hand(peerId, publisher, row, message);
        const next = row.waiting.get(row.next);
        if (next && sinceOf(next.message) <= row.last) drain(peerId, publisher, row);
        return true;
      }
      row.next = Math.min(row.next, seq);
      row.waiting.set(seq, { message, until: clock.monotonic() + patienceMs });
      publisher.waitingBytes += sizeOf(message);
      if (row.waiting.size > maxWaiting || publisher.waitingBytes > maxWaitingBytes)
        drain(peerId, publisher, row, row.next);
      else if (!row.timer) wait(peerId, publisher, row);
      return true;
    },
    begin: (peerId, incarnation) => void publisherOf(peerId, incarnation),
    retain(isMember) {
      // Should it be listed again, it goes on with numbers of which nothing is known here.
      for (const [peerId, { incarnation, rows }] of publishers)
        if (rows.size > 0 && !isMember(peerId)) begin(peerId, incarnation, true);
    },
  };
}
