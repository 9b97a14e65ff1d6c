/** What a subscriber that comes back has missed: asked of every member that is there, put before what comes from now on. */
import type { PeerId } from '../../core/net/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { Message, SubscriptionEvent } from './subscription.ts';
import type { Tail } from './tail.ts';
import { type MessageBody, PUBSUB } from './wire.ts';

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
  readonly incarnation: () => number;
}

export interface ResumptionInput {
  /** Who is asked besides this node. */
  readonly members: readonly PeerId[];
  readonly pattern: string;
  readonly sinceMs: number;
  readonly after: readonly Heard[];
  readonly nameOf: (topic: string) => string;
  readonly topicOf: (name: string) => string;
}

/** Of all publishers together; what is beyond is told as a gap by the numbers that follow. */
const MAX_BYTES = 16 * 1_048_576;

/** Publishers' messages, each publisher's in its order. Who does not answer in time is left out. */
export async function collectMissed(
  { self, rpc, tail, incarnation }: ResumptionDeps,
  { members, pattern, sinceMs, after, nameOf, topicOf }: ResumptionInput,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<Message[]> {
  let bytes = 0;

  async function ask(peerId: PeerId): Promise<Message[]> {
    const found: Message[] = [];
    const heard = after.filter(({ publisher }) => publisher === peerId);
    const life = Math.max(0, ...heard.map((one) => one.incarnation));
    const had = heard
      .filter((one) => one.incarnation === life)
      .map(({ topic, seq }): [string, number] => [nameOf(topic), seq]);
    const query = { pattern, sinceMs, incarnation: life, after: had };
    try {
      for (let cursor: number | null = 0; cursor !== null && bytes < MAX_BYTES; ) {
        const page: Page =
          peerId === self
            ? pageOf(tail, incarnation(), { ...query, cursor })
            : await rpc.call(peerId, PUBSUB, 'tail', { ...query, cursor }, { timeoutMs });
        cursor = page.cursor;
        for (const [name, seq, , at, data] of page.messages) {
          if (!data) continue;
          bytes += data.length;
          found.push({
            topic: topicOf(name),
            publisher: peerId,
            incarnation: page.incarnation,
            seq,
            at,
            data,
          });
        }
      }
    } catch {
      // It is away; the next number that comes from it tells what is missing.
    }
    return found;
  }

  return (await Promise.all([self, ...members].map(ask))).flat();
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

export function pageOf(
  tail: Tail,
  own: number,
  { pattern, sinceMs, incarnation, after, cursor }: PageInput,
): { incarnation: number; messages: MessageBody[]; cursor: number | null } {
  // Numbers of an earlier life say nothing of this one.
  const known = new Map(incarnation === own ? after : []);
  return { incarnation: own, ...tail.page({ pattern, sinceMs, after: known, cursor }) };
}

/** What was missed, then what comes, without what was in both. */
export async function* missedFirst(
  missed: readonly Message[],
  batches: AsyncIterable<readonly SubscriptionEvent[]>,
): AsyncGenerator<readonly SubscriptionEvent[]> {
  const last = new Map<string, number>();
  const sourceOf = ({ publisher, incarnation, topic }: Omit<Heard, 'seq'>) =>
    `${publisher}/${incarnation}/${topic}`;
  for (const message of missed) last.set(sourceOf(message), message.seq);
  if (missed.length > 0) yield missed.map((message) => ({ type: 'message' as const, ...message }));
  for await (const batch of batches) {
    if (last.size === 0) {
      yield batch;
      continue;
    }
    yield batch.filter((event) => {
      if (event.type === 'missed') return true;
      const to = event.type === 'gap' ? event.to : event.seq;
      const source = sourceOf(event);
      if (to <= (last.get(source) ?? 0)) return false;
      last.delete(source);
      return true;
    });
  }
}
