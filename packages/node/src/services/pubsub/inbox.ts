/**
 * What one publisher sends here, put in its order: what came before is dropped, what is missing is waited for a little (it
 * may be in a batch that is tried again), then told as a gap. Bounded by topics, their names, and by messages that wait.
 */
import type { Clock } from '../../core/clock/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Gap, Message } from './subscription.ts';
import type { MessageBody } from './wire.ts';

export interface InboxDeps {
  readonly clock: Clock;
  readonly onMessage: (name: string, message: Omit<Message, 'topic'>) => void;
  readonly onGap: (name: string, gap: Omit<Gap, 'topic'>) => void;
}

export interface InboxConfig {
  /** How long what is missing is waited for. */
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
  take(publisher: PeerId, incarnation: number, message: MessageBody): void;
  /** The publisher is no member any more. */
  forget(publisher: PeerId): void;
}

interface Row {
  /** The last one handed on; 0: none. */
  last: number;
  readonly waiting: Map<number, MessageBody>;
  timer: Disposable | undefined;
}

interface Publisher {
  readonly incarnation: number;
  readonly rows: Map<string, Row>;
  nameBytes: number;
  waitingBytes: number;
  /** Some topics were forgotten, so a number before one that is new here need not be missing. */
  forgot: boolean;
}

const sizeOf = ([name, , , , data]: MessageBody) => 128 + name.length + (data?.length ?? 0);

export function createInbox(
  { clock, onMessage, onGap }: InboxDeps,
  { patienceMs, maxWaiting, maxWaitingBytes, maxTopics, maxNameBytes }: InboxConfig,
): Inbox {
  const publishers = new Map<PeerId, Publisher>();

  function rowOf(peerId: PeerId, publisher: Publisher, [name, , previous]: MessageBody): Row {
    const { rows } = publisher;
    let row = rows.get(name);
    if (row) {
      rows.delete(name);
    } else {
      row = { last: publisher.forgot ? previous : 0, waiting: new Map(), timer: undefined };
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

  function hand(
    publisher: PeerId,
    incarnation: number,
    row: Row,
    [name, seq, , at, data]: MessageBody,
  ): void {
    row.last = seq;
    if (data) onMessage(name, { publisher, incarnation, seq, at, data });
    else onGap(name, { publisher, incarnation, from: seq, to: seq });
  }

  /** Whether nothing that was meant for this node is missing before it. */
  const follows = (row: Row, [, , previous]: MessageBody) => previous <= row.last;

  function drain(peerId: PeerId, publisher: Publisher, row: Row): void {
    for (const seq of [...row.waiting.keys()].sort((a, b) => a - b)) {
      const message = row.waiting.get(seq) as MessageBody;
      if (!follows(row, message)) return;
      row.waiting.delete(seq);
      publisher.waitingBytes -= sizeOf(message);
      if (seq > row.last) hand(peerId, publisher.incarnation, row, message);
    }
    row.timer?.[Symbol.dispose]();
    row.timer = undefined;
  }

  /** What did not come by now does not come. */
  function giveUp(peerId: PeerId, publisher: Publisher, row: Row): void {
    row.timer?.[Symbol.dispose]();
    row.timer = undefined;
    const { incarnation } = publisher;
    let first: MessageBody | undefined;
    for (const message of row.waiting.values()) if (!first || message[1] < first[1]) first = message;
    if (!first) return;
    const [name, , previous] = first;
    onGap(name, { publisher: peerId, incarnation, from: row.last + 1, to: previous });
    row.last = previous;
    drain(peerId, publisher, row);
    if (row.waiting.size > 0) row.timer = clock.after(patienceMs, () => giveUp(peerId, publisher, row));
  }

  /** Nothing more comes for it: what waits is handed on, with its gaps. */
  function settle(peerId: PeerId, publisher: Publisher, row: Row): void {
    while (row.waiting.size > 0) giveUp(peerId, publisher, row);
    row.timer?.[Symbol.dispose]();
  }

  function end(peerId: PeerId, publisher: Publisher | undefined): void {
    for (const row of publisher?.rows.values() ?? []) settle(peerId, publisher as Publisher, row);
  }

  return {
    take(peerId, incarnation, message) {
      let publisher = publishers.get(peerId);
      if (!publisher || publisher.incarnation < incarnation) {
        end(peerId, publisher);
        publisher = { incarnation, rows: new Map(), nameBytes: 0, waitingBytes: 0, forgot: false };
        publishers.set(peerId, publisher);
      }
      if (publisher.incarnation > incarnation) return;
      const seq = message[1];
      const row = rowOf(peerId, publisher, message);
      if (seq <= row.last || row.waiting.has(seq)) return;
      if (follows(row, message)) {
        hand(peerId, incarnation, row, message);
        if (row.waiting.size > 0) drain(peerId, publisher, row);
        return;
      }
      row.waiting.set(seq, message);
      publisher.waitingBytes += sizeOf(message);
      if (row.waiting.size > maxWaiting || publisher.waitingBytes > maxWaitingBytes)
        giveUp(peerId, publisher, row);
      else {
        const one = publisher;
        row.timer ??= clock.after(patienceMs, () => giveUp(peerId, one, row));
      }
    },
    forget(peerId) {
      end(peerId, publishers.get(peerId));
      publishers.delete(peerId);
    },
  };
}
