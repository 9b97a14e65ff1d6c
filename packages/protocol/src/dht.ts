/**
 * What nodes agree on about the distributed hash table: ids, keys and signed entries. Ids and keys share one space of
 * 256 bits and the XOR metric (Maymounkov, Mazières: Kademlia, 2002). A key follows from what lies under it, so a value
 * can lie under no other key than its own: `content` under its hash, `own` under its author's key and its name, `shared`
 * under its topic, where each author keeps entries of its own.
 *
 * @example
 * const entry = await signDhtEntry({ systemId, kind: 'shared', author, topic: 'mirrors', entry: '', … }, signer, crypto);
 * const { body } = await verifyDhtEntry(entry, systemId, crypto); // at whoever stores or reads it
 * dhtKeyOf(body, crypto); // where it lies
 */
import { z } from 'zod';
import {
  addressSchema,
  bytesSchema,
  checked,
  hash32Schema,
  integerSchema,
  isAddress,
  peerIdSchema,
  systemIdSchema,
  textSchema,
  timestampSchema,
} from './contract/schema.ts';
import type { Crypto, Signer } from './crypto.ts';
import type { SystemId, Timestamp } from './documents/bodies.ts';
import {
  type DocumentKind,
  decodeDocument,
  defineDocument,
  requireThreshold,
  type SignedDocument,
  signDocument,
} from './documents/document.ts';
import { concatBytes } from './encoding/bytes.ts';
import { P2posError } from './errors/errors.ts';
import { isPeerId, publicKeyFromPeerId } from './peer-id.ts';

/** Contacts in an answer, and nodes that keep a value. */
export const DHT_K = 20;
/** Addresses of one contact. */
export const MAX_CONTACT_ADDRESSES = 8;
/** Of a `content` or `own` value. */
export const MAX_DHT_VALUE_BYTES = 4_096;
/** Of a `shared` one: many lie under one key. */
export const MAX_DHT_SHARED_BYTES = 1_536;
/** Values in one answer. */
export const MAX_DHT_VALUES = 32;
/** From when an entry was made to when it ends. */
export const MAX_DHT_TTL_MS = 25 * 3_600_000;

const MAX_TOPIC_LENGTH = 256;
const MAX_ENTRY_LENGTH = 64;
/** Of an entry's body: the greatest value and what names it. */
const MAX_ENTRY_BYTES = MAX_DHT_VALUE_BYTES + 1_536;

export interface DhtEntry {
  readonly systemId: SystemId;
  /** `own`: the author alone writes under this key. `shared`: each author has entries of its own under it. */
  readonly kind: 'own' | 'shared';
  /** Who signs. */
  readonly author: string;
  readonly topic: string;
  /** Tells the author's entries under one topic apart; empty for `own`. */
  readonly entry: string;
  /** The greater one of the same author, topic and entry replaces the other. */
  readonly seq: number;
  readonly issuedAt: Timestamp;
  /** At most 25 h after `issuedAt`. */
  readonly expiresAt: Timestamp;
  readonly value: Uint8Array;
}

export const dhtEntryDocument: DocumentKind<DhtEntry> = defineDocument<DhtEntry>(
  'p2pos/dht-entry/1',
  z
    .strictObject({
      systemId: systemIdSchema,
      kind: z.enum(['own', 'shared']),
      author: peerIdSchema,
      topic: textSchema(MAX_TOPIC_LENGTH, { min: 1 }),
      entry: textSchema(MAX_ENTRY_LENGTH),
      seq: integerSchema(1),
      issuedAt: timestampSchema,
      expiresAt: timestampSchema,
      value: bytesSchema({ max: MAX_DHT_VALUE_BYTES }),
    })
    .refine(({ kind, entry }) => kind === 'shared' || entry === '', { error: 'an own entry has one name' })
    .refine(({ kind, value }) => kind === 'own' || value.length <= MAX_DHT_SHARED_BYTES, {
      error: `a shared value has at most ${MAX_DHT_SHARED_BYTES} bytes`,
    }),
  { maxBytes: MAX_ENTRY_BYTES },
);

/** A signed entry on the wire: its body and one signature. */
export const MAX_DHT_ENTRY_BYTES = MAX_ENTRY_BYTES + 192;

/** Who is where; addresses need not end in the peer id. */
export interface DhtContact {
  readonly peerId: string;
  readonly addresses: readonly string[];
}

