/**
 * What a member of a group was handed and has not begun. The group takes back what is not acknowledged in time, and all of it
 * when the subscription breaks; that is another member's by then, so it is not begun here any more.
 */
import type { Timing } from './timing.ts';

export interface Handed {
  readonly sequence: number;
  readonly data: Uint8Array;
}

export interface GroupQueue<T extends Handed> {
  /** The same sequence again takes the place of the earlier. Resolves when there is room for more. */
  add(messages: readonly T[]): Promise<void>;
  clear(): void;
  end(error?: unknown): void;
  /** Undefined: it ended. @throws what it ended with */
  next(): Promise<T | undefined>;
}

/** As the group waits for an acknowledgement. */
const HELD_MS = 30_000;
/** Nodes hand out far less at a time. */
const MAX_MESSAGES = 1_024;
const MAX_BYTES = 32 * 1_048_576;

export function createGroupQueue<T extends Handed>(timing: Pick<Timing, 'now'>): GroupQueue<T> {
  const waiting = new Map<number, { readonly message: T; readonly since: number }>();
  let bytes = 0;
  let ended: { readonly error?: unknown } | undefined;
  let wake = () => {};
  let makeRoom = () => {};

  function remove(sequence: number): void {
    bytes -= waiting.get(sequence)?.message.data.length ?? 0;
    waiting.delete(sequence);
    if (!isFull()) makeRoom();
  }

  const isFull = () => waiting.size >= MAX_MESSAGES || bytes >= MAX_BYTES;

  function take(): T | undefined {
    for (const [sequence, { message, since }] of waiting) {
      remove(sequence);
      if (timing.now() - since < HELD_MS) return message;
    }
    return undefined;
  }

  return {
    async add(messages) {
      const since = timing.now();
      for (const message of messages) {
        bytes += message.data.length - (waiting.get(message.sequence)?.message.data.length ?? 0);
        waiting.set(message.sequence, { message, since });
      }
      wake();
      if (isFull() && !ended)
        await new Promise<void>((resolve) => {
          makeRoom = resolve;
        });
    },
    clear() {
      waiting.clear();
      bytes = 0;
    },
    end(error) {
      ended ??= error === undefined ? {} : { error };
      wake();
      makeRoom();
    },
    async next() {
      for (;;) {
        const message = take();
        if (message) return message;
        if (ended && 'error' in ended) throw ended.error;
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
