/** Pages of the documents that a node holds, for others. */
import type { CarriedDocument, Held } from '@p2pos/protocol/membership';
import { listed } from '@p2pos/protocol/membership';
import type { Archive } from './archive.ts';
import type { DocumentQuery } from './port.ts';

export async function listDocuments(
  { list, after, maxDocuments, maxBytes }: DocumentQuery,
  held: Held | undefined,
  archive: Archive,
): Promise<{ readonly documents: CarriedDocument[]; readonly more: boolean }> {
  const left = listed(list, held).filter(
    ({ epoch, hash }) => epoch > after.epoch || (epoch === after.epoch && hash > after.hash),
  );
  const documents: CarriedDocument[] = [];
  let bytes = 0;
  for (const { hash } of left) {
    if (documents.length >= maxDocuments || (bytes >= maxBytes && documents.length > 0)) break;
    const document = await archive.get(hash);
    if (!document) break;
    documents.push(document);
    bytes += document.bytes.length;
  }
  return { documents, more: documents.length < left.length };
}
