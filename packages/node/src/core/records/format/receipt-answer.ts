/** What a replica states about a record for a receipt. */
import { bytesSchema, integerSchema, MAX_HEADER_BYTES, signatureSchema } from '@p2pos/protocol';
import { z } from 'zod';
import { MAX_PROOF_BYTES } from './record.ts';

/** Records under one statement. */
const MAX_STATED = 256;

/** `signed`: held on disk in that very version, with the replica's statement · `replaced`: by a newer one · `absent` */
export type ReceiptAnswer =
  | { readonly result: 'replaced' | 'absent' }
  | {
      readonly result: 'signed';
      readonly header: Uint8Array;
      readonly at: number;
      readonly size: number;
      readonly index: number;
      readonly path: Uint8Array;
      readonly signature: Uint8Array;
    };

export const receiptAnswer = z.discriminatedUnion('result', [
  z.strictObject({ result: z.literal(['replaced', 'absent']) }),
  z.strictObject({
    result: z.literal('signed'),
    header: bytesSchema({ max: MAX_HEADER_BYTES }),
    at: integerSchema(0, Number.MAX_SAFE_INTEGER),
    size: integerSchema(1, MAX_STATED),
    index: integerSchema(0, MAX_STATED - 1),
    path: bytesSchema({ max: MAX_PROOF_BYTES }),
    signature: signatureSchema,
  }),
]);
