/**
 * What this node published lately, heard or not: for subscribers that come back through whichever node and have missed some.
 * Bounded by age, bytes and count; the oldest go first.
 */
import type { Clock } from '../../core/clock/index.ts';
import { createPatternTree } from './pattern-tree.ts';
import { MAX_BATCH, MAX_BATCH_BYTES, type MessageBody } from './wire.ts';

export interface TailConfig {
  readonly keepMs: number;
  readonly maxBytes: number;
  readonly maxMessages: number;
}

export interface TailQuery {
  /** `<app>/.<pattern>` */
  readonly pattern: string;
  /** Published since. */
  readonly sinceMs: number;
  /** By name: the numbers up to here are not wanted. */
  readonly after: ReadonlyMap<string, number>;
  /** Where the page before ended; 0: from the beginning. */
  readonly cursor: number;
}

export interface TailPage {
  readonly messages: MessageBody[];
  /** Null: that is all. */
  readonly cursor: number | null;
}

export interface Tail {
  add(name: string, seq: number, at: number, data: Uint8Array): void;
  page(query: TailQuery): TailPage;
}

interface Kept {
  readonly body: MessageBody;
  readonly publishedAt: number;
}

const OVERHEAD_BYTES = 128;

export function createTail(
  { clock }: { readonly clock: Clock },
  { keepMs, maxBytes, maxMessages }: TailConfig,
): Tail {
  let kept: (Kept | undefined)[] = [];
  let head = 0;
  /** The number of `kept[0]`, of all that were ever kept. */
  let first = 1;
  let bytes = 0;

  const sizeOf = ({ body: [name, , , , data] }: Kept) => OVERHEAD_BYTES + name.length + (data?.length ?? 0);

  function trim(): void {
    const old = clock.monotonic() - keepMs;
    for (let one = kept[head]; one; one = kept[head]) {
      if (one.publishedAt > old && bytes <= maxBytes && kept.length - head <= maxMessages) break;
      bytes -= sizeOf(one);
      kept[head++] = undefined;
    }
    if (head < 1_024 || head * 2 < kept.length) return;
    kept = kept.slice(head);
    first += head;
    head = 0;
  }

  return {
    add(name, seq, at, data) {
      // Each is the next of its topic, so none is missing between two that are here.
      const one: Kept = { body: [name, seq, seq - 1, at, data], publishedAt: clock.monotonic() };
      kept.push(one);
      bytes += sizeOf(one);
      trim();
    },
    page({ pattern, sinceMs, after, cursor }) {
      trim();
      const since = clock.monotonic() - sinceMs;
      const tree = createPatternTree<true>();
      tree.add(pattern, true);
      const matches = new Map<string, boolean>();
      const messages: MessageBody[] = [];
      let size = 0;
      for (let i = Math.max(head, cursor - first); i < kept.length; i++) {
        const one = kept[i] as Kept;
        const [name, seq] = one.body;
        if (one.publishedAt < since || seq <= (after.get(name) ?? 0)) continue;
        let matching = matches.get(name);
        if (matching === undefined) {
          matching = tree.match(name).size > 0;
          matches.set(name, matching);
        }
        if (!matching) continue;
        size += sizeOf(one);
        if (messages.length > 0 && (messages.length >= MAX_BATCH || size > MAX_BATCH_BYTES))
          return { messages, cursor: first + i };
        messages.push(one.body);
      }
      return { messages, cursor: null };
    },
  };
}
