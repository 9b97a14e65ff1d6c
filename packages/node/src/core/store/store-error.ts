import { P2posError } from '@p2pos/protocol';
import type { Failure } from './sqlite-failure.ts';

export function errorOf({ code, details }: Failure): P2posError {
  return new P2posError(code, details);
}

export function closedError(): P2posError {
  return new P2posError('STORE_FAILED', { reason: 'it is closed' });
}
