/** `--for`: how long a command that follows something goes on. */
import { duration } from '@p2pos/protocol';
import { systemClock } from './clock.ts';
import { usage } from './failure.ts';

const FOR = duration(1, 365 * 86_400_000);

export interface Lasting extends Disposable {
  /** Aborts when the time is over; never without `--for`. */
  readonly signal: AbortSignal;
}

/** @param example The command with a `--for` that is right. @throws P2posError COMMAND_USAGE */
export function lastingOption(flag: unknown, example: string): Lasting {
  const ending = new AbortController();
  if (typeof flag !== 'string') return { signal: ending.signal, [Symbol.dispose]() {} };
  const parsed = FOR.safeDecode(flag);
  if (!parsed.success) throw usage('--for is a duration such as 10s (units ms, s, m, h, d).', example);
  const timer = systemClock.after(parsed.data, () => ending.abort(new Error('over')));
  return { signal: ending.signal, [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
