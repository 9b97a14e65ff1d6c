/** The folder of a ceremony: public documents under fixed names, sealed keys beside them where they were made here. */
import { join } from 'node:path';

export interface SystemFolder {
  readonly folder: string;
  readonly transcript: string;
  readonly pinned: string;
  readonly genesis: string;
  readonly genesisRequest: string;
  readonly adminKey: string;
  readonly adminProof: string;
  key(name: string): string;
}

export function systemFolderOf(folder: string): SystemFolder {
  return {
    folder,
    transcript: join(folder, 'transcript.jsonl'),
    pinned: join(folder, 'pinned-keys.txt'),
    genesis: join(folder, 'genesis.cbor'),
    genesisRequest: join(folder, 'genesis.request'),
    adminKey: join(folder, 'admin.key'),
    adminProof: join(folder, 'admin-proof.cbor'),
    key: (name) => join(folder, `${name}.key`),
  };
}
