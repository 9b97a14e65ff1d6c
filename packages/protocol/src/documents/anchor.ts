/** Who belongs to a system, from two files and nothing else: its genesis, and a snapshot with the admin's proof inside. */

import type { Crypto } from '../crypto.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { P2posError } from '../errors/errors.ts';
import { publicKeyFromPeerId } from '../peer-id.ts';
import { systemIdOf } from '../system-id.ts';
import { adminProofDocument } from './admin-proof.ts';
import type { Snapshot } from './bodies.ts';
import { decodeDocument, requireThreshold } from './document.ts';
import { genesisDocument } from './genesis.ts';
import { snapshotDocument } from './snapshot.ts';

/**
 * The snapshot, when an admin of this system signed it whom the keys of the genesis named. Says nothing of whether it is in force:
 * revocations, rotated keys and later snapshots are not seen.
 *
 * @throws P2posError DOCUMENT_MALFORMED, DOCUMENT_SIGNATURE, SYSTEM_MISMATCH
 */
export async function verifySnapshotAlone(
  { genesis, snapshot }: { readonly genesis: Uint8Array; readonly snapshot: Uint8Array },
  crypto: Crypto,
): Promise<Snapshot> {
  const root = decodeDocument(genesisDocument, genesis, crypto);
  const expected = systemIdOf(root.hash);
  const { systemKeys: keys, threshold } = root.body;
  await requireThreshold(genesisDocument, root, { keys, threshold }, crypto);
  const signed = decodeDocument(snapshotDocument, snapshot, crypto);
  const { body } = signed;
  const proof = decodeDocument(adminProofDocument, body.adminProof, crypto);
  for (const [kind, found] of [
    ['snapshot', body.systemId],
    ['admin proof', proof.body.systemId],
  ] as const)
    if (found !== expected) throw new P2posError('SYSTEM_MISMATCH', { kind, found, expected });
  await requireThreshold(adminProofDocument, proof, { keys, threshold }, crypto);
  const admin = publicKeyFromPeerId(proof.body.adminPeerId);
  if (!equalBytes(admin, publicKeyFromPeerId(body.issuerPeerId))) {
    const reason = 'its issuer is not the admin of its proof';
    throw new P2posError('DOCUMENT_SIGNATURE', { kind: 'snapshot', reason });
  }
  await requireThreshold(snapshotDocument, signed, { keys: [admin], threshold: 1 }, crypto);
  return body;
}
