/** Public keys as they are handed round: signed with themselves, so that whoever names one has it. */
import type { Crypto, Signer } from '../crypto.ts';
import {
  decodeDocument,
  requireThreshold,
  type SignedDocument,
  signDocument,
} from '../documents/document.ts';
import { type KeyRole, type KeyStatement, keyStatementDocument } from '../documents/key-statement.ts';
import { toHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';
import { formatTimestamp } from '../time.ts';
import { fromArmor, toArmor } from './armor.ts';

export interface StatedKey {
  readonly signer: Signer;
  /** The statement as text to hand round, and its bytes as a transcript holds them. */
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** @param nowMs ms since the epoch */
export async function stateKey(
  signer: Signer,
  { role, label }: { readonly role: KeyRole; readonly label: string },
  nowMs: number,
  crypto: Crypto,
): Promise<StatedKey> {
  const body: KeyStatement = {
    version: 1,
    role,
    label,
    key: signer.publicKey,
    createdAt: formatTimestamp(nowMs),
  };
  const { bytes } = await signDocument(keyStatementDocument, body, [signer], crypto);
  const about = `P2POS public key\nrole: ${role}\nlabel: ${label}\nkey: ${toHex(body.key)}`;
  return { signer, text: toArmor('PUBLIC KEY', bytes, about, crypto), bytes };
}

/** @throws P2posError CEREMONY_FILE_KIND, CEREMONY_FILE_DAMAGED, DOCUMENT_*, CEREMONY_KEY_ROLE */
export async function readStatement(
  text: string,
  role: KeyRole | undefined,
  crypto: Crypto,
): Promise<SignedDocument<KeyStatement>> {
  const document = decodeDocument(keyStatementDocument, fromArmor('PUBLIC KEY', text, crypto), crypto);
  const { key, label, role: found } = document.body;
  await requireThreshold(keyStatementDocument, document, { keys: [key], threshold: 1 }, crypto);
  if (role !== undefined && role !== found)
    throw new P2posError('CEREMONY_KEY_ROLE', { label, found, expected: role });
  return document;
}
