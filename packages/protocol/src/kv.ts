/** The contract of key-value: bytes under keys, replicated; one namespace per app. */
import { z } from 'zod';
import { bytes, bytesBody, defineRoutes, empty, header, json, parameter } from './contract/route.ts';
import { defineStreams } from './contract/stream.ts';
import { Blob64, duration, Etag, flag, Instant, integer, jsonText } from './contract/values.ts';
import { SignedReceipt } from './receipt.ts';

/** UTF-8 bytes of a key. */
export const MAX_KV_KEY_BYTES = 512;
export const MAX_KV_VALUE_BYTES = 64 * 1_024;
export const MAX_KV_LIST_LIMIT = 1_000;
const MAX_TTL_MS = 3_650 * 86_400_000;

const utf8 = new TextEncoder();

/** Well-formed Unicode, 1–512 bytes of UTF-8; every character is literal, slashes included. */
export const KvKey = z
  .string()
  .min(1, { error: 'it is empty' })
  .refine((key) => key.isWellFormed(), { error: 'it is not well-formed Unicode' })
  .refine(fitsKey, { error: `it is longer than ${MAX_KV_KEY_BYTES} bytes` });

/** A unit of UTF-16 takes at most three bytes, so short ones need not be encoded. */
function fitsKey(text: string): boolean {
  return text.length * 3 <= MAX_KV_KEY_BYTES || utf8.encode(text).length <= MAX_KV_KEY_BYTES;
}

/** Whether {@link KvKey} takes it. */
export function isKvKey(text: string): boolean {
  return text.length >= 1 && text.isWellFormed() && fitsKey(text);
}

/** The beginning of keys, literally; empty means all. */
export const KvPrefix = z
  .string()
  .refine((prefix) => prefix.isWellFormed(), { error: 'it is not well-formed Unicode' })
  .refine(fitsKey, { error: `it is longer than ${MAX_KV_KEY_BYTES} bytes` });

export const Consistency = z.enum(['one', 'quorum', 'all']);
/** Letters, digits and punctuation of ASCII, 1–128. */
export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must be 1 to 128 visible ASCII characters' });
/** Opaque: as the page before gave it. */
export const Cursor = z.string().regex(/^[\w-]{1,2048}$/, { error: 'must be the cursor of the page before' });

/** Who was asked, who answered what and after how many milliseconds. */
export const Explanation = z.object({
  slot: z.int(),
  /** All that hold the key by placement, asked or not. */
  replicas: z.array(z.string()),
  asked: z.array(z.string()),
  answered: z.array(z.object({ peerId: z.string(), ms: z.number(), result: z.string() })),
});
export type Explanation = z.output<typeof Explanation>;

export const KvReceipt = z.object({
  key: z.string(),
  /** Opaque; greater text is newer. */
  version: z.string(),
  /** Peer ids of those that have it on disk. */
  replicas: z.array(z.string()).min(1),
  /** How many they are; a write that nobody holds is an error, never an answer (T16). */
  durable: z.int().min(1),
  /** With `cas`: the version of what was replaced; null: nothing was there. */
  previous: z.string().nullable().optional(),
  explain: Explanation.optional(),
  /** With `receipt=signed`: what the replicas signed, to be verified offline. */
  receipt: SignedReceipt.optional(),
});
export type KvReceipt = z.output<typeof KvReceipt>;

/** What replicas say under their signatures that they hold, for who trusts no single node. */
export const KvAttestation = z.object({
  key: z.string(),
  version: z.string(),
  value: Blob64,
  expiresAt: Instant.optional(),
  /** Of a majority of the replicas, each at the time of the request. */
  receipt: SignedReceipt,
});
export type KvAttestation = z.output<typeof KvAttestation>;

export const KvList = z.object({
  /** In the order of their UTF-8 bytes. */
  keys: z.array(z.string()),
  /** Pass it for the next page; null: this was the last. */
  cursor: z.string().nullable(),
  /** With `partial=1`: slots that no majority answered for, whose keys may be missing. */
  missingSlots: z.array(z.int()).optional(),
});
export type KvList = z.output<typeof KvList>;

