/** What a node tells others of what it holds: its heads, and pages of its documents. */
import { type Crypto, concatBytes, fromHex, toHex } from '@p2pos/protocol';
import type { Held } from './acceptance.ts';
import type { Archive } from './archive.ts';
import type { CarriedDocument, DocumentList, DocumentQuery, Heads, View } from './index.ts';

interface Entry {
  readonly epoch: number;
  readonly hash: string;
}

/** Equal on nodes that would answer each other nothing new. */
export function headsOf(view: View, held: Held | undefined, crypto: Pick<Crypto, 'sha256'>): Heads {
  const digest = (entries: readonly Entry[]) =>
    toHex(crypto.sha256(concatBytes(...entries.map(({ hash }) => fromHex(hash)).sort(compare))));
  return {
    epoch: view.epoch,
    snapshot: toHex(view.hash),
    revocations: digest([...listed('revocations', held), ...listed('branches', held)]),
    keys: digest(listed('rotations', held)),
  };
}

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

/** By (epoch, hash). What no longer counts, as void snapshots, is not passed on. */
function listed(list: DocumentList, held: Held | undefined): readonly Entry[] {
  if (!held) return [];
  const { documents, meaning } = held;
  switch (list) {
    case 'genesis':
      return [{ epoch: 0, hash: documents.genesis.hash }];
    case 'rotations': {
      const { links, fork } = meaning.roots;
      const inForce = links.slice(1).map(({ version, hash }) => ({ epoch: version, hash }));
      const evidence = fork?.children.map((hash) => ({ epoch: fork.version + 1, hash })) ?? [];
      return [...inForce, ...evidence];
    }
    case 'revocations':
      return [...documents.revocations.values()]
        .map(({ hash, body }) => ({ epoch: body.epoch, hash }))
        .sort((a, b) => a.epoch - b.epoch || (a.hash < b.hash ? -1 : 1));
    case 'snapshots':
      return meaning.chain;
    case 'branches':
      return meaning.losers;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
