/**
 * One signature for all records written together: the author signs `p2pos/records/1` ‖ 0x00 ‖ canonical {root, size,
 * systemId} over the Merkle root of their headers, and each record carries its path to that root. Whoever holds one
 * record can verify it alone, whoever relayed it.
 */
import {
  type Crypto,
  decodeCbor,
  encodeCbor,
  equalBytes,
  P2posError,
  publicKeyFromPeerId,
  type Signer,
  signingInput,
} from '@p2pos/protocol';
import { buildTree, foldPath, HASH_BYTES, leafHash } from './merkle.ts';
import { textOf } from './names.ts';
import { MAX_PROOF_BYTES, type SignedRecord } from './record.ts';

const PURPOSE = 'p2pos/records/1';
/** Records under one signature. */
export const MAX_SEALED = 256;
const MAX_PATH_BYTES = 8 * HASH_BYTES;
/** Authors whose keys are remembered. */
const MAX_KEYS = 4_096;

interface Proof {
  readonly signature: Uint8Array;
  readonly size: number;
  readonly index: number;
  readonly path: Uint8Array;
}

function signedBytes(systemId: string, root: Uint8Array, size: number): Uint8Array {
  return signingInput(PURPOSE, encodeCbor({ root, size, systemId }));
}

export interface Sealed {
  readonly proof: Uint8Array;
  readonly leaf: Uint8Array;
}

/** Signs 1 to {@link MAX_SEALED} headers; the answers are in their order. */
export async function seal(
  {
    crypto,
    signer,
    systemId,
  }: { readonly crypto: Crypto; readonly signer: Signer; readonly systemId: string },
  headers: readonly Uint8Array[],
): Promise<Sealed[]> {
  const size = headers.length;
  const leaves = headers.map((header) => leafHash(crypto, header));
  const tree = buildTree(crypto, leaves);
  const signature = await signer.sign(signedBytes(systemId, tree.root, size));
  return leaves.map((leaf, index) => ({
    leaf,
    proof: encodeCbor([signature, size, index, tree.path(index)]),
  }));
}

export interface SealVerifier {
  /** Whether `author` signed the header. Records of one batch cost one verification, repeats cost none. */
  verify(
    record: Pick<SignedRecord, 'header' | 'proof'> & { readonly leaf?: Uint8Array },
    author: string,
  ): Promise<boolean>;
}

export function createSealVerifier(
  { crypto, systemId }: { readonly crypto: Crypto; readonly systemId: string },
  { maxRoots = 16_384 }: { readonly maxRoots?: number } = {},
): SealVerifier {
  /** Signatures found valid, oldest first; a pending one is shared by the records that wait for it. */
  const known = new Map<string, Promise<boolean>>();
  const keys = new Map<string, Uint8Array>();
  /** Records of one batch come one after the other. */
  let latest:
    | (Pick<Proof, 'signature' | 'size'> & {
        readonly author: string;
        readonly root: Uint8Array;
        readonly verdict: Promise<boolean>;
      })
    | undefined;

  function keyOf(author: string): Uint8Array {
    let key = keys.get(author);
    if (!key) {
      key = publicKeyFromPeerId(author);
      if (keys.size >= MAX_KEYS) keys.clear();
      keys.set(author, key);
    }
    return key;
  }

  function verifyRoot(author: string, root: Uint8Array, proof: Proof): Promise<boolean> {
    const { signature, size } = proof;
    const isLatest =
      latest?.author === author &&
      latest.size === size &&
      equalBytes(latest.root, root) &&
      equalBytes(latest.signature, signature);
    if (latest && isLatest) return latest.verdict;
    const verdict = lookUp(author, root, proof);
    latest = { author, root, signature, size, verdict };
    return verdict;
  }

  function lookUp(author: string, root: Uint8Array, { signature, size }: Proof): Promise<boolean> {
    const name = `${author}${size}.${textOf(root)}${textOf(signature)}`;
    const found = known.get(name);
    if (found) return found;
    const verdict = crypto.verify(keyOf(author), signedBytes(systemId, root, size), signature);
    known.set(name, verdict);
    if (known.size > maxRoots) known.delete(known.keys().next().value as string);
    // A forged one must not push out what is true.
    const forget = () => {
      if (latest?.verdict === verdict) latest = undefined;
      known.delete(name);
    };
    verdict.then((valid) => valid || forget(), forget);
    return verdict;
  }

  return {
    verify({ header, proof, leaf = leafHash(crypto, header) }, author) {
      const parsed = decodeProof(proof);
      const root = parsed && foldPath(crypto, leaf, parsed);
      return parsed && root ? verifyRoot(author, root, parsed) : REFUSED;
    },
  };
}

const REFUSED = Promise.resolve(false);

/** @throws P2posError RECORD_SIGNATURE */
export function signatureRefused(reason: string): P2posError {
  return new P2posError('RECORD_SIGNATURE', { reason });
}

function decodeProof(bytes: Uint8Array): Proof | undefined {
  let fields: unknown;
  try {
    fields = decodeCbor(bytes, { maxBytes: MAX_PROOF_BYTES });
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || fields.length !== 4) return undefined;
  const [signature, size, index, path] = fields as unknown[];
  const fits =
    signature instanceof Uint8Array &&
    signature.length === 64 &&
    Number.isInteger(size) &&
    (size as number) >= 1 &&
    (size as number) <= MAX_SEALED &&
    Number.isInteger(index) &&
    (index as number) >= 0 &&
    path instanceof Uint8Array &&
    path.length <= MAX_PATH_BYTES;
  return fits ? { signature, size: size as number, index: index as number, path } : undefined;
}
