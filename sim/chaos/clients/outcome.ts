/** What an error says of the operation that ended with it. */
import { P2posError } from '@p2pos/protocol';

/** Says itself that it had no effect; a full disk on one replica, say, tells nothing of the others. */
export function isCertain(error: unknown): boolean {
  if (!(error instanceof P2posError)) return false;
  return error.details['outcome'] === 'none' || error.code === 'STATE_UNCONFIGURED';
}

export function textOf(error: unknown): string {
  return error instanceof P2posError ? `${error.code} ${JSON.stringify(error.details)}` : String(error);
}
