/**
 * What one publisher sends here, put in its order: what came before is dropped, what is missing is waited for a little (it
 * may be in a batch that is tried again), then told as a gap. Bounded by topics and by messages that wait.
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
  /** Topics of one publisher; the longest silent are forgotten first. */
  readonly maxTopics: number;
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
  incarnation: number;
  readonly rows: Map<string, Row>;
}

export function createInbox(
  { clock, onMessage, onGap }: InboxDeps,
  { patienceMs, maxWaiting, maxTopics }: InboxConfig,
): Inbox {
  const publishers = new Map<PeerId, Publisher>();

  function rowOf({ rows }: Publisher, name: string): Row {
    let row = rows.get(name);
    if (row) {
      rows.delete(name);
    } else {
      row = { last: 0, waiting: new Map(), timer: undefined };
      const [oldest] = rows;
      if (rows.size >= maxTopics && oldest) {
        oldest[1].timer?.[Symbol.dispose]();
        rows.delete(oldest[0]);
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

  function drain(publisher: PeerId, incarnation: number, row: Row): void {
    for (const seq of [...row.waiting.keys()].sort((a, b) => a - b)) {
      const message = row.waiting.get(seq) as MessageBody;
      if (!follows(row, message)) return;
      row.waiting.delete(seq);
      if (seq > row.last) hand(publisher, incarnation, row, message);
    }
    row.timer?.[Symbol.dispose]();
    row.timer = undefined;
  }

  /** What did not come by now does not come. */
  function giveUp(publisher: PeerId, incarnation: number, row: Row): void {
    row.timer = undefined;
    const [first] = [...row.waiting.values()].sort((a, b) => a[1] - b[1]);
    if (!first) return;
    const [name, , previous] = first;
    onGap(name, { publisher, incarnation, from: row.last + 1, to: previous });
    row.last = previous;
    drain(publisher, incarnation, row);
    if (row.waiting.size > 0) row.timer = clock.after(patienceMs, () => giveUp(publisher, incarnation, row));
  }

  return {
    take(peerId, incarnation, message) {
      let publisher = publishers.get(peerId);
      if (!publisher || publisher.incarnation < incarnation) {
        for (const row of publisher?.rows.values() ?? []) row.timer?.[Symbol.dispose]();
        publisher = { incarnation, rows: new Map() };
        publishers.set(peerId, publisher);
      }
      if (publisher.incarnation > incarnation) return;
      const [name, seq] = message;
      const row = rowOf(publisher, name);
      if (seq <= row.last || row.waiting.has(seq)) return;
      if (follows(row, message)) {
        hand(peerId, incarnation, row, message);
        if (row.waiting.size > 0) drain(peerId, incarnation, row);
        return;
      }
      row.waiting.set(seq, message);
      if (row.waiting.size > maxWaiting) giveUp(peerId, incarnation, row);
      else row.timer ??= clock.after(patienceMs, () => giveUp(peerId, incarnation, row));
    },
    forget(peerId) {
      for (const row of publishers.get(peerId)?.rows.values() ?? []) row.timer?.[Symbol.dispose]();
      publishers.delete(peerId);
    },
  };
}
