/** What happened in a run, in order: its hash tells two runs apart, its end shows what led to a violation. */
import { createHash } from 'node:crypto';

export interface Trace {
  add(line: string): void;
  /** Of all lines so far, hex. */
  hash(): string;
  lines(): number;
  /** The newest lines, oldest first. */
  tail(count: number): string[];
}

const KEPT = 4_096;

export function createTrace(clock: { monotonic(): number }, told: (line: string) => void = () => {}): Trace {
  const hash = createHash('sha256');
  let last: string[] = [];
  let count = 0;
  return {
    add(text) {
      const line = `${clock.monotonic().toFixed(3)} ${text}`;
      hash.update(line).update('\n');
      told(line);
      count++;
      last.push(line);
      if (last.length >= 2 * KEPT) last = last.slice(-KEPT);
    },
    hash: () => hash.copy().digest('hex'),
    lines: () => count,
    tail: (wanted) => last.slice(-wanted),
  };
}
