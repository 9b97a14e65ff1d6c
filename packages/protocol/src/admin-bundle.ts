/**
 * What an administrator's page needs to act from anywhere, as one text: the system, where its nodes are, the admin's key
 * sealed by a passphrase, and the proof that makes it an admin's. Whoever has it can try passphrases, no more.
 *
 * @example
 * const text = formatAdminBundle({ version: 1, systemId, addresses, key: sealedPem, proof: proofBytes });
 * text; // p2pos-admin://pmNrZXl4…
 * readAdminBundle(text).systemId;
 */
import { z } from 'zod';
import { bytesSchema, systemIdSchema } from './contract/schema.ts';
import { adminProofDocument } from './documents/admin-proof.ts';
import { fromBase64url, toBase64url } from './encoding/base64url.ts';
import { decodeCanonical, encodeCbor } from './encoding/cbor.ts';
import { P2posError } from './errors/errors.ts';

export const ADMIN_BUNDLE_SCHEME = 'p2pos-admin://';
const MAX_BUNDLE_BYTES = 65_536;

const schema = z.strictObject({
  version: z.literal(1),
  systemId: systemIdSchema,
  /** Multiaddrs, or `/dnsaddr/…`; may be empty for a page that a node serves. */
  addresses: z.array(z.string().min(1).max(256)).max(16),
  /** PKCS#8 PEM of an Ed25519 key, sealed by a passphrase as age does it. */
  key: z.string().min(1).max(16_384),
  /** The signed admin proof, byte for byte. */
  proof: bytesSchema({ min: 1, max: adminProofDocument.maxDocumentBytes }),
});
export type AdminBundle = z.output<typeof schema>;

export function formatAdminBundle(bundle: AdminBundle): string {
  return `${ADMIN_BUNDLE_SCHEME}${toBase64url(encodeCbor(bundle))}`;
}

/** White space is passed over. @throws P2posError ADMIN_BUNDLE_INVALID */
export function readAdminBundle(text: string): AdminBundle {
  const refuse = (reason: string, cause?: unknown) =>
    new P2posError('ADMIN_BUNDLE_INVALID', { reason }, { cause });
  if (text.length > MAX_BUNDLE_BYTES * 2) throw refuse('it is too long');
  const compact = text.replace(/\s+/g, '');
  if (!compact.startsWith(ADMIN_BUNDLE_SCHEME)) throw refuse(`it does not begin with ${ADMIN_BUNDLE_SCHEME}`);
  let value: unknown;
  try {
    const bytes = fromBase64url(compact.slice(ADMIN_BUNDLE_SCHEME.length));
    value = decodeCanonical(bytes, { maxBytes: MAX_BUNDLE_BYTES, kind: 'admin bundle' });
  } catch (error) {
    throw refuse('it is damaged; was it copied whole?', error);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw refuse(result.error.issues[0]?.message ?? 'it breaks its schema');
}
