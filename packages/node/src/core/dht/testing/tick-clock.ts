/**
 * Virtual time for very many nodes: moments are rounded up to whole ticks, so all that is due in one tick runs at once and
 * what it set free runs to its end before the next. The same calls in the same order give the same run.
 */
import type { Clock } from '../../clock/index.ts';

export interface TickClock extends Clock {
  /** Goes forward by `ms`. */
  advance(ms: number): Promise<void>;
  /** Goes forward until the work is done, and answers its result. */
  during<T>(work: Promise<T>): Promise<T>;
}

interface Timer {
  run: (() => void) | undefined;
}

const START = Date.UTC(2026, 0, 1);

export function createTickClock({ tickMs = 5 } = {}): TickClock {
  let tick = 0;
  const due = new Map<number, Timer[]>();
  /** Ticks that have timers: a binary heap, each once. */
  const heap: number[] = [];

  function push(at: number): void {
    let index = heap.push(at) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((heap[parent] as number) <= at) break;
      heap[index] = heap[parent] as number;
      index = parent;
    }
    heap[index] = at;
  }
  function pop(): void {
    const last = heap.pop() as number;
    const { length } = heap;
    if (length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[index] = heap[child] as number;
      index = child;
    }
    heap[index] = last;
  }
  const drain = () => new Promise<void>((resolve) => setImmediate(resolve));

  async function runUntil(end: number, done: () => boolean): Promise<void> {
    await drain();
    for (let next = heap[0]; next !== undefined && next <= end && !done(); next = heap[0]) {
      pop();
      tick = next;
      const timers = due.get(next) ?? [];
      due.delete(next);
      for (const timer of timers) timer.run?.();
      await drain();
    }
    if (!done()) tick = Math.max(tick, end);
  }

  const clock: TickClock = {
    now: () => START + tick * tickMs,
    monotonic: () => tick * tickMs,
    after(delayMs, run) {
      const at = tick + Math.max(1, Math.ceil(delayMs / tickMs));
      const timer: Timer = { run };
      const timers = due.get(at);
      if (timers) timers.push(timer);
      else {
        due.set(at, [timer]);
        push(at);
      }
      return {
        [Symbol.dispose]() {
          timer.run = undefined;
        },
      };
    },
    advance: (ms) => runUntil(tick + Math.ceil(ms / tickMs), () => false),
    async during(work) {
      let done = false;
      const finished = work.finally(() => {
        done = true;
      });
      finished.catch(() => {});
      await runUntil(tick + Math.ceil((10 * 60_000) / tickMs), () => done);
      if (!done) throw new Error('not done within ten minutes of virtual time');
      return finished;
    },
  };
  return clock;
}
