/** Virtual time: stands still until told to go on, then runs what falls due in order. */
import type { Clock } from '../core/clock/index.ts';

interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly run: () => void;
  /** Has neither run nor been cancelled. */
  waits: boolean;
}

export interface ManualClock extends Clock {
  /** Goes forward by `ms`, running due timers in order; between two instants all that is ready runs to its end. */
  advance(ms: number): Promise<void>;
  /** Goes forward until `done()` holds; fails after `limitMs` of virtual time. */
  advanceUntil(
    done: () => boolean,
    options?: { readonly limitMs?: number; readonly stepMs?: number },
  ): Promise<void>;
  /** Moves the wall clock alone, as an operator or NTP would. */
  jump(ms: number): void;
  /** How many timers wait; a leak shows here. */
  pending(): number;
}

export interface ManualClockConfig {
  /** Wall time at the start, ms since the epoch. Default 2026-01-01. */
  readonly startAt?: number;
}

/** Lets everything that needs no time run to its end. */
export const drain = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How many instants may pass before the event loop has its turn: for WebCrypto, and for the signals of the process. */
const INSTANTS_PER_TURN = 100;

/**
 * Runs all microtasks and ticks that are ready, without a turn of the event loop: a turn costs more than most instants.
 * Does nothing when called by a microtask. Node keeps the function for whoever enters JavaScript by a way of its own.
 */
const runMicrotasks = (process as unknown as { readonly _tickCallback: () => void })._tickCallback;

export function createManualClock({ startAt = Date.UTC(2026, 0, 1) }: ManualClockConfig = {}): ManualClock {
  let elapsed = 0;
  let offset = 0;
  let order = 0;
  const timers = createTimerHeap();

  /** Some instants in one turn of the event loop; false when none is left before `end`. */
  const turn = (end: number): Promise<boolean> =>
    new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          for (let instants = 0; instants < INSTANTS_PER_TURN; instants++) {
            if (!runInstant(end)) return resolve(false);
            runMicrotasks();
          }
          resolve(true);
        } catch (error) {
          reject(error);
        }
      });
    });

  function runInstant(end: number): boolean {
    const next = timers.first();
    if (!next || next.dueAt > end) return false;
    elapsed = next.dueAt;
    for (let due: Timer | undefined = next; due && due.dueAt <= elapsed; due = timers.first()) {
      timers.remove(due);
      due.run();
    }
    return true;
  }

  const clock: ManualClock = {
    now: () => startAt + offset + elapsed,
    monotonic: () => elapsed,
    after(delayMs, run) {
      const timer: Timer = { dueAt: elapsed + Math.max(0, delayMs), order: order++, run, waits: true };
      timers.add(timer);
      return { [Symbol.dispose]: () => timers.remove(timer) };
    },
    async advance(ms) {
      const end = elapsed + ms;
      await drain();
      while (await turn(end)) await drain();
      elapsed = end;
    },
    async advanceUntil(done, { limitMs = 600_000, stepMs = 10 } = {}) {
      const end = elapsed + limitMs;
      await drain();
      while (!done()) {
        if (elapsed >= end) throw new Error(`not reached within ${limitMs} ms of virtual time`);
        await clock.advance(stepMs);
      }
    },
    jump(ms) {
      offset += ms;
    },
    pending: () => timers.size(),
  };
  return clock;
}

function createTimerHeap() {
  const heap: Timer[] = [];
  let waiting = 0;

  function up(timer: Timer): void {
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent] as Timer)) break;
      heap[at] = heap[parent] as Timer;
      at = parent;
    }
    heap[at] = timer;
  }
  function down(timer: Timer): void {
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child++;
      if (!isBefore(heap[child] as Timer, timer)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = timer;
  }
  function pop(): void {
    const last = heap.pop();
    if (last && heap.length > 0) down(last);
  }

  return {
    add(timer: Timer): void {
      waiting++;
      up(timer);
    },
    /** It stays in the heap until it comes to its top. */
    remove(timer: Timer): void {
      if (!timer.waits) return;
      timer.waits = false;
      waiting--;
    },
    first(): Timer | undefined {
      while (heap.length > 0 && !(heap[0] as Timer).waits) pop();
      return heap[0];
    },
    size: () => waiting,
  };
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
