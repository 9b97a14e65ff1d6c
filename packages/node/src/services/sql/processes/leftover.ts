/** Processes that outlived their node: known by what was noted of them, process id and start time, and ended. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../../core/clock/index.ts';
import { sleep } from '../../../core/clock/index.ts';

interface Note {
  readonly pid: number;
  /** Ticks since the machine's start; null where the system does not tell. */
  readonly startedAt: string | null;
}

const WAIT_MS = 20;
const ROUNDS = 250;

export function noteProcess(file: string, pid: number): void {
  writeFileSync(file, JSON.stringify({ pid, startedAt: startOf(pid) } satisfies Note), { mode: 0o600 });
}

/** True: one was running still. A process id that another process has by now is left alone. */
export async function endLeftover(file: string, clock: Clock): Promise<boolean> {
  const note = readNote(file);
  rmSync(file, { force: true });
  // Without a start time nobody can tell whether it is the same.
  if (!note || note.startedAt === null || startOf(note.pid) !== note.startedAt) return false;
  process.kill(note.pid, 'SIGKILL');
  for (let round = 0; round < ROUNDS && startOf(note.pid) === note.startedAt; round++)
    await sleep(clock, WAIT_MS);
  return true;
}

function readNote(file: string): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(file, 'utf8')) as Note;
    return Number.isSafeInteger(note.pid) && note.pid > 1 ? note : undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of proc_pid_stat(5); a zombie counts as gone. */
function startOf(pid: number): string | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
