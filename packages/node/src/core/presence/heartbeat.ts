/** The heartbeat as a signed document: its form, its bounds, and who must have signed it. */
import {
  addressSchema,
  type Crypto,
  type DocumentKind,
  decodeDocument,
  defineDocument,
  hexHashSchema,
  integerSchema,
  P2posError,
  parseTimestamp,
  peerIdSchema,
  publicKeyFromPeerId,
  requireThreshold,
  type SignedDocument,
  type Signer,
  signDocument,
  systemIdSchema,
  textSchema,
  timestampSchema,
} from '@p2pos/protocol';
import { MAX_HEARTBEAT_BYTES, storePositionSchema } from '@p2pos/protocol/rpc';
import { z } from 'zod';
import type { Heartbeat } from './port.ts';

/** Addresses that one node gives itself. */
export const MAX_ADDRESSES = 8;

const share = z.number().min(0).max(1);

export const heartbeatDocument: DocumentKind<Heartbeat> = defineDocument<Heartbeat>(
  'p2pos/heartbeat/1',
  z.strictObject({
    systemId: systemIdSchema,
    peerId: peerIdSchema,
    incarnation: integerSchema(1),
    seq: integerSchema(1),
    at: timestampSchema,
    state: z.enum(['unconfigured', 'degraded', 'healthy']),
    load: share,
    disk: z.strictObject({ usedBytes: integerSchema(0), freeBytes: integerSchema(0) }),
    store: storePositionSchema,
    heads: z.strictObject({
      epoch: integerSchema(0),
      snapshot: hexHashSchema,
      revocations: hexHashSchema,
      keys: hexHashSchema,
    }),
    addresses: z.array(addressSchema).max(MAX_ADDRESSES),
    version: textSchema(64),
  }),
  { maxBytes: MAX_HEARTBEAT_BYTES },
);

/** One that was read; whether its subject signed it is another question. */
export interface ReadHeartbeat {
  /** Of exactly these bytes. */
  readonly name: string;
  readonly heartbeat: Heartbeat;
  readonly document: Uint8Array;
  /** Its date, ms. */
  readonly at: number;
}

export interface HeartbeatReader {
  /** Names exact bytes, for finding copies without decoding them. */
  nameOf(document: Uint8Array): string;
  /** @throws P2posError DOCUMENT_MALFORMED; also for another system. The signature is not looked at. */
  read(document: Uint8Array): ReadHeartbeat;
  /** Its subject alone must have signed; undefined: known to be so. @throws P2posError DOCUMENT_SIGNATURE */
  verify(read: ReadHeartbeat): Promise<void> | undefined;
}

/** 96 bits: nobody finds a second document of a given name. */
const NAME_BYTES = 12;
/** As base64. */
export const NAME_LENGTH = 16;

export function createHeartbeatReader(crypto: Crypto, systemId: string): HeartbeatReader {
  const signed = new WeakMap<ReadHeartbeat, SignedDocument<Heartbeat>>();
  const malformed = (reason: string) =>
    new P2posError('DOCUMENT_MALFORMED', { kind: heartbeatDocument.name, reason });
  const nameOf = (document: Uint8Array) =>
    Buffer.from(crypto.sha256(document)).toString('base64', 0, NAME_BYTES);
  return {
    nameOf,
    read(bytes) {
      if (bytes.length > MAX_HEARTBEAT_BYTES)
        throw malformed(`it is longer than ${MAX_HEARTBEAT_BYTES} bytes`);
      const document = decodeDocument(heartbeatDocument, bytes, crypto);
      const { body } = document;
      if (document.signatures.length !== 1) throw malformed('it has more than one signature');
      if (body.systemId !== systemId) throw malformed('it is of another system');
      const read = {
        name: nameOf(bytes),
        heartbeat: body,
        document: document.bytes,
        at: parseTimestamp(body.at),
      };
      signed.set(read, document);
      return read;
    },
    async verify(read) {
      const document = signed.get(read);
      if (!document) throw malformed('it was not read here');
      await requireThreshold(
        heartbeatDocument,
        document,
        { keys: [publicKeyFromPeerId(read.heartbeat.peerId)], threshold: 1 },
        crypto,
      );
    },
  };
}

/** The signed bytes. */
export async function sealHeartbeat(
  heartbeat: Heartbeat,
  signer: Signer,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<Uint8Array> {
  return (await signDocument(heartbeatDocument, heartbeat, [signer], crypto)).bytes;
}
