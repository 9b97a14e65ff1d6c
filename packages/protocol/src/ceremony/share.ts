/** One holder's signature on a request, and the document that enough of them make. */
import { z } from 'zod';
import { hexHashSchema, publicKeySchema, signatureSchema } from '../contract/schema.ts';
import type { Crypto, Signer } from '../crypto.ts';
import type { PublicKey } from '../documents/bodies.ts';
import { signingInput } from '../documents/document.ts';
import { compareBytes, equalBytes } from '../encoding/bytes.ts';
import { decodeCanonical, encodeCbor } from '../encoding/cbor.ts';
import { toHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';
import { fromArmor, toArmor } from './armor.ts';
import { CEREMONY_KINDS, fingerprintText, isAsked, type SignerSet, type SigningRequest } from './request.ts';

export interface SignatureShare {
  /** Fingerprint of the request. */
  readonly request: string;
  readonly key: PublicKey;
  readonly signature: Uint8Array;
}

const schema = z.strictObject({
  version: z.literal(1),
  request: hexHashSchema,
  key: publicKeySchema,
  signature: signatureSchema,
});

/** @throws P2posError CEREMONY_KEY_UNASKED */
export async function signRequest(request: SigningRequest, signer: Signer): Promise<SignatureShare> {
  if (!isAsked(request, signer.publicKey)) {
    throw new P2posError('CEREMONY_KEY_UNASKED', {
      key: toHex(signer.publicKey).slice(0, 16),
      kind: request.kind,
    });
  }
  const { purpose } = CEREMONY_KINDS[request.kind];
  return {
    request: request.fingerprint,
    key: signer.publicKey,
    signature: await signer.sign(signingInput(purpose, request.bodyBytes)),
  };
}

export function shareToText(share: SignatureShare, crypto: Pick<Crypto, 'sha256'>): string {
  const about = `P2POS signature share of key ${toHex(share.key).slice(0, 16)}\nfor the request ${fingerprintText(share.request)}`;
  return toArmor('SIGNATURE SHARE', encodeCbor({ version: 1, ...share }), about, crypto);
}

export function shareFromText(text: string, crypto: Pick<Crypto, 'sha256'>): SignatureShare {
  const bytes = fromArmor('SIGNATURE SHARE', text, crypto);
  const result = schema.safeParse(decodeCanonical(bytes, { maxBytes: 1_024, kind: 'signature share' }));
  if (!result.success) {
    const reason = result.error.issues[0]?.message ?? 'it breaks its schema';
    throw new P2posError('CEREMONY_FILE_DAMAGED', { kind: 'signature share', reason });
  }
  const { request, key, signature } = result.data;
  return { request, key, signature };
}

/**
 * The signed document, once every set of signers reached its threshold. Nothing is passed over in silence: a share that
 * does not belong is an error that names it.
 *
 * @throws P2posError CEREMONY_SHARE_FOREIGN, CEREMONY_SHARE_TWICE, CEREMONY_KEY_UNASKED, CEREMONY_SHARE_SIGNATURE, CEREMONY_SHARES_MISSING
 */
export async function combineShares(
  request: SigningRequest,
  shares: readonly SignatureShare[],
  crypto: Pick<Crypto, 'verify'>,
): Promise<Uint8Array> {
  const seen = new Set<string>();
  const input = signingInput(CEREMONY_KINDS[request.kind].purpose, request.bodyBytes);
  for (const { request: named, key, signature } of shares) {
    const name = toHex(key).slice(0, 16);
    if (named !== request.fingerprint) {
      throw new P2posError('CEREMONY_SHARE_FOREIGN', {
        key: name,
        found: fingerprintText(named),
        expected: fingerprintText(request.fingerprint),
      });
    }
    if (seen.has(toHex(key))) throw new P2posError('CEREMONY_SHARE_TWICE', { key: name });
    seen.add(toHex(key));
    if (!isAsked(request, key))
      throw new P2posError('CEREMONY_KEY_UNASKED', { key: name, kind: request.kind });
    if (!(await crypto.verify(key, input, signature))) {
      throw new P2posError('CEREMONY_SHARE_SIGNATURE', { key: name });
    }
  }
  for (const set of request.signers) {
    const have = countIn(set, shares);
    if (set.threshold < 1 || have < set.threshold) {
      const missing = set.keys
        .filter((key) => !seen.has(toHex(key)))
        .map((key) => toHex(key).slice(0, 16))
        .join(', ');
      const need = Math.max(1, set.threshold);
      throw new P2posError('CEREMONY_SHARES_MISSING', {
        set: set.name,
        have,
        need,
        missing: missing || 'none is named',
      });
    }
  }
  const signatures = shares
    .map(({ key, signature }) => ({ key, signature }))
    .sort((a, b) => compareBytes(a.key, b.key));
  return encodeCbor({ body: request.bodyBytes, signatures });
}

/** What is asked, signed by all of these keys in one place. @throws P2posError CEREMONY_SHARES_MISSING, CEREMONY_KEY_UNASKED */
export async function signWithAll(
  request: SigningRequest,
  signers: readonly Signer[],
  crypto: Pick<Crypto, 'verify'>,
): Promise<Uint8Array> {
  return combineShares(request, await Promise.all(signers.map((one) => signRequest(request, one))), crypto);
}

function countIn({ keys }: SignerSet, shares: readonly SignatureShare[]): number {
  return shares.filter(({ key }) => keys.some((one) => equalBytes(one, key))).length;
}
