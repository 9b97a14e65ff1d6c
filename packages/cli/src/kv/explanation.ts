import { type Explanation, P2posError, parseDuration } from '@p2pos/protocol';
import { usage } from '../failure.ts';
import type { Terminal } from '../terminal.ts';

/** For people, on stderr, so that stdout stays the value. */
export function sayExplanation(terminal: Terminal, explain: Explanation | undefined): void {
  if (!explain) return;
  terminal.say(`slot ${explain.slot}, held by ${explain.replicas.join(', ')}`);
  for (const { peerId, ms, result } of explain.answered)
    terminal.say(`  ${peerId}  ${result}  ${ms.toFixed(1)} ms`);
}

/** Undefined where none was given. @throws P2posError COMMAND_USAGE */
export function ttlOption(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return parseDuration(value);
  } catch (error) {
    const reason = error instanceof P2posError ? error.message : String(error);
    throw usage(`--ttl ${value}: ${reason}`, 'p2pctl kv put KEY VALUE --ttl 60s');
  }
}