/** `plain`: version and replicas. `signed`: with the replicas' signatures. */
const receipt = z.enum(['plain', 'signed'], { error: 'must be plain or signed' });
const key = { key: KvKey };
/** Of a request to the namespace of agreed changes; without `cas=1` refused. */
const conditions = {
  /** Only if this version is there. */
  ifMatch: header('if-match', Etag.optional()),
  /** Only if nothing is there. */
  ifNoneMatch: header('if-none-match', z.literal('*').optional()),
};
const cas = { cas: flag().optional() };
const read = { consistency: header('x-p2pos-consistency', Consistency.optional()) };
const write = { idempotencyKey: header('idempotency-key', IdempotencyKey.optional()) };
const found = {
  version: header('etag', Etag),
  expiresAt: header('x-p2pos-expires-at', Instant.optional()),
  explain: header('x-p2pos-explain', jsonText(Explanation).optional()),
};
const invalid = { key: 'KV_KEY_INVALID' } as const;
const unavailable = ['RECORDS_QUORUM_LOST', 'STATE_UNCONFIGURED'] as const;

/** Visible ASCII; each holder has its own. */
const LockHolder = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, { error: 'must be 1 to 128 visible ASCII characters' });
const lockToken = integer(1, Number.MAX_SAFE_INTEGER);
const lockTtl = duration(1_000, 3_600_000);

export const KvLock = z.object({
  /** False: another holds it. */
  held: z.boolean(),
  /** Fencing token, greater than every earlier holder's; what the lock protects refuses smaller ones. */
  token: z.int().nullable(),
});
export type KvLock = z.output<typeof KvLock>;

export const kvRoutes = defineRoutes({
  put: {
    summary: 'Stores the body under the key; answered when a majority of its replicas have it on disk.',
    method: 'PUT',
    path: '/v1/kv/{key+}',
    grant: 'kv:write',
    subject: 'key',
    meter: 'storage',
    params: key,
    query: {
      ttlMs: parameter('ttl', duration(1, MAX_TTL_MS).optional()),
      explain: flag().optional(),
      ...cas,
      receipt: receipt.optional(),
    },
    headers: { ...write, ...conditions },
    body: bytesBody(MAX_KV_VALUE_BYTES, { tooLarge: 'KV_VALUE_TOO_LARGE' }),
    output: json(KvReceipt),
    errors: [
      'KV_KEY_INVALID',
      'KV_VALUE_TOO_LARGE',
      'CAS_CONDITION_FAILED',
      'IDEMPOTENCY_KEY_REUSED',
      'STORE_FULL',
      'VERSION_AHEAD',
      'RECEIPT_UNAVAILABLE',
      ...unavailable,
    ],
    invalid,
  },
  get: {
    summary: 'The bytes under the key.',
    method: 'GET',
    path: '/v1/kv/{key+}',
    grant: 'kv:read',
    subject: 'key',
    params: key,
    query: { explain: flag().optional(), ...cas },
    headers: read,
    output: bytes('application/octet-stream', found),
    errors: ['KV_KEY_INVALID', 'KV_KEY_NOT_FOUND', ...unavailable],
    invalid,
  },
  head: {
    summary: 'Whether there is something under the key, its version and size.',
    method: 'HEAD',
    path: '/v1/kv/{key+}',
    grant: 'kv:read',
    subject: 'key',
    params: key,
    query: { explain: flag().optional(), ...cas },
    headers: read,
    output: empty({ ...found, size: header('content-length', integer(0, MAX_KV_VALUE_BYTES)) }),
    errors: ['KV_KEY_INVALID', 'KV_KEY_NOT_FOUND', ...unavailable],
    invalid,
  },
  delete: {
    summary: 'Removes what is under the key; says whether there was something.',
    method: 'DELETE',
    path: '/v1/kv/{key+}',
    grant: 'kv:write',
    subject: 'key',
    params: key,
    query: { explain: flag().optional(), ...cas, receipt: receipt.optional() },
    headers: { ...write, ...conditions },
    output: json(KvReceipt.extend({ existed: z.boolean() })),
    errors: [
      'KV_KEY_INVALID',
      'CAS_CONDITION_FAILED',
      'IDEMPOTENCY_KEY_REUSED',
      'QUOTA_STORAGE',
      'STORE_FULL',
      'VERSION_AHEAD',
      'RECEIPT_UNAVAILABLE',
      ...unavailable,
    ],
    invalid,
  },
  list: {
    summary: 'Keys that begin with the prefix, in byte order, a page at a time.',
    method: 'GET',
    path: '/v1/kv',
    grant: 'kv:read',
    subject: 'prefix',
    query: {
      prefix: KvPrefix.optional(),
      /** Keys per page; the service's default is 100. */
      limit: integer(1, MAX_KV_LIST_LIMIT).optional(),
      cursor: Cursor.optional(),
      /** Answer what can be had and name the slots that are missing. */
      partial: flag().optional(),
      ...cas,
    },
    output: json(KvList),
    errors: ['KV_KEY_INVALID', 'KV_CURSOR_INVALID', ...unavailable],
    invalid: { prefix: 'KV_KEY_INVALID', cursor: 'KV_CURSOR_INVALID' },
  },
  attest: {
    summary: 'The bytes under the key with signatures of its replicas that these are the newest they hold.',
    method: 'GET',
    path: '/v1/kv-receipts/{key+}',
    grant: 'kv:read',
    subject: 'key',
    params: key,
    output: json(KvAttestation),
    errors: ['KV_KEY_INVALID', 'KV_KEY_NOT_FOUND', 'RECEIPT_UNAVAILABLE', ...unavailable],
    invalid,
  },
  lock: {
    summary: 'Takes a lock unless another holds it; a repeat by its holder answers the same token.',
    method: 'POST',
    path: '/v1/kv-locks/{key+}',
    grant: 'kv:write',
    subject: 'key',
    params: key,
    query: { holder: LockHolder, ttlMs: parameter('ttl', lockTtl) },
    output: json(KvLock),
    errors: ['KV_KEY_INVALID', 'QUOTA_STORAGE', ...unavailable],
    invalid,
    repeatable: true,
  },
  renewLock: {
    summary: 'Keeps a lock for another time to live; false: it is lost.',
    method: 'PUT',
    path: '/v1/kv-locks/{key+}',
    grant: 'kv:write',
    subject: 'key',
    params: key,
    query: { holder: LockHolder, token: lockToken, ttlMs: parameter('ttl', lockTtl) },
    output: json(z.object({ held: z.boolean() })),
    errors: ['KV_KEY_INVALID', ...unavailable],
    invalid,
    repeatable: true,
  },
  unlock: {
    summary: 'Gives a lock back; false: it was lost before.',
    method: 'DELETE',
    path: '/v1/kv-locks/{key+}',
    grant: 'kv:write',
    subject: 'key',
    params: key,
    query: { holder: LockHolder, token: lockToken },
    output: json(z.object({ released: z.boolean() })),
    errors: ['KV_KEY_INVALID', ...unavailable],
    invalid,
    repeatable: true,
  },
});

