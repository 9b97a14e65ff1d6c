/** What a person gets to see of an error: what happened, the next command to try, and an exit code. */
import { type ErrorCode, P2posError } from '@p2pos/protocol';
import { EXIT, type ExitCode, type Invocation } from './invocation.ts';

const USAGE: ReadonlySet<ErrorCode> = new Set([
  'COMMAND_USAGE',
  'KV_KEY_INVALID',
  'PEER_ID_INVALID',
  'ADDRESS_INVALID',
]);
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  'NODE_UNREACHABLE',
  'NODE_NOT_CHOSEN',
  'DEV_NOT_RUNNING',
]);

/** The next command where the error's own text does not end in one. */
const NEXT: Partial<Record<ErrorCode, string>> = {
  AUTH_REQUIRED: 'p2pctl status --url URL --token-file HOME/token',
  BAD_REQUEST: 'p2pctl help',
  ADDRESS_INVALID: 'p2pctl peers --json',
  INVITATION_INVALID: 'p2pctl invite',
  CONFIG_INVALID: 'p2pctl config check',
  KV_KEY_NOT_FOUND: 'p2pctl kv list',
  NODE_START_FAILED: 'p2pctl config check --home HOME',
  NODE_UNREACHABLE: 'p2pctl dev',
  RECORDS_QUORUM_LOST: 'p2pctl peers',
  STORE_FULL: 'p2pctl doctor',
  TIMEOUT: 'p2pctl peers',
  INTERNAL: 'p2pctl doctor',
};

export function exitCodeOf(error: P2posError): ExitCode {
  if (USAGE.has(error.code)) return EXIT.usage;
  return UNREACHABLE.has(error.code) ? EXIT.unreachable : EXIT.failed;
}

/** The command to try after this error; every error has one. */
export function nextCommandOf(error: P2posError): string {
  const { next } = error.details;
  return typeof next === 'string' ? next : (NEXT[error.code] ?? 'p2pctl doctor');
}

export function usage(reason: string, next: string): P2posError {
  return new P2posError('COMMAND_USAGE', { reason, next });
}

/** Prints the error, as JSON on stderr with `--json`, and says how to exit. */
export function reportFailure({ terminal, options, env }: Invocation, error: unknown): ExitCode {
  terminal.progress('');
  if (!(error instanceof P2posError) && env['P2PCTL_DEBUG']) console.error(error);
  const known = asP2posError(error);
  const next = nextCommandOf(known);
  if (options.json) {
    const { code, message, details } = known;
    terminal.say(JSON.stringify({ error: { code, message, details, try: next } }));
    return exitCodeOf(known);
  }
  const label = known.code === 'COMMAND_USAGE' ? 'error' : `error: ${known.code}`;
  terminal.say(`${label}: ${known.message}`);
  if (!known.message.trimEnd().endsWith(next)) terminal.say(`try: ${next}`);
  return exitCodeOf(known);
}

function asP2posError(error: unknown): P2posError {
  if (error instanceof P2posError) return error;
  // A fault of this program: its stack is for those who mend it.
  const reason = error instanceof Error ? error.message : String(error);
  return new P2posError('BAD_REQUEST', {
    reason: `p2pctl failed: ${reason}. P2PCTL_DEBUG=1 shows where.`,
    next: 'P2PCTL_DEBUG=1 p2pctl …',
  });
}
