/** The part of the error table about what records tell: watches and receipts. */
import type { ErrorEntry } from './entry.ts';

export const RECORD_ERRORS = {
  WATCH_TOKEN_INVALID: {
    status: 400,
    retry: false,
    text: 'This is not a token of a watch of these keys. Pass one exactly as a watch of the same prefix gave it, or none to begin with what is there.',
  },
  RECEIPT_REFUSED: {
    status: 422,
    retry: false,
    text: 'This receipt proves nothing: {reason}.',
  },
  RECEIPT_UNAVAILABLE: {
    status: 503,
    retry: true,
    text: 'The write is done, but only {signed} of {needed} needed replicas signed for it: {reason}. Write again for a receipt.',
  },
} as const satisfies Record<string, ErrorEntry>;
