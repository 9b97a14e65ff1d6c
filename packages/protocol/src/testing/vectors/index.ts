/** The golden vectors as values: `vectors/generate.ts` writes them, `vectors.test.ts` compares. */
import { cborVectors } from './cbor.ts';
import { deliveryVectors } from './deliveries.ts';
import { dhtVectors } from './dht.ts';
import { documentVectors } from './documents.ts';
import { idVectors, timeVectors, versionVectors } from './names.ts';
import { receiptVectors } from './receipts.ts';

const files = {
  'cbor.json': cborVectors,
  'deliveries.json': await deliveryVectors(),
  'dht.json': await dhtVectors(),
  'documents.json': documentVectors,
  'ids.json': idVectors,
  'receipts.json': await receiptVectors(),
  'time.json': timeVectors,
  'versions.json': versionVectors,
};

/** File names in `vectors/` and their whole text. */
export const vectorFiles: readonly (readonly [name: string, text: string])[] = Object.entries(files).map(
  ([name, value]) => [name, `${JSON.stringify(value, null, 2)}\n`],
);
