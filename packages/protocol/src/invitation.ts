/**
 * How a node finds its system at first: which system it is, where some of its members are, and the least membership
 * that they must show, signed by a member or the admin. It gives no right: an admin still adds who joins. So it needs no
 * secret and no end; it only must come from somebody who is trusted to name the system.
 *
 * @example
 * const text = await formatInvitation({ version: 1, systemId, epoch, snapshot, issuerPeerId, addresses }, signer, crypto);
 * text; // p2pos://join/omRib2R5…
 * const { body } = await readInvitation(text, crypto); // at the other end
 */
import { z } from 'zod';
import {
  hash32Schema,
  integerSchema,
  patternSchema,
  peerIdSchema,
  systemIdSchema,
} from './contract/schema.ts';
import type { Crypto, Signer } from './crypto.ts';
import type { DocumentHash, SystemId } from './documents/bodies.ts';
import {
  decodeDocument,
  defineDocument,
  requireThreshold,
  type SignedDocument,
  signDocument,
} from './documents/document.ts';
import { distinct, versionField } from './documents/fields.ts';
import { fromBase64url, toBase64url } from './encoding/base64url.ts';
import { equalBytes } from './encoding/bytes.ts';
import { P2posError } from './errors/errors.ts';
import { publicKeyFromPeerId } from './peer-id.ts';

export interface Invitation {
  readonly version: 1;
  readonly systemId: SystemId;
  /** The joiner takes no membership that does not hold this snapshot. */
  readonly epoch: number;
  readonly snapshot: DocumentHash;
  /** Who signed: a member, or the admin of a snapshot. */
  readonly issuerPeerId: string;
  /** Of members, each with its peer id. */
  readonly addresses: readonly string[];
}

export const INVITATION_SCHEME = 'p2pos://join/';
/** More make the code too dense for a camera. */
export const MAX_INVITATION_ADDRESSES = 8;

const namedAddressSchema = patternSchema(
  /^\/[\x21-\x7e]{1,190}\/p2p\/12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/,
  'must be a multiaddr that ends in /p2p/ and a peer id',
);

export const invitationFields = {
  version: versionField(1),
  systemId: systemIdSchema,
  epoch: integerSchema(1),
  snapshot: hash32Schema,
  issuerPeerId: peerIdSchema,
  addresses: distinct(namedAddressSchema, { min: 1, max: MAX_INVITATION_ADDRESSES }),
};

export const invitationDocument = defineDocument<Invitation>(
  'p2pos/invitation/1',
  z.strictObject(invitationFields) satisfies z.ZodType<Invitation>,
  { maxBytes: 4_096 },
);

/** Of the greatest invitation, white space around it left out. */
const MAX_TEXT = INVITATION_SCHEME.length + Math.ceil((invitationDocument.maxDocumentBytes * 4) / 3);

/** @throws P2posError DOCUMENT_MALFORMED where it breaks its own rules */
export async function formatInvitation(
  invitation: Invitation,
  signer: Signer,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<string> {
  const { bytes } = await signDocument(invitationDocument, invitation, [signer], crypto);
  return `${INVITATION_SCHEME}${toBase64url(bytes)}`;
}

/**
 * Checks form and signature. That its issuer belongs to the system can be seen only in the membership itself.
 *
 * @throws P2posError INVITATION_INVALID
 */
export async function readInvitation(text: string, crypto: Crypto): Promise<SignedDocument<Invitation>> {
  const refuse = (reason: string, cause?: unknown) =>
    new P2posError('INVITATION_INVALID', { reason }, { cause });
  if (text.length > MAX_TEXT + 1_024) throw refuse('it is too long');
  const compact = text.replace(/\s+/g, '');
  if (!compact.startsWith(INVITATION_SCHEME)) throw refuse(`it does not begin with ${INVITATION_SCHEME}`);
  try {
    const bytes = fromBase64url(compact.slice(INVITATION_SCHEME.length));
    const document = decodeDocument(invitationDocument, bytes, crypto);
    const issuer = publicKeyFromPeerId(document.body.issuerPeerId);
    if (!document.signatures.every(({ key }) => equalBytes(key, issuer)))
      throw refuse('it is signed by another than its issuer');
    await requireThreshold(invitationDocument, document, { keys: [issuer], threshold: 1 }, crypto);
    return document;
  } catch (error) {
    if (!(error instanceof P2posError)) throw error;
    throw error.code === 'INVITATION_INVALID'
      ? error
      : refuse(`${error.message} Was it copied whole?`, error);
  }
}
