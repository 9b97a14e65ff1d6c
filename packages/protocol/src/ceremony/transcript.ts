/**
 * All public documents of a system's root in the order in which they were made, one JSON object a line, each line naming
 * SHA-256 of the line before: whoever has the file verifies the whole history, and whoever has the last line's hash sees
 * that nothing was taken out.
 */
import { z } from 'zod';
import { timestampSchema } from '../contract/schema.ts';
import type { Crypto } from '../crypto.ts';
import { adminProofDocument } from '../documents/admin-proof.ts';
import type { AdminProof, Revocation, SystemId, Timestamp } from '../documents/bodies.ts';
import {
  decodeDocument,
  requireThreshold,
  type SignedDocument,
  verifiedKeys,
} from '../documents/document.ts';
import { type KeyStatement, keyStatementDocument } from '../documents/key-statement.ts';
import { type ReleaseManifest, releaseManifestDocument } from '../documents/release-manifest.ts';
import { revocationDocument } from '../documents/revocation.ts';
import {
  isRevocationSigned,
  type Proof,
  type ProofWindow,
  proofWindow,
  type RootChain,
  type Signed,
} from '../documents/roots.ts';
import { fromBase64url, toBase64url } from '../encoding/base64url.ts';
import { toHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';
import { type Root, readRoot } from './request.ts';

export type TranscriptKind = 'key' | 'genesis' | 'admin-proof' | 'rotation' | 'revocation' | 'release';

export interface TranscriptEntry {
  readonly at: Timestamp;
  readonly kind: TranscriptKind;
  readonly document: Uint8Array;
}

export interface TranscriptReport {
  readonly systemId: SystemId;
  readonly root: Root;
  readonly chain: RootChain;
  /** Genesis and rotations, byte for byte. */
  readonly rootDocuments: readonly Uint8Array[];
  readonly statements: readonly KeyStatement[];
  readonly proofs: readonly {
    readonly document: SignedDocument<AdminProof>;
    readonly window: ProofWindow;
    readonly revoked: boolean;
  }[];
  /** Those that count. */
  readonly revocations: readonly SignedDocument<Revocation>[];
  readonly releases: readonly ReleaseManifest[];
  readonly entries: number;
  /** SHA-256 of the last line, lower-case hex. */
  readonly head: string;
}

const MAX_CHARACTERS = 64 * 1_048_576;
const START = '0'.repeat(64);
const line = z.strictObject({
  n: z.int().min(1),
  at: timestampSchema,
  kind: z.enum(['key', 'genesis', 'admin-proof', 'rotation', 'revocation', 'release']),
  document: z.string(),
  previous: z.string(),
});
const utf8 = new TextEncoder();

/** The text with one more line. */
export function appendToTranscript(
  text: string,
  entry: TranscriptEntry,
  crypto: Pick<Crypto, 'sha256'>,
): string {
  const lines = linesOf(text);
  const last = lines.at(-1);
  const next = {
    n: lines.length + 1,
    at: entry.at,
    kind: entry.kind,
    document: toBase64url(entry.document),
    previous: last === undefined ? START : hashOf(last, crypto),
  };
  return `${[...lines, JSON.stringify(next)].join('\n')}\n`;
}

/**
 * Verifies every line: the chain of hashes, every signature, and that each document follows by right from those before.
 *
 * @throws P2posError TRANSCRIPT_BROKEN {line, reason}
 */
export async function verifyTranscript(text: string, crypto: Crypto): Promise<TranscriptReport> {
  if (text.length > MAX_CHARACTERS) throw broken(0, 'it is larger than 64 MiB');
  const lines = linesOf(text);
  const statements: KeyStatement[] = [];
  const rootDocuments: Uint8Array[] = [];
  const proofs: { document: SignedDocument<AdminProof>; proof: Proof }[] = [];
  const revocations: { document: SignedDocument<Revocation>; signed: Signed<Revocation> }[] = [];
  const releases: ReleaseManifest[] = [];
  let root: Root | undefined;
  let previous = START;
  for (const [index, each] of lines.entries()) {
    const number = index + 1;
    try {
      const entry = line.parse(JSON.parse(each));
      if (entry.n !== number) throw new Error(`it is numbered ${entry.n}`);
      if (entry.previous !== previous)
        throw new Error('it does not follow from the line before; one was changed or taken out');
      await take(entry.kind, fromBase64url(entry.document));
    } catch (error) {
      throw broken(number, error instanceof Error ? error.message : String(error), error);
    }
    previous = hashOf(each, crypto);
  }
  if (!root) throw broken(lines.length, 'it holds no genesis');
  const { chain, systemId } = root as Root;
  const counting = revocations
    .filter(({ signed }) => isRevocationSigned(chain, signed))
    .map(({ document }) => document);
  const taken = new Set(counting.flatMap(({ body }) => body.serials.map(({ serial }) => serial)));
  return {
    systemId,
    root,
    chain,
    rootDocuments,
    statements,
    revocations: counting,
    releases,
    proofs: proofs.flatMap(({ document, proof }) => {
      const window = proofWindow(chain, proof);
      return window ? [{ document, window, revoked: taken.has(document.body.serial) }] : [];
    }),
    entries: lines.length,
    head: previous,
  };

  async function take(kind: TranscriptKind, bytes: Uint8Array): Promise<void> {
    if (kind === 'key') {
      const document = decodeDocument(keyStatementDocument, bytes, crypto);
      await requireThreshold(
        keyStatementDocument,
        document,
        { keys: [document.body.key], threshold: 1 },
        crypto,
      );
      statements.push(document.body);
      return;
    }
    if (kind === 'genesis' || kind === 'rotation') {
      if ((kind === 'genesis') !== (rootDocuments.length === 0))
        throw new Error('the genesis comes once, and first');
      root = await readRoot([...rootDocuments, bytes], crypto);
      rootDocuments.push(bytes);
      return;
    }
    if (!root) throw new Error('it comes before the genesis');
    if (kind === 'admin-proof') {
      const document = decodeDocument(adminProofDocument, bytes, crypto);
      requireSystem(document.body.systemId, root.systemId);
      const signers = new Set((await verifiedKeys(adminProofDocument, document, crypto)).map(toHex));
      const proof = { hash: toHex(document.hash), body: document.body, signers };
      if (!proofWindow(root.chain, proof))
        throw new Error('it is not signed by enough of the system keys in office');
      if (proofs.some((one) => one.document.body.serial === document.body.serial))
        throw new Error('its serial was used before');
      proofs.push({ document, proof });
    } else if (kind === 'revocation') {
      const document = decodeDocument(revocationDocument, bytes, crypto);
      requireSystem(document.body.systemId, root.systemId);
      const signers = new Set((await verifiedKeys(revocationDocument, document, crypto)).map(toHex));
      const signed = { hash: toHex(document.hash), body: document.body, signers };
      if (!isRevocationSigned(root.chain, signed)) {
        throw new Error('it is not signed by enough system keys');
      }
      revocations.push({ document, signed });
    } else {
      const document = decodeDocument(releaseManifestDocument, bytes, crypto);
      const { releaseKeys: keys, releaseThreshold: threshold } = root.genesis;
      await requireThreshold(releaseManifestDocument, document, { keys, threshold }, crypto);
      releases.push(document.body);
    }
  }
}

function requireSystem(found: string, expected: string): void {
  if (found !== expected) throw new Error(`it is of system ${found}`);
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((each) => each !== '');
}

function hashOf(text: string, crypto: Pick<Crypto, 'sha256'>): string {
  return toHex(crypto.sha256(utf8.encode(text)));
}

function broken(number: number, reason: string, cause?: unknown): P2posError {
  return new P2posError('TRANSCRIPT_BROKEN', { line: number, reason }, { cause });
}
