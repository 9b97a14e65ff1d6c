/**
 * A receipt: the statements of replicas that they hold a record on disk as the newest of its key. Each signs
 * `p2pos/receipt/1` ‖ 0x00 ‖ canonical {at, root, size, systemId} over the Merkle root of all headers that it was
 * asked about together; the path leads from this record's header to that root. Verified offline, against a snapshot.
 *
 * @example
 * const { version, peerIds } = await verifyReceipt(receipt, { systemId, members, key, value }, crypto);
 */
import { z } from 'zod';
import { Blob64 } from './contract/values.ts';
import type { Crypto, Signer } from './crypto.ts';
import type { Member } from './documents/bodies.ts';
import { signingInput } from './documents/document.ts';
import { equalBytes } from './encoding/bytes.ts';
import { encodeCbor } from './encoding/cbor.ts';
import { isP2posError, P2posError } from './errors/errors.ts';
import { buildTree, foldPath, HASH_BYTES, leafHash } from './merkle.ts';
import { publicKeyFromPeerId } from './peer-id.ts';
import { decodeHeader, MAX_HEADER_BYTES, type RecordHeader } from './record-header.ts';
import { readRegisterState } from './register-state.ts';

const PURPOSE = 'p2pos/receipt/1';
/** Headers under one signature. */
export const MAX_RECEIPT_HEADERS = 256;
const MAX_PATH_BYTES = 8 * HASH_BYTES;
/** Namespaces whose records are registers: a receipt of one brings its state. */
const REGISTERS = '/kv-cas';

const time = z.int().min(0);

/** `at`: when it was signed by the replica's clock, ms since the epoch. */
export const Statement = z.object({
  peerId: z.string().max(64),
  at: time,
  size: z.int().min(1).max(MAX_RECEIPT_HEADERS),
  index: z.int().min(0),
  path: Blob64,
  signature: Blob64,
});
export type Statement = z.output<typeof Statement>;

export const SignedReceipt = z.object({
  systemId: z.string().max(64),
  /** Of the snapshot by which the replicas were chosen. */
  epoch: z.int().min(1),
  /** The record's header, canonical CBOR: namespace, key, version, expiry, hash of the value. */
  header: Blob64,
  /** Of a register: what its record holds, which names the version and the value that were agreed on. */
  state: Blob64.optional(),
  statements: z.array(Statement).max(64),
});
export type SignedReceipt = z.output<typeof SignedReceipt>;

interface Batch {
  readonly systemId: string;
  readonly at: number;
}

function signedBytes({ systemId, at }: Batch, root: Uint8Array, size: number): Uint8Array {
  return signingInput(PURPOSE, encodeCbor({ at, root, size, systemId }));
}

/** One signature for 1 to {@link MAX_RECEIPT_HEADERS} headers; a statement for each, in their order. */
export async function signStatements(
  headers: readonly Uint8Array[],
  batch: Batch,
  {
    peerId,
    signer,
    crypto,
  }: { readonly peerId: string; readonly signer: Signer; readonly crypto: Pick<Crypto, 'sha256'> },
): Promise<Statement[]> {
  const size = headers.length;
  const tree = buildTree(
    crypto,
    headers.map((header) => leafHash(crypto, header)),
  );
  const signature = await signer.sign(signedBytes(batch, tree.root, size));
  return headers.map((_, index) => ({
    peerId,
    at: batch.at,
    size,
    index,
    path: tree.path(index),
    signature,
  }));
}

/** Whether the peer that it names made this statement about the header. */
export async function verifyStatement(
  header: Uint8Array,
  { peerId, at, size, index, path, signature }: Statement,
  systemId: string,
  crypto: Crypto,
): Promise<'valid' | 'path' | 'signature'> {
  if (path.length > MAX_PATH_BYTES || signature.length !== 64) return 'path';
  const root = foldPath(crypto, leafHash(crypto, header), { index, size, path });
  if (!root) return 'path';
  const signed = signedBytes({ systemId, at }, root, size);
  return (await crypto.verify(publicKeyFromPeerId(peerId), signed, signature)) ? 'valid' : 'signature';
}

export interface ReceiptClaim {
  /** Of the genesis that the verifier trusts. */
  readonly systemId: string;
  /** Of a snapshot that the verifier trusts. */
  readonly members: readonly Pick<Member, 'peerId' | 'capabilities'>[];
  readonly epoch: number;
  /** How many replicas must have signed. Default 2: a majority of 3. */
  readonly needed?: number;
  /** When given: it is a receipt for this key, namespace, version, value (null: for its deletion). */
  readonly namespace?: string;
  readonly key?: Uint8Array;
  readonly version?: string;
  readonly value?: Uint8Array | null;
}

