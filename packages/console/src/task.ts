/** One thing that a person asked for: whether it runs, how it ended, in words for an `Outcome`. */
import { reactive } from 'vue';

export interface Task {
  busy: boolean;
  text: string;
  mood: 'good' | 'bad' | 'plain';
  /** Runs it unless it runs already; what it answers is shown. Never rejects; true: it went well. */
  run(work: () => Promise<string | undefined>): Promise<boolean>;
  /** The same for what follows a person's choice: while another runs, the newest waits for it. */
  latest(work: () => Promise<string | undefined>): Promise<boolean>;
  clear(): void;
}

export function createTask(): Task {
  let waiting: (() => Promise<string | undefined>) | undefined;
  const task: Task = reactive({
    busy: false,
    text: '',
    mood: 'plain',
    async run(work) {
      if (task.busy) return false;
      task.busy = true;
      task.clear();
      try {
        task.text = (await work()) ?? '';
        task.mood = 'good';
        return true;
      } catch (error) {
        task.text = wordsOf(error);
        task.mood = 'bad';
        return false;
      } finally {
        task.busy = false;
        const next = waiting;
        waiting = undefined;
        if (next) void task.run(next);
      }
    },
    async latest(work) {
      if (!task.busy) return task.run(work);
      waiting = work;
      return false;
    },
    clear() {
      task.text = '';
      task.mood = 'plain';
    },
  } satisfies Task);
  return task;
}

/** The text of an error with its code, which names it in the reference. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === 'string' ? `${error.message} (${code})` : error.message;
}
