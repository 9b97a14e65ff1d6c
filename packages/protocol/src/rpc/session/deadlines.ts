/**
 * Many deadlines, one timer: entries that fall due in the same millisecond share a set, and the clock is asked to
 * wake us for the earliest only. A timer per call costs more than the rest of the call.
 */
import type { Clock } from '../../clock.ts';

export interface Expiring {
  /** Where it waits; kept by {@link Deadlines} alone. */
  bucket: Bucket | undefined;
  expire(): void;
}

export interface Bucket {
  readonly dueAt: number;
  readonly entries: Set<Expiring>;
}

/** A timer that is later than this tells more of this process than of its peers. */
const LATE_MS = 5;

export class Deadlines {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Bucket>();
  /** Binary heap of due times, earliest first; times whose bucket has emptied stay until they come up. */
  readonly #heap: number[] = [];
  #armedAt = Number.POSITIVE_INFINITY;
  #timer: Disposable | undefined;
  /** The timer was late, and has been put off once for that. */
  #graced = false;

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  /** Calls `entry.expire()` at `atMs` of the monotonic clock, rounded up to a millisecond. */
  add(entry: Expiring, atMs: number): void {
    const dueAt = Math.ceil(atMs);
    let bucket = this.#buckets.get(dueAt);
    if (!bucket) {
      bucket = { dueAt, entries: new Set() };
      this.#buckets.set(dueAt, bucket);
      this.#push(dueAt);
      if (dueAt < this.#armedAt) this.#arm();
    }
    bucket.entries.add(entry);
    entry.bucket = bucket;
  }

  remove(entry: Expiring): void {
    const { bucket } = entry;
    if (!bucket) return;
    entry.bucket = undefined;
    bucket.entries.delete(entry);
    // The timer stays, even for nothing: most calls end long before it, and the next one needs it again.
    if (bucket.entries.size === 0 && this.#buckets.get(bucket.dueAt) === bucket) {
      this.#buckets.delete(bucket.dueAt);
    }
  }

  /** Forgets all entries without expiring them. */
  close(): void {
    this.#buckets.clear();
    this.#disarm();
  }

  #disarm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#armedAt = Number.POSITIVE_INFINITY;
    this.#heap.length = 0;
  }

  #arm() {
    this.#timer?.[Symbol.dispose]();
    while (this.#heap.length > 0 && !this.#buckets.has(this.#heap[0] as number)) this.#pop();
    const earliest = this.#heap[0];
    if (earliest === undefined) return this.#disarm();
    this.#armedAt = earliest;
    this.#timer = this.#clock.after(Math.max(0, earliest - this.#clock.monotonic()), () => this.#fire());
  }

  #fire(): void {
    const now = this.#clock.monotonic();
    if (now - this.#armedAt > LATE_MS && !this.#graced) {
      // This process was held up: what came meanwhile is read before anything is given up for being late.
      this.#graced = true;
      this.#timer = this.#clock.after(1, () => this.#fire());
      return;
    }
    this.#graced = false;
    while (this.#heap.length > 0 && (this.#heap[0] as number) <= now) {
      const dueAt = this.#pop();
      const bucket = this.#buckets.get(dueAt);
      if (!bucket) continue;
      this.#buckets.delete(dueAt);
      for (const entry of bucket.entries) {
        entry.bucket = undefined;
        entry.expire();
      }
    }
    this.#arm();
  }

  #push(dueAt: number): void {
    const heap = this.#heap;
    let child = heap.length;
    heap.push(dueAt);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if ((heap[parent] as number) <= dueAt) break;
      heap[child] = heap[parent] as number;
      child = parent;
    }
    heap[child] = dueAt;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0] as number;
    const last = heap.pop() as number;
    const size = heap.length;
    if (size === 0) return top;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[parent] = heap[child] as number;
      parent = child;
    }
    heap[parent] = last;
    return top;
  }
}