export interface VerifiedReceipt {
  readonly record: RecordHeader;
  /** As the write was answered; of a register not that of its record. */
  readonly version: string;
  /** Of the value; undefined: deleted. */
  readonly bytes: number | undefined;
  /** Who signed, each once. */
  readonly peerIds: readonly string[];
  /** The earliest and the latest time at which they signed, ms. */
  readonly from: number;
  readonly to: number;
}

/** @throws P2posError RECEIPT_REFUSED with the reason */
export async function verifyReceipt(
  receipt: SignedReceipt,
  claim: ReceiptClaim,
  crypto: Crypto,
): Promise<VerifiedReceipt> {
  const { systemId, members, needed = 2 } = claim;
  if (receipt.systemId !== systemId)
    throw refused(`it is of the system ${receipt.systemId}, not of ${systemId}`);
  const record = readHeader(receipt.header);
  const held = heldBy(record, receipt.state, crypto);
  checkClaim(record, held, claim);
  const signed = new Set<string>();
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const statement of receipt.statements) {
    const { peerId, at } = statement;
    const member = members.find((one) => one.peerId === peerId);
    if (!member)
      throw refused(
        `${peerId} is no member in snapshot ${claim.epoch}${receipt.epoch === claim.epoch ? '' : `; the receipt was given under snapshot ${receipt.epoch}, verify it against that one`}`,
      );
    if (!member.capabilities.includes('storage'))
      throw refused(`${peerId} is a member that holds no records`);
    if (signed.has(peerId)) throw refused(`${peerId} is in it twice`);
    const verdict = await verifyStatement(receipt.header, statement, systemId, crypto);
    if (verdict === 'path')
      throw refused(`the path of ${peerId} does not lead from this record to what was signed`);
    if (verdict === 'signature')
      throw refused(`the signature of ${peerId} is not for this record in this system at this time`);
    signed.add(peerId);
    from = Math.min(from, at);
    to = Math.max(to, at);
  }
  if (signed.size < needed) throw refused(`${signed.size} replicas signed it, ${needed} are needed`);
  return { record, version: held.version, bytes: held.bytes, peerIds: [...signed], from, to };
}

interface Held {
  readonly version: string;
  /** Undefined: deleted. */
  readonly bytes: number | undefined;
  isValue(value: Uint8Array): boolean;
}

function heldBy(record: RecordHeader, state: Uint8Array | undefined, crypto: Crypto): Held {
  const { version, value: signed } = record;
  const isSigned = (bytes: Uint8Array) =>
    signed?.bytes === bytes.length && equalBytes(crypto.sha256(bytes), signed.hash);
  // Elsewhere a value that only looks like a state could be passed off as one.
  if ((state !== undefined) !== record.namespace.endsWith(REGISTERS))
    throw refused(state ? 'it holds a state and is of no register' : 'the state of its register is missing');
  if (!state) return { version, bytes: signed?.bytes, isValue: isSigned };
  if (!isSigned(state)) throw refused('the state in it is not the one that was signed');
  try {
    const content = readRegisterState(state);
    const isValue = (value: Uint8Array) => content.value !== null && equalBytes(content.value, value);
    return { version: content.version, bytes: content.value?.length, isValue };
  } catch (error) {
    if (!isP2posError(error)) throw error;
    throw refused('the state in it cannot be read');
  }
}

function checkClaim(record: RecordHeader, held: Held, claim: ReceiptClaim): void {
  const { namespace, key, version, value } = claim;
  if (namespace !== undefined && record.namespace !== namespace)
    throw refused(`it is for ${record.namespace}, not for ${namespace}`);
  if (key && !equalBytes(record.key, key)) throw refused('it is for another key');
  if (version !== undefined && held.version !== version)
    throw refused(`it is for version ${held.version}, not for ${version}`);
  if (value === undefined) return;
  if (value === null) {
    if (held.bytes !== undefined) throw refused('it is for a value, not for a deletion');
    return;
  }
  if (held.bytes === undefined) throw refused('it is for a deletion, not for a value');
  if (!held.isValue(value)) throw refused('it is for another value');
}

function readHeader(header: Uint8Array): RecordHeader {
  try {
    if (header.length <= MAX_HEADER_BYTES) return decodeHeader(header);
  } catch (error) {
    if (!isP2posError(error)) throw error;
  }
  throw refused('what it says of the record cannot be read');
}

function refused(reason: string): P2posError {
  return new P2posError('RECEIPT_REFUSED', { reason });
}
