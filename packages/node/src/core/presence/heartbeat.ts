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
import { MAX_HEARTBEAT_BYTES } from '@p2pos/protocol/rpc';
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
    store: z.strictObject({ storeId: textSchema(64, { min: 1 }), commits: integerSchema(0) }),
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

export interface HeartbeatReader {
  /** Names exact bytes, for finding copies without decoding them. */
  nameOf(document: Uint8Array): string;
  /** @throws P2posError DOCUMENT_MALFORMED; also for another system. The signature is not looked at. */
  decode(document: Uint8Array): SignedDocument<Heartbeat>;
  /** Its subject alone must have signed. @throws P2posError DOCUMENT_SIGNATURE */
  verify(document: SignedDocument<Heartbeat>): Promise<void>;
}

export function createHeartbeatReader(crypto: Crypto, systemId: string): HeartbeatReader {
  const malformed = (reason: string) =>
    new P2posError('DOCUMENT_MALFORMED', { kind: heartbeatDocument.name, reason });
  return {
    nameOf: (document) => Buffer.from(crypto.sha256(document)).toString('base64'),
    decode(bytes) {
      if (bytes.length > MAX_HEARTBEAT_BYTES)
        throw malformed(`it is longer than ${MAX_HEARTBEAT_BYTES} bytes`);
      const document = decodeDocument(heartbeatDocument, bytes, crypto);
      if (document.signatures.length !== 1) throw malformed('it has more than one signature');
      if (document.body.systemId !== systemId) throw malformed('it is of another system');
      return document;
    },
    verify: (document) =>
      requireThreshold(
        heartbeatDocument,
        document,
        { keys: [publicKeyFromPeerId(document.body.peerId)], threshold: 1 },
        crypto,
      ),
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
