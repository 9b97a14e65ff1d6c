/** The part of the error table about what records tell: watches and receipts. */
import type { ErrorEntry } from './errors.ts';

export const RECORD_ERRORS = {
  WATCH_TOKEN_INVALID: {
    status: 400,
    retry: false,
    text: 'This is not a token of a watch. Pass one exactly as a watch gave it, or none to begin with what is there.',
  },
} as const satisfies Record<string, ErrorEntry>;
