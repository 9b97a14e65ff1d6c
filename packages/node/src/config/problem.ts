/** What is wrong with the settings: all of it at once, each with its place. */
import { P2posError } from '@p2pos/protocol';

export interface Problem {
  /** `node.toml:3`, `P2POS_LOG_LEVEL` or `--log-level`. */
  readonly place: string;
  readonly key: string;
  /** Follows the key in a sentence. */
  readonly reason: string;
}

/** One CONFIG_INVALID for all; its message has a line for each, its details them as `problems`. */
export function problemsError(problems: readonly [Problem, ...Problem[]]): P2posError {
  const [first, ...others] = problems;
  const more = others.map(({ place, key, reason }) => `\n${place}: ${key} ${reason}`);
  return new P2posError('CONFIG_INVALID', { ...first, reason: first.reason + more.join(''), problems });
}
