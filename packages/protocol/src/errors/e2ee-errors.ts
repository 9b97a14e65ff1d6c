/** The part of the error table that tells of end-to-end encryption. */
import type { ErrorEntry } from './entry.ts';

export const E2EE_ERRORS = {
  E2EE_KEY_INVALID: {
    status: 400,
    retry: false,
    text: 'A public key is refused: {reason}. Get the keys of the other device anew.',
  },
  E2EE_BUNDLE_INVALID: {
    status: 400,
    retry: false,
    text: 'The keys for a first message are refused: {reason}. Get the keys of the other device anew.',
  },
  E2EE_NOT_STARTED: {
    status: 409,
    retry: false,
    text: 'This session was opened by the other side: it can write only after it has read their first message.',
  },
  E2EE_UNREADABLE: {
    status: 400,
    retry: false,
    text: 'The message cannot be read: {reason}. The session goes on with the next one.',
  },
} as const satisfies Record<string, ErrorEntry>;
