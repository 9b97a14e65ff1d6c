/**
 * Background work of one owner (P1): periodic tasks with jitter that never overlap themselves, and single runs;
 * disposal aborts their signal and waits until all have ended. A task must therefore not await its own group's disposal.
 *
 * @example
 * await using tasks = createTaskGroup({ clock, random, log });
 * const { trigger } = tasks.every({ name: 'announce', intervalMs: 30_000 }, async (signal) => announce({ signal }));
 * membership.events.on('membership:changed', trigger);
 */
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Random } from '../random/index.ts';
import { jitter } from '../random/index.ts';

export interface TaskDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Periodic {
  readonly name: string;
  readonly intervalMs: number;
  /** Run at once as well, before the first interval. Default false. */
  readonly immediately?: boolean;
}

export interface TaskGroup extends AsyncDisposable {
  readonly signal: AbortSignal;
  /** Runs `task` once in the background; what it throws is logged. */
  run(name: string, task: (signal: AbortSignal) => Promise<void>): void;
  /** Runs `task` about every `intervalMs` ± 20 %. `trigger` makes the next run start now. */
  every(periodic: Periodic, task: (signal: AbortSignal) => Promise<void>): { trigger(): void };
}

export function createTaskGroup({ clock, random, log }: TaskDeps): TaskGroup {
  const controller = new AbortController();
  const { signal } = controller;
  const running = new Set<Promise<void>>();

  function track(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    const tracked = work(name, task).finally(() => running.delete(tracked));
    running.add(tracked);
  }

  async function work(name: string, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    // Not before the caller has returned: the task may use what it makes of that.
    await undefined;
    try {
      await task(signal);
    } catch (error) {
      if (!signal.aborted) log.error({ action: 'task_failed', task: name, error }, 'background task failed');
    }
  }

  return {
    signal,
    run(name, task) {
      if (!signal.aborted) track(name, task);
    },
    every({ name, intervalMs, immediately = false }, task) {
      let turn = Promise.withResolvers<void>();
      const trigger = () => turn.resolve();
      signal.addEventListener('abort', trigger, { once: true });
      const loop = async () => {
        for (let first = immediately; !signal.aborted; first = false) {
          if (!first) {
            const timer = clock.after(jitter(random, intervalMs), trigger);
            await turn.promise;
            timer[Symbol.dispose]();
          }
          if (signal.aborted) return;
          turn = Promise.withResolvers<void>();
          try {
            await task(signal);
          } catch (error) {
            if (signal.aborted) return;
            log.warn({ action: 'task_failed', task: name, error }, 'periodic task failed; will run again');
          }
        }
      };
      track(name, loop);
      return { trigger };
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