/** Opaque: as a watch gave it. */
export const WatchToken = z
  .string()
  .min(1)
  .max(65_536, { error: 'must be a token of a watch' })
  .regex(/^[\w-]+$/, { error: 'must be a token of a watch' });

/**
 * What is there comes first, without `from`; `synced` ends it. Then each change as it is made; of several to one key in
 * quick succession the newest may stand for all. Changes come at least once: an older version than one seen of the
 * same key, after a reconnect, is to be dropped. `compacted`: forget what came before, everything that is there follows up to
 * `synced`. A token stands for all events before it.
 */
export const kvStreams = defineStreams({
  kv: {
    summary: 'What is under the keys that begin with the prefix, and every change of it.',
    grant: 'kv:read',
    subject: 'prefix',
    input: {
      prefix: KvPrefix.optional(),
      /** Go on from there instead of beginning with what is there. */
      from: WatchToken.optional(),
      /** Keys of `kv-cas`. */
      cas: z.boolean().optional(),
    },
    opened: z.object({
      /** Null until everything that is there has been told. */
      token: z.string().nullable(),
    }),
    events: {
      change: z.object({
        key: z.string(),
        version: z.string(),
        deleted: z.boolean(),
        /** Unless it was deleted; in JSON `{"$blob": "base64"}`. */
        value: z.custom<Uint8Array>((value) => value instanceof Uint8Array).optional(),
        expiresAt: Instant.optional(),
        token: z.string().optional(),
      }),
      synced: z.object({ token: z.string() }),
      /** Nothing changed, but the token did. */
      progress: z.object({ token: z.string() }),
      compacted: z.looseObject({}),
    },
    errors: ['KV_KEY_INVALID', 'WATCH_TOKEN_INVALID', 'STATE_UNCONFIGURED', 'OVERLOADED', 'WATCH_LIMIT'],
  },
});
