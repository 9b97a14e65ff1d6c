/**
 * A receipt of delivery: the statements of nodes that a published message reached them, for so many of their clients. Each
 * signs `p2pos/delivery/1` ‖ 0x00 ‖ canonical {at, clients, header, systemId}; the header names the message and the hash
 * of its data. Verified offline, against a snapshot.
 *
 * @example
 * const { message, peerIds } = await verifyDelivery(receipt, { systemId, members, epoch, data }, crypto);
 */
import { z } from 'zod';
import { Blob64 } from './contract/values.ts';
import type { Crypto, Signer } from './crypto.ts';
import type { Member } from './documents/bodies.ts';
import { signingInput } from './documents/document.ts';
import { equalBytes } from './encoding/bytes.ts';
import { decodeCanonical, encodeCbor } from './encoding/cbor.ts';
import { isP2posError, P2posError } from './errors/errors.ts';
import { isPeerId, publicKeyFromPeerId } from './peer-id.ts';

const PURPOSE = 'p2pos/delivery/1';
const MAX_HEADER_BYTES = 2_048;

export interface DeliveryHeader {
  readonly app: string;
  readonly topic: string;
  readonly publisher: string;
  readonly incarnation: number;
  readonly seq: number;
  /** By the publisher's clock, ms. */
  readonly at: number;
  readonly hash: Uint8Array;
  readonly bytes: number;
}

/** `at`: when it was signed by the receiver's clock, ms. */
export const DeliveryStatement = z.object({
  peerId: z.string().max(64),
  at: z.int().min(0),
  clients: z.int().min(0),
  signature: Blob64,
});
export type DeliveryStatement = z.output<typeof DeliveryStatement>;

export const DeliveryReceipt = z.object({
  systemId: z.string().max(64),
  /** Canonical CBOR: app, topic, publisher, incarnation, seq, at, hash and length of the data. */
  delivery: Blob64,
  statements: z.array(DeliveryStatement).max(1_024),
});
export type DeliveryReceipt = z.output<typeof DeliveryReceipt>;

export function encodeDelivery({
  app,
  topic,
  publisher,
  incarnation,
  seq,
  at,
  hash,
  bytes,
}: DeliveryHeader): Uint8Array {
  return encodeCbor({ app, topic, publisher, incarnation, seq, at, hash, bytes });
}

interface Signed {
  readonly systemId: string;
  readonly at: number;
  readonly clients: number;
}

function signedBytes(header: Uint8Array, { systemId, at, clients }: Signed): Uint8Array {
  return signingInput(PURPOSE, encodeCbor({ at, clients, header, systemId }));
}

export async function signDelivery(
  header: DeliveryHeader,
  signed: Signed,
  { peerId, signer }: { readonly peerId: string; readonly signer: Signer },
): Promise<DeliveryStatement> {
  const signature = await signer.sign(signedBytes(encodeDelivery(header), signed));
  return { peerId, at: signed.at, clients: signed.clients, signature };
}

export interface DeliveryClaim {
  /** Of the genesis that the verifier trusts. */
  readonly systemId: string;
  /** Of a snapshot that the verifier trusts. */
  readonly members: readonly Pick<Member, 'peerId'>[];
  readonly epoch: number;
  /** When given: it is a receipt for this topic, this data. */
  readonly topic?: string;
  readonly data?: Uint8Array;
}

export interface VerifiedDelivery {
  readonly message: DeliveryHeader;
  /** Who signed, each once, and for how many clients. */
  readonly peerIds: readonly string[];
  readonly clients: number;
  readonly from: number;
  readonly to: number;
}

/** @throws P2posError RECEIPT_REFUSED with the reason */
export async function verifyDelivery(
  { systemId, delivery, statements }: DeliveryReceipt,
  claim: DeliveryClaim,
  crypto: Crypto,
): Promise<VerifiedDelivery> {
  if (systemId !== claim.systemId) throw refused(`it is of the system ${systemId}, not of ${claim.systemId}`);
  const message = readHeader(delivery);
  const { topic, data } = claim;
  if (topic !== undefined && message.topic !== topic)
    throw refused(`it is for ${message.topic}, not for ${topic}`);
  if (data && (message.bytes !== data.length || !equalBytes(crypto.sha256(data), message.hash)))
    throw refused('it is for another message');
  const peerIds: string[] = [];
  let clients = 0;
  for (const statement of statements) {
    const { peerId, signature } = statement;
    if (!claim.members.some((member) => member.peerId === peerId))
      throw refused(`${peerId} is no member in snapshot ${claim.epoch}`);
    if (peerIds.includes(peerId)) throw refused(`${peerId} is in it twice`);
    const bytes = signedBytes(delivery, { systemId, ...statement });
    const valid =
      signature.length === 64 && (await crypto.verify(publicKeyFromPeerId(peerId), bytes, signature));
    if (!valid)
      throw refused(`the signature of ${peerId} is not for this message in this system at this time`);
    peerIds.push(peerId);
    clients += statement.clients;
  }
  if (peerIds.length === 0) throw refused('nobody signed it');
  const times = statements.map(({ at }) => at);
  return { message, peerIds, clients, from: Math.min(...times), to: Math.max(...times) };
}

function readHeader(bytes: Uint8Array): DeliveryHeader {
  try {
    const header = decodeCanonical(bytes, { maxBytes: MAX_HEADER_BYTES, kind: 'receipt' }) as DeliveryHeader;
    const numbers = [header.incarnation, header.seq, header.at, header.bytes];
    const texts = typeof header.app === 'string' && typeof header.topic === 'string';
    const whole = numbers.every((one) => Number.isSafeInteger(one) && one >= 0);
    if (texts && whole && isPeerId(header.publisher) && header.hash.length === 32) return header;
  } catch (error) {
    if (!isP2posError(error) && !(error instanceof TypeError)) throw error;
  }
  throw refused('what it says of the message cannot be read');
}

function refused(reason: string): P2posError {
  return new P2posError('RECEIPT_REFUSED', { reason });
}
