/** What was entered before, in a file of the person's home that nobody else reads. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MAX_LINES = 1_000;

export interface History {
  /** The newest first, as readline wants it. */
  readonly lines: string[];
  keep(lines: readonly string[]): void;
}

export function openHistory(userHome: string): History {
  const file = join(userHome, '.p2pos', 'sql-history');
  return {
    lines: read(file).toReversed(),
    keep(lines) {
      const kept = lines.slice(0, MAX_LINES).toReversed();
      try {
        mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
        writeFileSync(file, kept.map((line) => `${line}\n`).join(''), { mode: 0o600 });
      } catch {
        // A home that cannot be written has no history.
      }
    },
  };
}

function read(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).slice(-MAX_LINES);
  } catch {
    return [];
  }
}
