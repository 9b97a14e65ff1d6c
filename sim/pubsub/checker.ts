/**
 * What subscribers were told against what was published: each message once, in its publisher's order, none made up; what
 * is missing between two numbers is told; and who was within reach all the time misses nothing.
 */

/** One life of a publisher's node. */
export interface PublisherLife {
  readonly node: number;
  readonly incarnation: number;
  /** By topic: when each number was published, virtual ms; index 0 is number 1. */
  readonly published: Map<string, { readonly seq: number; readonly at: number; readonly text: string }[]>;
}

export interface Told {
  readonly type: 'message' | 'gap' | 'missed';
  readonly topic?: string;
  readonly publisher?: number;
  readonly incarnation?: number;
  readonly from?: number;
  readonly to?: number;
  readonly text?: string;
}

/** One life of a subscription: it ends with its node. */
export interface SubscriberLife {
  readonly node: number;
  readonly topics: (topic: string) => boolean;
  /** When it was confirmed, and by which nodes. */
  readonly openedAt: number;
  readonly confirmedBy: ReadonlySet<number>;
  endedAt: number;
  readonly told: Told[];
}

export interface Link {
  /** Whether two nodes could reach each other without a pause of `ms` or more from one time to another. */
  linked(a: number, b: number, from: number, to: number, ms: number): boolean;
}

/** A pause of this length loses nothing: publishers keep 30 s, and a connection needs some to be found broken and made anew. */
export const SHORT_MS = 8_000;
/** After a longer one all is as before. */
const RECOVERY_MS = 40_000;
/** Who was linked for so long has heard of a subscription that it did not confirm at once. */
const NOTICE_MS = 60_000;
/** For what was published last to arrive. */
export const ARRIVAL_MS = 40_000;

export function checkDelivery(
  publishers: readonly PublisherLife[],
  subscribers: readonly SubscriberLife[],
  links: Link,
): {
  readonly violations: string[];
  readonly received: number;
  readonly gaps: number;
  readonly owed: number;
} {
  const violations: string[] = [];
  let received = 0;
  let gaps = 0;
  let owed = 0;
  const lives = new Map(publishers.map((life) => [`${life.node}/${life.incarnation}`, life]));
  for (const subscriber of subscribers) {
    const had = new Map<
      string,
      { last: number; readonly messages: Set<number>; readonly told: Set<number> }
    >();
    const blame = (what: string) =>
      violations.push(
        `subscriber on node${subscriber.node} (from ${subscriber.openedAt.toFixed(0)}): ${what}`,
      );
    for (const event of subscriber.told) {
      if (event.type === 'missed') {
        blame('was told that it is too slow, which it is not');
        continue;
      }
      const { topic = '', publisher = 0, incarnation = 0, from = 0, to = 0 } = event;
      const source = `${publisher}/${incarnation}/${topic}`;
      const of = had.get(source) ?? { last: 0, messages: new Set<number>(), told: new Set<number>() };
      had.set(source, of);
      if (from <= of.last) blame(`${source}: ${event.type} ${from}-${to} after ${of.last}`);
      if (of.last > 0 && from > of.last + 1)
        blame(`${source}: nothing was said of ${of.last + 1}-${from - 1}`);
      of.last = to;
      if (event.type === 'gap') {
        gaps += to - from + 1;
        for (let seq = from; seq <= to; seq++) of.told.add(seq);
        continue;
      }
      received++;
      of.messages.add(from);
      const was = lives.get(`${publisher}/${incarnation}`)?.published.get(topic)?.[from - 1];
      if (was?.text !== event.text) blame(`${source}: ${from} was ${was?.text}, not ${event.text}`);
    }
    for (const life of publishers) {
      if (life.node === subscriber.node) continue;
      const confirmed = subscriber.confirmedBy.has(life.node);
      for (const [topic, messages] of life.published) {
        if (!subscriber.topics(topic)) continue;
        const of = had.get(`${life.node}/${life.incarnation}/${topic}`);
        for (const { seq, at } of messages) {
          const until = at + ARRIVAL_MS;
          if (at < subscriber.openedAt || subscriber.endedAt < until) continue;
          if (!confirmed && at < subscriber.openedAt + NOTICE_MS) continue;
          const since = Math.max(subscriber.openedAt, at - (confirmed ? RECOVERY_MS : NOTICE_MS));
          if (!links.linked(life.node, subscriber.node, since, until, SHORT_MS)) continue;
          owed++;
          if (!of?.messages.has(seq))
            blame(
              `${life.node}/${life.incarnation}/${topic}: ${seq} was published at ${at.toFixed(0)} and never came`,
            );
        }
      }
    }
  }
  return { violations, received, gaps, owed };
}
