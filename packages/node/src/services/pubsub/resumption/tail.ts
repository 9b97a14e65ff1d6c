/**
 * What this node published lately, heard or not: for subscribers that come back through whichever node and have missed some.
 * Bounded by age, bytes and count; the oldest go first. Of what is gone the last number of each topic stays, so that who
 * missed it is told although nothing follows.
 */
import type { Clock } from '../../../core/clock/index.ts';
import { createPatternTree } from '../interest/pattern-tree.ts';
import { MAX_BATCH, MAX_BATCH_BYTES, type MessageBody } from '../wire.ts';

export interface TailConfig {
  readonly keepMs: number;
  readonly maxBytes: number;
  readonly maxMessages: number;
}

export interface TailQuery {
  /** `<app>/.<pattern>` */
  readonly pattern: string;
  /** Published since; of a topic in `after`, whenever. */
  readonly sinceMs: number;
  /** By name: the numbers up to here are not wanted. */
  readonly after: ReadonlyMap<string, number>;
  /** Where the page before ended; 0: from the beginning. */
  readonly cursor: number;
}

export interface TailPage {
  /** Without data: that one and what was between it and `previous` is gone. */
  readonly messages: MessageBody[];
  /** Null: that is all. */
  readonly cursor: number | null;
}

export interface Tail {
  /** Of the messages; undefined: there was none yet. */
  readonly incarnation: number | undefined;
  /** The first of another incarnation takes the place of all of the one before. */
  add(name: string, incarnation: number, seq: number, at: number, data: Uint8Array): void;
  page(query: TailQuery): TailPage;
}

interface Kept {
  readonly body: MessageBody;
  readonly publishedAt: number;
}

/** The newest that are gone, of one topic; after a pause of `keepMs` they begin anew. */
interface Gone {
  readonly name: string;
  readonly first: number;
  readonly firstPublishedAt: number;
  readonly last: number;
  readonly publishedAt: number;
  readonly at: number;
  /** The place of the last, of all that were ever kept. */
  readonly place: number;
}

const OVERHEAD_BYTES = 128;
/** Topics of which it is known what is gone; the longest silent go first. */
const MAX_GONE = 10_000;
/** Of them in one page. */
const MAX_TOLD = 512;

export function createTail(
  { clock }: { readonly clock: Clock },
  { keepMs, maxBytes, maxMessages }: TailConfig,
): Tail {
  let kept: (Kept | undefined)[] = [];
  let head = 0;
  /** The number of `kept[0]`, of all that were ever kept. */
  let first = 1;
  let bytes = 0;

  let incarnation: number | undefined;
  /** In the order of their places. */
  const gone = new Map<string, Gone>();

  const sizeOf = ({ body: [name, , , , data] }: Kept) => OVERHEAD_BYTES + name.length + (data?.length ?? 0);

  function trim(): void {
    const old = clock.monotonic() - keepMs;
    for (let one = kept[head]; one; one = kept[head]) {
      if (one.publishedAt > old && bytes <= maxBytes && kept.length - head <= maxMessages) break;
      bytes -= sizeOf(one);
      bury(one, first + head);
      kept[head++] = undefined;
    }
    if (head < 1_024 || head * 2 < kept.length) return;
    kept = kept.slice(head);
    first += head;
    head = 0;
  }

  function bury({ body: [name, seq, , at], publishedAt }: Kept, place: number): void {
    const before = gone.get(name);
    const { first, firstPublishedAt } =
      before && publishedAt - before.publishedAt < keepMs
        ? before
        : { first: seq, firstPublishedAt: publishedAt };
    gone.delete(name);
    gone.set(name, { name, first, firstPublishedAt, last: seq, publishedAt, at, place });
    if (gone.size > MAX_GONE) gone.delete(gone.keys().next().value as string);
  }

  /** Since the page before. */
  function goneOf(
    { cursor, after }: TailQuery,
    since: number,
    matches: (name: string) => boolean,
  ): MessageBody[] {
    const found: MessageBody[] = [];
    for (const [name, number] of after) {
      const one = gone.get(name);
      if (one && one.last > number && one.place >= cursor && matches(name))
        found.push([name, one.last, number, one.at, null]);
    }
    const most = found.length + MAX_TOLD;
    for (const one of [...gone.values()].reverse()) {
      if (one.place < cursor || one.publishedAt < since || found.length >= most) break;
      if (after.has(one.name) || !matches(one.name)) continue;
      // Which was the first of a longer row is not known; the last is certainly missed.
      const from = one.firstPublishedAt >= since ? one.first : one.last;
      found.push([one.name, one.last, from - 1, one.at, null]);
    }
    return found;
  }

  return {
    get incarnation() {
      return incarnation;
    },
    add(name, life, seq, at, data) {
      if (life !== incarnation) {
        first += kept.length;
        kept = [];
        head = bytes = 0;
        gone.clear();
        incarnation = life;
      }
      // Each is the next of its topic, so none is missing between two that are here.
      const one: Kept = { body: [name, seq, seq - 1, at, data], publishedAt: clock.monotonic() };
      kept.push(one);
      bytes += sizeOf(one);
      trim();
    },
    page(query) {
      const { pattern, sinceMs, after, cursor } = query;
      trim();
      const since = clock.monotonic() - sinceMs;
      const tree = createPatternTree<true>();
      tree.add(pattern, true);
      const known = new Map<string, boolean>();
      const matches = (name: string): boolean => {
        let matching = known.get(name);
        if (matching === undefined) {
          matching = tree.match(name).size > 0;
          known.set(name, matching);
        }
        return matching;
      };
      const messages = goneOf(query, since, matches);
      let size = messages.reduce((sum, [name]) => sum + OVERHEAD_BYTES + name.length, 0);
      for (let i = Math.max(head, cursor - first); i < kept.length; i++) {
        const one = kept[i] as Kept;
        const [name, seq] = one.body;
        const had = after.get(name);
        if (had === undefined ? one.publishedAt < since : seq <= had) continue;
        if (!matches(name)) continue;
        size += sizeOf(one);
        if (messages.length > 0 && (messages.length >= MAX_BATCH || size > MAX_BATCH_BYTES))
          return { messages, cursor: first + i };
        messages.push(one.body);
      }
      return { messages, cursor: null };
    },
  };
}
