/** The part of the error table that tells of the distributed hash table and of rendezvous. */
import type { ErrorEntry } from './entry.ts';

export const DHT_ERRORS = {
  DHT_VALUE_REFUSED: {
    status: 400,
    retry: false,
    text: 'The value is refused: {reason}. A value lies under its own hash or is signed by its author.',
  },
  DHT_FULL: {
    status: 429,
    retry: true,
    text: 'There is no room for the value: {reason}. Store less, or try again when older entries have ended.',
  },
  DHT_NOT_CLOSE: {
    status: 409,
    retry: false,
    text: 'This node knows many that are closer to the key, so it does not keep the value. Look the key up and ask those.',
  },
  DHT_NOT_STORED: {
    status: 503,
    retry: true,
    text: 'Only {stored} of {asked} nodes took the value. Try again; p2pctl peers shows which nodes are reachable.',
  },
  DHT_ALONE: {
    status: 503,
    retry: true,
    text: 'This node knows no other node of the distributed hash table yet. Connect it to a member and try again.',
  },
  PEER_BANNED: {
    status: 403,
    retry: true,
    text: 'Node {peerId} asked for too much or sent what cannot be true, and is not heard for {seconds} s.',
  },
  RENDEZVOUS_NAME_INVALID: {
    status: 400,
    retry: false,
    text: 'The {name} is refused: {reason}. Namespaces look like chat/lobby, names like anna-1.',
  },
  RENDEZVOUS_FULL: {
    status: 429,
    retry: true,
    text: 'There is no room for the registration: {reason}. Withdraw one, or wait until older ones have ended.',
  },
  RENDEZVOUS_UNSTORED: {
    status: 503,
    retry: true,
    text: 'No other node took the registration of {name} in {namespace}. Try again; p2pctl peers shows which nodes are reachable.',
  },
} as const satisfies Record<string, ErrorEntry>;
