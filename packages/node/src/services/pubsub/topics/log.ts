/** A durable topic's log as registers: what is where, and nothing of who may write it. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import type { CallOptions, Records, RegisterValue } from '../../../core/records/index.ts';
import {
  afterEntry,
  decodeEntry,
  decodeHead,
  type Entry,
  encodeEntry,
  encodeGone,
  encodeHead,
  entryKey,
  type Head,
  NEVER_WRITTEN,
  type Position,
  topicKey,
} from './format.ts';

export interface TopicLog {
  readonly app: string;
  readonly topic: string;
  /** Linearizable; what a topic without a head would have. */
  head(options?: CallOptions): Promise<Head>;
  /** Tries until nobody was quicker. `edit` answers undefined: nothing is to be changed. */
  editHead(edit: (head: Head) => Head | undefined, options?: CallOptions): Promise<Head>;
  /** `gone`: retention took it, and where it ended. Undefined: nothing there (any more). */
  read(
    entry: number,
    options?: CallOptions,
  ): Promise<{ readonly entry?: Entry; readonly after: Position } | undefined>;
  /**
   * Exactly this entry at this number, or false: another is there. Tries until it is known which.
   *
   * @throws P2posError RECORDS_QUORUM_LOST, and what else leaves it open; the caller tries again
   */
  write(number: number, entry: Entry, ttlMs: number, options?: CallOptions): Promise<boolean>;
  /** Leaves a mark of where it ended, for as long as an earlier holder could still write here. */
  remove(number: number, after: Position, options?: CallOptions): Promise<void>;
  /** The first entry from `from` on, before `to`, that holds what is wanted; `to` where none does. Entries are in order. */
  search(from: number, to: number, wanted: (entry: Entry) => boolean, options?: CallOptions): Promise<number>;
}

const GONE_MS = 600_000;

export function createTopicLog(
  { registers }: Pick<Records, 'registers'>,
  { app, topic }: { readonly app: string; readonly topic: string },
): TopicLog {
  const partition = topicKey(topic);
  const headName = { namespace: `${app}/topics`, partition, key: partition };
  const nameOf = (entry: number) => ({
    namespace: `${app}/topic-entries`,
    partition,
    key: entryKey(topic, entry),
  });
  const toHead = (found: RegisterValue | undefined): Head =>
    found ? decodeHead(found.value) : NEVER_WRITTEN;

  async function read(number: number, options?: CallOptions) {
    const found = await registers.read(nameOf(number), options);
    if (!found) return undefined;
    const entry = decodeEntry(found.value);
    if ('after' in entry) return { after: { entry: number + 1, ...entry.after } };
    return { entry, after: afterEntry(number, entry) };
  }

  return {
    app,
    topic,
    read,
    head: async (options) => toHead(await registers.read(headName, options)),
    async editHead(edit, options) {
      for (;;) {
        const found = await registers.read(headName, options);
        const before = toHead(found);
        const head = edit(before);
        if (!head) return before;
        const condition = found
          ? ({ kind: 'version', version: found.version } as const)
          : ({ kind: 'absent' } as const);
        try {
          await registers.change({ ...headName, value: encodeHead(head), condition }, options);
          return head;
        } catch (error) {
          if (!isP2posError(error, 'CAS_CONDITION_FAILED')) throw error;
        }
      }
    },
    async write(number, entry, ttlMs, options) {
      const name = nameOf(number);
      const value = encodeEntry(entry);
      try {
        await registers.change({ ...name, value, condition: { kind: 'absent' }, ttlMs }, options);
        return true;
      } catch (error) {
        if (!isP2posError(error, 'CAS_CONDITION_FAILED')) throw error;
      }
      const found = await registers.read(name, options);
      // Our own, from a try whose answer was lost.
      return found !== undefined && Buffer.compare(found.value, value) === 0;
    },
    async remove(number, after, options) {
      const value = encodeGone({ after });
      await registers.change(
        { ...nameOf(number), value, condition: { kind: 'any' }, ttlMs: GONE_MS },
        options,
      );
    },
    async search(from, to, wanted, options) {
      let low = from;
      let high = to;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const found = await read(middle, options);
        // What is gone lies before all that is there.
        if (found?.entry && wanted(found.entry)) high = middle;
        else low = middle + 1;
      }
      return low;
    },
  };
}

/** Reading a log fails where its replicas have no majority; whoever follows it waits for them. */
export function isPassing(error: unknown): boolean {
  return error instanceof P2posError && (error.retry || error.code === 'TIMEOUT');
}
