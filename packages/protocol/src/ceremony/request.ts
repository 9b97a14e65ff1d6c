/**
 * What several key holders are asked to sign, as one file that is passed around. It carries the root of the system up to
 * the keys in force, so each holder checks alone, on a machine without a network, what is asked and who must sign.
 */
import { z } from 'zod';
import { bytesSchema } from '../contract/schema.ts';
import type { Crypto } from '../crypto.ts';
import { adminProofDocument } from '../documents/admin-proof.ts';
import type { Genesis, KeyRotation, PublicKey, SystemId } from '../documents/bodies.ts';
import { type DocumentKind, decodeDocument, requireThreshold, verifiedKeys } from '../documents/document.ts';
import { MAX_KEYS } from '../documents/fields.ts';
import { genesisDocument } from '../documents/genesis.ts';
import { keyRotationDocument } from '../documents/key-rotation.ts';
import { releaseManifestDocument } from '../documents/release-manifest.ts';
import { revocationDocument } from '../documents/revocation.ts';
import { judgeRotation, type RootChain, rootChain, type Signed } from '../documents/roots.ts';
import { equalBytes } from '../encoding/bytes.ts';
import { decodeCanonical, encodeCbor } from '../encoding/cbor.ts';
import { fromHex, toHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';
import { systemIdOf } from '../system-id.ts';
import { fromArmor, toArmor } from './armor.ts';

/** What key holders sign together. */
export const CEREMONY_KINDS = {
  genesis: genesisDocument,
  'admin-proof': adminProofDocument,
  rotation: keyRotationDocument,
  revocation: revocationDocument,
  release: releaseManifestDocument,
} as const;
export type CeremonyKind = keyof typeof CEREMONY_KINDS;

/** Some of these keys must sign. */
export interface SignerSet {
  /** `system`, `old system`, `new system`, `release`. */
  readonly name: string;
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
}

export interface SigningRequest {
  readonly kind: CeremonyKind;
  /** Exact bytes that are signed. */
  readonly bodyBytes: Uint8Array;
  readonly body: unknown;
  /** Signed genesis and rotations, byte for byte; empty where the genesis itself is asked for. */
  readonly root: readonly Uint8Array[];
  /** What the root says; undefined for a genesis. */
  readonly chain: RootChain | undefined;
  readonly systemId: SystemId;
  /** Each of these sets must reach its threshold. */
  readonly signers: readonly SignerSet[];
  /** SHA-256 of the whole request, lower-case hex: what holders compare with each other. */
  readonly fingerprint: string;
  readonly bytes: Uint8Array;
}

const MAX_REQUEST_BYTES = 2 * 1_048_576;
const MAX_ROOT = 64;

const schema = z.strictObject({
  version: z.literal(1),
  kind: z.enum(['genesis', 'admin-proof', 'rotation', 'revocation', 'release']),
  body: bytesSchema({ min: 1, max: 1_048_576 }),
  root: z.array(bytesSchema({ min: 1, max: keyRotationDocument.maxDocumentBytes })).max(MAX_ROOT),
});

/** @throws P2posError DOCUMENT_MALFORMED and what the root is refused with */
export function createRequest(
  kind: CeremonyKind,
  body: unknown,
  root: readonly Uint8Array[],
  crypto: Crypto,
): Promise<SigningRequest> {
  return readRequest(encodeCbor({ version: 1, kind, body: encodeCbor(body), root: [...root] }), crypto);
}

export function requestToText(request: SigningRequest, crypto: Pick<Crypto, 'sha256'>): string {
  const about = [
    `P2POS signing request: ${request.kind}`,
    `system: ${request.systemId}`,
    `compare with the others: ${fingerprintText(request.fingerprint)}`,
  ];
  return toArmor('SIGNING REQUEST', request.bytes, about.join('\n'), crypto);
}

export function requestFromText(text: string, crypto: Crypto): Promise<SigningRequest> {
  return readRequest(fromArmor('SIGNING REQUEST', text, crypto), crypto);
}

/** In groups, to be read aloud. */
export function fingerprintText(fingerprint: string): string {
  return (fingerprint.slice(0, 32).match(/.{4}/g) ?? []).join(' ');
}

/** @throws P2posError CEREMONY_FILE_DAMAGED, DOCUMENT_MALFORMED, ROTATION_*, SYSTEM_MISMATCH */
async function readRequest(bytes: Uint8Array, crypto: Crypto): Promise<SigningRequest> {
  const damaged = (reason: string) =>
    new P2posError('CEREMONY_FILE_DAMAGED', { kind: 'signing request', reason });
  const decoded = schema.safeParse(
    decodeCanonical(bytes, { maxBytes: MAX_REQUEST_BYTES, kind: 'signing request' }),
  );
  if (!decoded.success) throw damaged(decoded.error.issues[0]?.message ?? 'it breaks its schema');
  const { kind, body: bodyBytes, root } = decoded.data;
  const body = bodyOf(kind, bodyBytes);
  const common = { kind, bodyBytes, body, root, fingerprint: toHex(crypto.sha256(bytes)), bytes };
  if (kind === 'genesis') {
    if (root.length > 0) throw damaged('a genesis has nothing before it');
    const { systemKeys, threshold } = body as Genesis;
    const signers = [{ name: 'system', keys: systemKeys, threshold }];
    return { ...common, chain: undefined, systemId: systemIdOf(crypto.sha256(bodyBytes)), signers };
  }
  const { chain, genesis, systemId } = await readRoot(root, crypto);
  const named = (body as { readonly systemId?: SystemId }).systemId;
  if (named !== undefined && named !== systemId) {
    throw new P2posError('SYSTEM_MISMATCH', { kind, found: named, expected: systemId });
  }
  return { ...common, chain, systemId, signers: signersOf(kind, body, chain, genesis) };
}

function bodyOf(kind: CeremonyKind, bytes: Uint8Array): unknown {
  const document: DocumentKind<unknown> = CEREMONY_KINDS[kind];
  const value = decodeCanonical(bytes, { maxBytes: document.maxBytes, kind: document.name });
  const refusal = document.refuse?.(value);
  if (refusal) throw refusal;
  const result = document.schema.safeParse(value);
  if (result.success) return result.data;
  const reason = result.error.issues[0]?.message ?? 'it breaks its schema';
  throw new P2posError('DOCUMENT_MALFORMED', { kind: document.name, reason });
}

export interface Root {
  readonly systemId: SystemId;
  readonly genesis: Genesis;
  readonly chain: RootChain;
}

/**
 * Verifies a genesis and the rotations that follow it, in order.
 *
 * @throws P2posError DOCUMENT_MALFORMED, DOCUMENT_SIGNATURE, ROTATION_*
 */
export async function readRoot(root: readonly Uint8Array[], crypto: Crypto): Promise<Root> {
  const [first, ...others] = root;
  if (!first) throw new P2posError('CEREMONY_FILE_DAMAGED', { kind: 'root', reason: 'it holds no genesis' });
  const document = decodeDocument(genesisDocument, first, crypto);
  const { systemKeys: keys, threshold } = document.body;
  await requireThreshold(genesisDocument, document, { keys, threshold }, crypto);
  const genesis: Signed<Genesis> = { hash: toHex(document.hash), body: document.body, signers: new Set() };
  const systemId = systemIdOf(document.hash);
  const rotations = new Map<string, Signed<KeyRotation>>();
  for (const bytes of others) {
    const next = decodeDocument(keyRotationDocument, bytes, crypto);
    if (next.body.systemId !== systemId) {
      throw new P2posError('SYSTEM_MISMATCH', {
        kind: 'key rotation',
        found: next.body.systemId,
        expected: systemId,
      });
    }
    const signers = new Set((await verifiedKeys(keyRotationDocument, next, crypto)).map(toHex));
    const rotation = { hash: toHex(next.hash), body: next.body, signers };
    const chain = rootChain(genesis, rotations.values());
    const displaced = judgeRotation(chain, rotations, rotation, '9999-12-31T23:59:59.999999999Z');
    for (const hash of displaced ?? []) rotations.delete(hash);
    if (displaced) rotations.set(rotation.hash, rotation);
  }
  return {
    systemId,
    genesis: document.body,
    chain: rootChain(genesis, rotations.values()),
  };
}

function signersOf(kind: CeremonyKind, body: unknown, chain: RootChain, genesis: Genesis): SignerSet[] {
  if (kind === 'release') {
    return [{ name: 'release', keys: genesis.releaseKeys, threshold: genesis.releaseThreshold }];
  }
  if (chain.fork) throw new P2posError('ROOT_FORKED', { previous: chain.fork.parent });
  const head = chain.links.at(-1);
  const keys = [...(head?.keys ?? [])].slice(0, MAX_KEYS).map(fromHex);
  const threshold = head?.threshold ?? 0;
  if (kind !== 'rotation') return [{ name: 'system', keys, threshold }];
  const rotation = body as KeyRotation;
  if (toHex(rotation.previous) !== head?.hash || rotation.version !== head.version + 1) {
    throw new P2posError('ROTATION_PREVIOUS_UNKNOWN', { previous: toHex(rotation.previous) });
  }
  return [
    { name: 'old system', keys, threshold },
    { name: 'new system', keys: rotation.keys, threshold: rotation.threshold },
  ];
}

export function isAsked({ signers }: SigningRequest, key: PublicKey): boolean {
  return signers.some(({ keys }) => keys.some((one) => equalBytes(one, key)));
}