/** `content`: the value itself; `signed`: an entry with its signature. */
export const DhtValueBody = z.strictObject({
  kind: z.enum(['content', 'signed']),
  bytes: bytesSchema({ min: 1, max: MAX_DHT_ENTRY_BYTES }),
});
export type DhtValueBody = z.output<typeof DhtValueBody>;

/** Where the caller listens; none: it cannot be called, so nobody need remember it. */
const addresses = z.array(addressSchema).max(MAX_CONTACT_ADDRESSES);
const closer = checked<readonly DhtContact[]>(
  isContacts,
  `must be at most ${DHT_K} contacts of a peer id and at most ${MAX_CONTACT_ADDRESSES} addresses`,
);

/** By hand: every answer of a search holds twenty of them. */
function isContacts(value: unknown): boolean {
  return Array.isArray(value) && value.length <= DHT_K && value.every(isContact);
}

function isContact(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { peerId, addresses, ...others } = value as { readonly [key: string]: unknown };
  if (!isPeerId(peerId) || !Array.isArray(addresses) || addresses.length > MAX_CONTACT_ADDRESSES)
    return false;
  for (const _ in others) return false;
  return addresses.every(isAddress);
}

/** Bodies of the calls of `/p2pos/kad/1.0.0`. */
export const kadBodies = {
  ping: { input: z.strictObject({ addresses }), output: z.strictObject({}) },
  findNode: {
    input: z.strictObject({ addresses, target: hash32Schema }),
    /** Those that the callee knows closest to the target, the closest first; neither caller nor callee. */
    output: z.strictObject({ closer }),
  },
  findValue: {
    input: z.strictObject({ addresses, key: hash32Schema }),
    output: z.strictObject({ closer, values: z.array(DhtValueBody).max(MAX_DHT_VALUES) }),
  },
  store: {
    input: z.strictObject({ addresses, value: DhtValueBody }),
    output: z.strictObject({}),
  },
} as const;

const utf8 = new TextEncoder();

/** SHA-256 of the raw public key. */
export function nodeIdOf(peerId: string, crypto: Pick<Crypto, 'sha256'>): Uint8Array {
  return crypto.sha256(publicKeyFromPeerId(peerId));
}

/** The key of bytes that are found by what they are. */
export function contentKeyOf(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): Uint8Array {
  return crypto.sha256(bytes);
}

/** `purpose ‖ 0x00 ‖ [public key] ‖ topic`, hashed: no two kinds share an input. */
export function dhtKeyOf(
  entry: Pick<DhtEntry, 'kind' | 'author' | 'topic'>,
  crypto: Pick<Crypto, 'sha256'>,
): Uint8Array {
  const topic = utf8.encode(entry.topic);
  if (entry.kind === 'shared') return crypto.sha256(concatBytes(utf8.encode('p2pos/dht-shared/1\0'), topic));
  const author = publicKeyFromPeerId(entry.author);
  return crypto.sha256(concatBytes(utf8.encode('p2pos/dht-own/1\0'), author, topic));
}

/** The bytes that are stored. @throws P2posError DOCUMENT_MALFORMED where the entry breaks its own rules */
export async function signDhtEntry(
  entry: DhtEntry,
  signer: Signer,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<Uint8Array> {
  return (await signDocument(dhtEntryDocument, entry, [signer], crypto)).bytes;
}

/**
 * Of this system, signed by its author and nobody else. Dates are the caller's to judge.
 *
 * @throws P2posError DHT_VALUE_REFUSED
 */
export async function verifyDhtEntry(
  bytes: Uint8Array,
  systemId: string,
  crypto: Crypto,
): Promise<SignedDocument<DhtEntry>> {
  const refuse = (reason: string, cause?: unknown) =>
    new P2posError('DHT_VALUE_REFUSED', { reason }, { cause });
  if (bytes.length > MAX_DHT_ENTRY_BYTES) throw refuse(`it is longer than ${MAX_DHT_ENTRY_BYTES} bytes`);
  try {
    const document = decodeDocument(dhtEntryDocument, bytes, crypto);
    if (document.signatures.length !== 1) throw refuse('it has more than one signature');
    if (document.body.systemId !== systemId) throw refuse('it is of another system');
    const keys = [publicKeyFromPeerId(document.body.author)];
    await requireThreshold(dhtEntryDocument, document, { keys, threshold: 1 }, crypto);
    return document;
  } catch (error) {
    if (error instanceof P2posError && error.code !== 'DHT_VALUE_REFUSED') throw refuse(error.message, error);
    throw error;
  }
}
