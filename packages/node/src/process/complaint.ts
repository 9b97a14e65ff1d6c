/** How a process says why it failed: one sentence for what people can mend, and an exit code that tells whose turn it is. */
import { type ErrorCode, isP2posError } from '@p2pos/protocol';

/** What the operator gave us is wrong; nothing in the node failed. */
const MISTAKES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'AUTO_TLS_UNAVAILABLE',
  'CONFIG_INVALID',
  'HOME_IN_USE',
  'HOME_UNWRITABLE',
  'KEY_FILE_INVALID',
  'KEY_PASSPHRASE_NEEDED',
  'KEY_PASSPHRASE_WRONG',
  'SECRET_FILE_EXPOSED',
  'SECRET_FILE_UNREADABLE',
]);

export function exitCodeOf(error: unknown): number {
  return isP2posError(error) && MISTAKES.has(error.code) ? 2 : 1;
}

/** To standard error, and to the supervisor if there is one. */
export function complain(error: unknown): void {
  const reason = reasonOf(error);
  process.stderr.write(`error: ${reason}\n`);
  if (process.connected) process.send?.({ event: 'failed', reason }, () => {});
}

function reasonOf(error: unknown): string {
  if (isP2posError(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
