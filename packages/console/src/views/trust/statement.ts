/** Public keys as they are handed round: signed with themselves, so that whoever names one has it. */
import {
  decodeDocument,
  formatTimestamp,
  fromArmor,
  type KeyRole,
  type KeyStatement,
  keyStatementDocument,
  requireThreshold,
  type Signer,
  signDocument,
  toArmor,
  toHex,
} from '@p2pos/protocol';
import { crypto } from '../../crypto.ts';
import { texts } from '../../texts.ts';

/** @throws P2posError CEREMONY_FILE_KIND, CEREMONY_FILE_DAMAGED, DOCUMENT_*; Error for a key of another role */
export async function readStatement(
  text: string,
  role: KeyRole,
): Promise<{ readonly body: KeyStatement; readonly bytes: Uint8Array }> {
  const document = decodeDocument(keyStatementDocument, fromArmor('PUBLIC KEY', text, crypto), crypto);
  const { body, bytes } = document;
  await requireThreshold(keyStatementDocument, document, { keys: [body.key], threshold: 1 }, crypto);
  if (body.role !== role) throw new Error(texts.trust.otherRole(body.label, body.role, role));
  return { body, bytes };
}

export async function statementOf(
  signer: Signer,
  role: KeyRole,
  label: string,
): Promise<{ readonly text: string; readonly bytes: Uint8Array }> {
  const createdAt = formatTimestamp(Date.now());
  const body: KeyStatement = { version: 1, role, label, key: signer.publicKey, createdAt };
  const { bytes } = await signDocument(keyStatementDocument, body, [signer], crypto);
  const about = `P2POS public key\nrole: ${role}\nlabel: ${label}\nkey: ${toHex(body.key)}`;
  return { text: toArmor('PUBLIC KEY', bytes, about, crypto), bytes };
}
