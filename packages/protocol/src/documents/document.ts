/**
 * Signed documents: what carries authority in a system. The envelope is the deterministic CBOR map
 * {body: bytes, signatures: [{key, signature}]}, signatures in ascending order of distinct keys; each signature covers
 * `purpose ‖ 0x00 ‖ body`, so none made for one purpose is valid for another. The bytes are kept exactly as received, and
 * the hash is that of the body: signatures added later do not change it.
 *
 * @example
 * const Notice = defineDocument('p2pos/notice/1', z.strictObject({ text: textSchema(100) }), { maxBytes: 1_024 });
 * const { bytes } = await signDocument(Notice, { text: 'maintenance at noon' }, [signer], crypto);
 * const notice = decodeDocument(Notice, bytes, crypto); // at the other end
 * await requireThreshold(Notice, notice, { keys: [signer.publicKey], threshold: 1 }, crypto);
 */
import { z } from 'zod';
import { bytesSchema, publicKeySchema, signatureSchema } from '../contract/schema.ts';
import type { Crypto, Signer } from '../crypto.ts';
import { compareBytes, equalBytes } from '../encoding/bytes.ts';
import { decodeCanonical, encodeCbor } from '../encoding/cbor.ts';
import { P2posError } from '../errors/errors.ts';
import type { DocumentHash, PublicKey } from './bodies.ts';

/** Two sets of 32 keys sign a rotation. */
export const MAX_SIGNATURES = 64;
/** What the envelope adds at most: names, heads and 64 signatures. */
const ENVELOPE_BYTES = 64 + MAX_SIGNATURES * 128;
const PURPOSE = /^p2pos\/([a-z]+(?:-[a-z]+)*)\/[1-9]\d{0,3}$/;

export interface DocumentKind<T> {
  /** `p2pos/<name>/<major>`; another major is another kind. */
  readonly purpose: string;
  /** For error texts. */
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** Greatest body. */
  readonly maxBytes: number;
  /** Greatest envelope: what a transport or a file reader should admit. */
  readonly maxDocumentBytes: number;
  readonly refuse: Refusal | undefined;
}

/** Sees the decoded body before the schema, to refuse with a code of its own what is well-formed but not supported. */
export type Refusal = (body: unknown) => P2posError | undefined;

export interface DocumentSignature {
  readonly key: PublicKey;
  readonly signature: Uint8Array;
}

/** A document whose body was not read yet. */
export interface SealedDocument {
  /** The envelope, exactly as received. */
  readonly bytes: Uint8Array;
  readonly bodyBytes: Uint8Array;
  /** SHA-256 of `bodyBytes`: the document's name. */
  readonly hash: DocumentHash;
  /** By ascending key, each once; not verified. */
  readonly signatures: readonly DocumentSignature[];
}

export interface SignedDocument<T> extends SealedDocument {
  readonly body: T;
}

export interface DocumentOptions {
  /** Greatest body. */
  readonly maxBytes: number;
  readonly refuse?: Refusal;
}

export function defineDocument<T>(
  purpose: string,
  schema: z.ZodType<T>,
  { maxBytes, refuse }: DocumentOptions,
): DocumentKind<T> {
  const name = PURPOSE.exec(purpose)?.[1]?.replaceAll('-', ' ');
  if (!name) throw new TypeError(`${purpose} is no purpose such as p2pos/snapshot/1`);
  return { purpose, name, schema, maxBytes, maxDocumentBytes: maxBytes + ENVELOPE_BYTES, refuse };
}

const utf8 = new TextEncoder();

/** What a signature covers: `purpose ‖ 0x00 ‖ bytes`. Purposes hold no zero byte, so no two pairs share one input. */
export function signingInput(purpose: string, bytes: Uint8Array): Uint8Array {
  const prefix = utf8.encode(purpose);
  const input = new Uint8Array(prefix.length + 1 + bytes.length);
  input.set(prefix);
  input.set(bytes, prefix.length + 1);
  return input;
}

/** @throws P2posError DOCUMENT_MALFORMED where the body breaks its own rules. */
export async function signDocument<T>(
  kind: DocumentKind<T>,
  body: T,
  signers: readonly Signer[],
  crypto: Pick<Crypto, 'sha256'>,
): Promise<SignedDocument<T>> {
  const bodyBytes = encodeCbor(checkBody(kind, body));
  return envelop(kind, bodyBytes, await signAll(kind, bodyBytes, signers), crypto);
}

/** The same body with more signatures; one that a signer made before is replaced. For k of n by passing a file round. */
export async function addSignatures<T>(
  kind: DocumentKind<T>,
  document: SignedDocument<T>,
  signers: readonly Signer[],
  crypto: Pick<Crypto, 'sha256'>,
): Promise<SignedDocument<T>> {
  const added = await signAll(kind, document.bodyBytes, signers);
  const kept = document.signatures.filter(({ key }) => !added.some((one) => equalBytes(one.key, key)));
  return envelop(kind, document.bodyBytes, [...kept, ...added], crypto);
}

/** Joins copies of one document that were signed apart; signatures that do not verify are left out. */
export async function mergeSignatures<T>(
  kind: DocumentKind<T>,
  documents: readonly SignedDocument<T>[],
  crypto: Crypto,
): Promise<SignedDocument<T>> {
  const [first, ...others] = documents;
  if (!first || !others.every(({ hash }) => equalBytes(hash, first.hash))) {
    throw new P2posError('BAD_REQUEST', { reason: `These are not copies of one ${kind.name} document.` });
  }
  const merged: DocumentSignature[] = [];
  for (const document of documents) {
    for (const key of await verifiedKeys(kind, document, crypto)) {
      const signature = document.signatures.find((one) => one.key === key);
      if (signature && !merged.some((one) => equalBytes(one.key, key))) merged.push(signature);
    }
  }
  return envelop(kind, first.bodyBytes, merged, crypto);
}

