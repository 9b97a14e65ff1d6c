/** Keys sealed by a passphrase, in the same files as `p2pctl keys` makes: age, one scrypt recipient, armored. */
import type { Signer } from '@p2pos/protocol';
import { texts } from '../texts.ts';
import { signerFromPem } from './signer.ts';

export const MIN_PASSPHRASE_CHARACTERS = 12;
/** Of scrypt, log2: 128 MiB. A file that asks for more than 1 GiB was not made for this. */
const WORK_FACTOR = 17;
const MAX_WORK_FACTOR = 20;
const BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----';

export async function sealText(text: string, passphrase: string): Promise<string> {
  if ([...passphrase].length < MIN_PASSPHRASE_CHARACTERS)
    throw new Error(texts.keys.short(MIN_PASSPHRASE_CHARACTERS));
  const { armor, Encrypter } = await import('age-encryption');
  await painted();
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase.normalize('NFKC'));
  encrypter.setScryptWorkFactor(WORK_FACTOR);
  return armor.encode(await encrypter.encrypt(text));
}

/** A sealed key, or one in plain PEM. @throws Error in words: no key, wrong passphrase */
export async function openKeyText(text: string, passphrase: string): Promise<Signer> {
  if (!text.trimStart().startsWith(BEGIN)) return signerFromPem(text);
  const { armor, Decrypter } = await import('age-encryption');
  let sealed: Uint8Array;
  try {
    sealed = armor.decode(text.trim());
  } catch (cause) {
    throw new Error(texts.keys.noKey, { cause });
  }
  const factor = /^-> scrypt \S+ (\d+)$/m.exec(new TextDecoder().decode(sealed.subarray(0, 256)))?.[1];
  if (factor === undefined || Number(factor) > MAX_WORK_FACTOR) throw new Error(texts.keys.noKey);
  await painted();
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase.normalize('NFKC'));
  let pem: string;
  try {
    pem = await decrypter.decrypt(sealed, 'text');
  } catch (cause) {
    throw new Error(texts.session.wrong, { cause });
  }
  return signerFromPem(pem);
}

/** What follows keeps the page busy: what it says about that is to be seen first. */
function painted(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}
