/** The private keys of system, release and admin: PKCS#8 PEM sealed by a passphrase, each in a file of its own. */
import { existsSync, readFileSync } from 'node:fs';
import {
  type KeyRole,
  type KeyStatement,
  P2posError,
  readStatement,
  type SignedDocument,
  type Signer,
} from '@p2pos/protocol';
import { reasonOf, replaceFile } from '../json-file.ts';
import { crypto, makeKeyText, signerFromText } from '../keys.ts';
import { isSealedText, openSealedText, sealText } from './age-file.ts';

/** Asked only when a file is sealed. */
export type PassphraseOf = (file: string) => Promise<string>;

/** Refuses to replace a file. Returns the key, whose private half lies only in the sealed file. */
export async function createSealedKey(file: string, passphrase: string): Promise<Signer> {
  if (existsSync(file)) throw new P2posError('CEREMONY_FILE_EXISTS', { file });
  const { text, signer } = makeKeyText();
  replaceFile(file, await sealText(text, passphrase));
  return signer;
}

/** @throws P2posError FILE_UNREADABLE, SEALED_KEY_INVALID, SEALED_KEY_PASSPHRASE, and what `passphraseOf` throws */
export async function openKeyFile(file: string, passphraseOf: PassphraseOf): Promise<Signer> {
  const text = readText(file);
  if (!isSealedText(text)) return signerFromText(text, file);
  const passphrase = await passphraseOf(file);
  let pem: string | undefined;
  try {
    pem = await openSealedText(text, passphrase);
  } catch (error) {
    throw new P2posError('SEALED_KEY_INVALID', { file, reason: reasonOf(error) }, { cause: error });
  }
  if (pem === undefined) throw new P2posError('SEALED_KEY_PASSPHRASE', { file });
  return signerFromText(pem, file);
}

/** @throws P2posError FILE_UNREADABLE, CEREMONY_FILE_KIND, CEREMONY_FILE_DAMAGED, DOCUMENT_*, CEREMONY_KEY_ROLE */
export function readStatementFile(file: string, role?: KeyRole): Promise<SignedDocument<KeyStatement>> {
  return readStatement(readText(file), role, crypto);
}

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
}

export function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
}

/** A ceremony's file is never replaced by another. */
export function writeNew(file: string, content: string | Uint8Array): void {
  if (existsSync(file)) throw new P2posError('CEREMONY_FILE_EXISTS', { file });
  replaceFile(file, content);
}