const Envelope = z.strictObject({
  body: bytesSchema({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  signatures: z
    .array(z.strictObject({ key: publicKeySchema, signature: signatureSchema }))
    .min(1, { error: 'must hold a signature' })
    .max(MAX_SIGNATURES, { error: `must hold at most ${MAX_SIGNATURES} signatures` }),
});

/**
 * Reads a document from untrusted bytes: size, one encoding, schema and the rules of its kind. Signatures are not
 * verified here: who must have signed is the caller's to know.
 *
 * @throws P2posError DOCUMENT_MALFORMED, or what the kind refuses with a code of its own
 */
export function decodeDocument<T>(
  kind: DocumentKind<T>,
  bytes: Uint8Array,
  crypto: Pick<Crypto, 'sha256'>,
): SignedDocument<T> {
  return readDocument(kind, openEnvelope(kind, bytes, crypto));
}

/**
 * The envelope alone, at little cost: who is said to have signed, so that what nobody signed who may is refused before its
 * body is read.
 *
 * @throws P2posError DOCUMENT_MALFORMED
 */
export function openEnvelope(
  kind: Pick<DocumentKind<unknown>, 'name' | 'maxDocumentBytes'>,
  bytes: Uint8Array,
  crypto: Pick<Crypto, 'sha256'>,
): SealedDocument {
  const envelope = decodeCanonical(bytes, { maxBytes: kind.maxDocumentBytes, kind: kind.name });
  const { body: bodyBytes, signatures } = parse(kind.name, Envelope, envelope);
  signatures.forEach(({ key }, index) => {
    const before = signatures[index - 1];
    if (before && compareBytes(before.key, key) >= 0) {
      throw malformed(kind.name, 'its signatures are not in ascending order of distinct keys');
    }
  });
  return { bytes: new Uint8Array(bytes), bodyBytes, hash: crypto.sha256(bodyBytes), signatures };
}

/** @throws P2posError DOCUMENT_MALFORMED, or what the kind refuses with a code of its own */
export function readDocument<T>(kind: DocumentKind<T>, sealed: SealedDocument): SignedDocument<T> {
  const { maxBytes, name } = kind;
  return { ...sealed, body: checkBody(kind, decodeCanonical(sealed.bodyBytes, { maxBytes, kind: name })) };
}

/**
 * The distinct keys whose signatures are valid, in ascending order: the same arrays as in `document.signatures`.
 *
 * @param among When given, other keys' signatures are not even tried.
 */
export async function verifiedKeys<T>(
  kind: Pick<DocumentKind<T>, 'purpose'>,
  document: SealedDocument,
  crypto: Pick<Crypto, 'verify'>,
  among?: readonly PublicKey[],
): Promise<PublicKey[]> {
  const input = signingInput(kind.purpose, document.bodyBytes);
  const tried = among
    ? document.signatures.filter(({ key }) => among.some((one) => equalBytes(one, key)))
    : document.signatures;
  const valid = await Promise.all(tried.map(({ key, signature }) => crypto.verify(key, input, signature)));
  return tried.filter((_, index) => valid[index] === true).map(({ key }) => key);
}

/**
 * Resolves when at least `threshold` distinct ones of `keys` signed. Refuses a threshold below 1, so an empty set of
 * keys never authorises anything (T4).
 *
 * @throws P2posError DOCUMENT_SIGNATURE
 */
export async function requireThreshold<T>(
  kind: DocumentKind<T>,
  document: SignedDocument<T>,
  { keys, threshold }: { readonly keys: readonly PublicKey[]; readonly threshold: number },
  crypto: Pick<Crypto, 'verify'>,
): Promise<void> {
  const refuse = (reason: string) => new P2posError('DOCUMENT_SIGNATURE', { kind: kind.name, reason });
  if (!Number.isSafeInteger(threshold) || threshold < 1) throw refuse('nobody is named who may sign it');
  const { length } = await verifiedKeys(kind, document, crypto, keys);
  if (length >= threshold) return;
  throw refuse(`${length} of the ${threshold} valid signatures that it needs are there`);
}

function envelop<T>(
  kind: DocumentKind<T>,
  body: Uint8Array,
  signatures: readonly DocumentSignature[],
  crypto: Pick<Crypto, 'sha256'>,
): SignedDocument<T> {
  const sorted = signatures.toSorted((a, b) => compareBytes(a.key, b.key));
  return decodeDocument(kind, encodeCbor({ body, signatures: sorted }), crypto);
}

function signAll<T>(
  kind: DocumentKind<T>,
  body: Uint8Array,
  signers: readonly Signer[],
): Promise<DocumentSignature[]> {
  const input = signingInput(kind.purpose, body);
  return Promise.all(
    signers.map(async (signer) => ({ key: signer.publicKey, signature: await signer.sign(input) })),
  );
}

function checkBody<T>(kind: DocumentKind<T>, body: unknown): T {
  const refusal = kind.refuse?.(body);
  if (refusal) throw refusal;
  return parse(kind.name, kind.schema, body);
}

function parse<T>(kind: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.join('.');
  throw malformed(
    kind,
    `${place ? `${place}: ` : ''}${issue?.message ?? 'it breaks its schema'}`.slice(0, 200),
  );
}

function malformed(kind: string, reason: string): P2posError {
  return new P2posError('DOCUMENT_MALFORMED', { kind, reason });
}
