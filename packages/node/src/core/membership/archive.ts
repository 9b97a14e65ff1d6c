/** The documents on disk, byte for byte as received (T8), with the countersignature that each snapshot travels with. */
import type { Countersignature } from '@p2pos/protocol';
import type { CarriedDocument, DocumentName } from '@p2pos/protocol/membership';
import type { Statement, Store } from '../store/index.ts';

const MIGRATIONS = [
  `CREATE TABLE membership_documents (
     hash TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     bytes BLOB NOT NULL,
     countersigner TEXT,
     countersignature BLOB
   );
   CREATE INDEX membership_documents_order ON membership_documents (kind, epoch, hash);`,
];

type DocumentRow = {
  readonly hash: string;
  readonly kind: DocumentName;
  readonly epoch: number;
  readonly bytes: Uint8Array;
  readonly countersigner: string | null;
  readonly countersignature: Uint8Array | null;
};

/** Documents held in memory at once while all are read; one may have 4 MiB, and a read gives 16. */
const PAGE = 2;

export interface Archive {
  /** To be written together with the audit entry. */
  insertion(document: CarriedDocument): Statement;
  removal(hash: string): Statement;
  get(hash: string): Promise<CarriedDocument | undefined>;
  /** All of a kind by epoch (version of a rotation), then hash. */
  all(kind: DocumentName): AsyncIterable<CarriedDocument>;
}

export async function openArchive(store: Store): Promise<Archive> {
  await store.migrate('membership', MIGRATIONS);
  return {
    insertion: ({ hash, kind, epoch, bytes, countersignature }) => ({
      // What a damaged row held is replaced when the document comes again.
      sql: 'INSERT OR REPLACE INTO membership_documents VALUES (?, ?, ?, ?, ?, ?)',
      params: [
        hash,
        kind,
        epoch,
        bytes,
        countersignature?.peerId ?? null,
        countersignature?.signature ?? null,
      ],
    }),
    removal: (hash) => ({ sql: 'DELETE FROM membership_documents WHERE hash = ?', params: [hash] }),
    async get(hash) {
      const rows = await store.read<DocumentRow>('SELECT * FROM membership_documents WHERE hash = ?', [hash]);
      return rows[0] && documentOf(rows[0]);
    },
    async *all(kind) {
      let epoch = -1;
      let hash = '';
      for (;;) {
        const rows = await store.read<DocumentRow>(
          `SELECT * FROM membership_documents WHERE kind = ? AND (epoch, hash) > (?, ?) ORDER BY epoch, hash LIMIT ${PAGE}`,
          [kind, epoch, hash],
        );
        for (const row of rows) yield documentOf(row);
        const last = rows.at(-1);
        if (!last || rows.length < PAGE) return;
        ({ epoch, hash } = last);
      }
    },
  };
}

function documentOf(row: DocumentRow): CarriedDocument {
  const { hash, kind, epoch, bytes, countersigner, countersignature } = row;
  const word: Countersignature | undefined =
    countersigner !== null && countersignature !== null
      ? { peerId: countersigner, signature: countersignature }
      : undefined;
  return { hash, kind, epoch, bytes, countersignature: word };
}
