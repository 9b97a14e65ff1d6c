/** Who may sign what, from the signed documents that a node holds. */
import {
  type AdminProof,
  adminProofDocument,
  type DocumentHash,
  decodeDocument,
  parseTimestamp,
  revocationDocument,
  snapshotDocument,
} from '@p2pos/protocol';
import { crypto } from '../../crypto.ts';
import type { CarriedBytes, Source } from '../../source.ts';

export interface Issued {
  readonly hash: string;
  readonly epoch: number;
  readonly issuedAt: string;
  readonly issuerPeerId: string;
  readonly serial: string;
}

export type AdminState = 'valid' | 'ending' | 'ended' | 'revoked';

export interface AdminRow {
  readonly serial: string;
  /** Undefined of one that was revoked, and whose snapshots are void with it. */
  readonly proof: AdminProof | undefined;
  /** Of the proof. */
  readonly hash: DocumentHash | undefined;
  readonly state: AdminState;
  /** Snapshots in force that it signed. */
  readonly snapshots: number;
  readonly lastEpoch: number;
}

export interface RevocationRow {
  readonly hash: string;
  readonly createdAt: string;
  /** What it takes back: serials and peer ids. */
  readonly taken: readonly string[];
}

export interface Standing {
  /** The newest first. */
  readonly issued: readonly Issued[];
  readonly admins: readonly AdminRow[];
  readonly revokedPeers: readonly string[];
  readonly revocations: readonly RevocationRow[];
  /** Of the next revocation. */
  readonly nextRevocation: number;
}

/** From so long before its end on, a proof should be renewed. */
const WARNING_MS = 14 * 86_400_000;

export async function readStanding(source: Source): Promise<Standing> {
  const [snapshots, branches, revocations] = await Promise.all([
    source.documents('snapshots'),
    source.documents('branches'),
    source.documents('revocations'),
  ]);
  return standingOf(snapshots, branches, revocations, Date.now());
}

export function standingOf(
  snapshots: readonly CarriedBytes[],
  branches: readonly CarriedBytes[],
  revocations: readonly CarriedBytes[],
  nowMs: number,
): Standing {
  const proofs = new Map<
    string,
    { proof: AdminProof; hash: DocumentHash; snapshots: number; lastEpoch: number }
  >();
  const read = ({ bytes, hash, epoch }: CarriedBytes, inForce: boolean): Issued => {
    const { body } = decodeDocument(snapshotDocument, bytes, crypto);
    const document = decodeDocument(adminProofDocument, body.adminProof, crypto);
    const proof = document.body;
    const known = proofs.get(proof.serial) ?? { proof, hash: document.hash, snapshots: 0, lastEpoch: 0 };
    if (inForce) {
      known.snapshots += 1;
      known.lastEpoch = Math.max(known.lastEpoch, epoch);
    }
    proofs.set(proof.serial, known);
    const { issuedAt, issuerPeerId } = body;
    return { hash, epoch, issuedAt, issuerPeerId, serial: proof.serial };
  };
  const issued = snapshots.map((one) => read(one, true)).reverse();
  for (const one of branches) read(one, false);
  const taken = revocations.map(({ bytes }) => decodeDocument(revocationDocument, bytes, crypto).body);
  const revoked = new Set(taken.flatMap(({ serials }) => serials.map(({ serial }) => serial)));
  return {
    issued,
    admins: [
      ...[...proofs.values()].map((known): AdminRow => {
        const { proof } = known;
        return { ...known, serial: proof.serial, state: stateOf(proof, revoked, nowMs) };
      }),
      ...[...revoked.difference(new Set(proofs.keys()))].map((serial): AdminRow => {
        return { serial, proof: undefined, hash: undefined, state: 'revoked', snapshots: 0, lastEpoch: 0 };
      }),
    ].sort((a, b) => b.lastEpoch - a.lastEpoch),
    revocations: taken.map(({ createdAt, serials, peerIds }, i) => ({
      hash: revocations[i]?.hash ?? '',
      createdAt,
      taken: [...serials.map(({ serial }) => serial), ...peerIds],
    })),
    revokedPeers: [...new Set(taken.flatMap(({ peerIds }) => peerIds))],
    nextRevocation: Math.max(0, ...taken.map(({ epoch }) => epoch)) + 1,
  };
}

function stateOf({ serial, validTo }: AdminProof, revoked: ReadonlySet<string>, nowMs: number): AdminState {
  if (revoked.has(serial)) return 'revoked';
  const leftMs = parseTimestamp(validTo) - nowMs;
  return leftMs < 0 ? 'ended' : leftMs < WARNING_MS ? 'ending' : 'valid';
}
