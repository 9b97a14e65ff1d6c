/** The part of the error table that tells of keys, records, registers and leases. */
import type { ErrorEntry } from './entry.ts';

export const DATA_ERRORS = {
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    retry: false,
    text: 'The idempotency key {idempotencyKey} was used before for another request. Use a new key for each new request.',
  },
  KV_KEY_INVALID: {
    status: 400,
    retry: false,
    text: 'The {name} is refused: {reason}. A key is 1 to 512 bytes of UTF-8, percent-encoded once in the path.',
  },
  KV_KEY_NOT_FOUND: {
    status: 404,
    retry: false,
    text: 'There is nothing under the key {key}. p2pctl kv list shows the keys there are.',
  },
  LOCK_HELD: {
    status: 409,
    retry: true,
    text: 'Another holds the lock {key}. Try again later, or wait longer with --wait.',
  },
  KV_VALUE_TOO_LARGE: {
    status: 413,
    retry: false,
    text: 'The value is larger than {maxBytes} bytes. Split it, or keep it in the object store and only its name here.',
  },
  KV_CURSOR_INVALID: {
    status: 400,
    retry: false,
    text: 'The cursor is refused: {reason}. Pass the cursor of the page before unchanged, or none to begin again.',
  },
  RECORDS_QUORUM_LOST: {
    status: 503,
    retry: true,
    text: 'Only {answered} of {needed} needed replicas answered. Try again; p2pctl peers shows which nodes are gone.',
  },
  WATCH_LIMIT: {
    status: 429,
    retry: true,
    text: 'The app {app} has {limit} watches through this node, and there is no room for more of them. End one, or watch through another node.',
  },
  CAS_CONDITION_FAILED: {
    status: 412,
    retry: false,
    text: 'The condition does not hold: what is there has the version {version}. Read it again and decide anew.',
  },
  NAMESPACE_KIND: {
    status: 400,
    retry: false,
    text: '{namespace} is of the kind {kind}: compare-and-set and plain writes are never mixed in one namespace.',
  },
  LEASE_LOST: {
    status: 409,
    retry: false,
    text: 'The lease with token {token} could not be renewed in time: another may hold it now. Acquire it again.',
  },
  PUBSUB_TOPIC_INVALID: {
    status: 400,
    retry: false,
    text: 'The topic is refused: {reason}. A topic is tokens joined by dots, such as orders.eu.new; to subscribe, * stands for one token and > for the rest.',
  },
  PUBSUB_MESSAGE_TOO_LARGE: {
    status: 413,
    retry: false,
    text: 'The message is larger than {maxBytes} bytes. Store it under a key or as an object and publish where it lies.',
  },
  PUBSUB_NO_SUBSCRIBER: {
    status: 409,
    retry: true,
    text: 'Nobody is subscribed to {topic}, so nobody has the message. p2pctl pubsub presence {topic} shows who is.',
  },
  PUBSUB_UNCONFIRMED: {
    status: 504,
    retry: false,
    text: 'Only {subscribers} of {interested} interested nodes confirmed the message in time. The others get it if they come back soon; it was published all the same.',
  },
  PUBSUB_TOO_SLOW: {
    status: 429,
    retry: false,
    text: 'The subscriber took too long: {queued} messages waited. Subscribe again, or choose to drop with slow=buffer or slow=latest.',
  },
  NAMESPACE_UNKNOWN: {
    status: 404,
    retry: false,
    text: 'No service of this node keeps records in the namespace {namespace}. Name it as <app>/<service>.',
  },
  RECORD_INVALID: { status: 400, retry: false, text: 'The record is refused: {reason}.' },
  RECORD_TOO_LARGE: {
    status: 413,
    retry: false,
    text: 'The {what} is larger than {maxBytes} bytes. Split the value, or keep it in the object store.',
  },
} as const satisfies Record<string, ErrorEntry>;
