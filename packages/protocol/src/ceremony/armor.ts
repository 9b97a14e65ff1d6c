/**
 * Small binary files as text that survives mail, chat and paper: a named block of base64 with a check value. What stands
 * outside the block is for people and is not read.
 *
 * @example
 * const text = toArmor('SIGNING REQUEST', bytes, 'admin proof of alice', crypto);
 * fromArmor('SIGNING REQUEST', text, crypto); // bytes
 */
import type { Crypto } from '../crypto.ts';
import { toHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';

export type ArmorName = 'PUBLIC KEY' | 'SIGNING REQUEST' | 'SIGNATURE SHARE';
export const ARMOR_NAMES = [
  'PUBLIC KEY',
  'SIGNING REQUEST',
  'SIGNATURE SHARE',
] as const satisfies readonly ArmorName[];

/** Greatest text; a request carries up to 32 rotations. */
export const MAX_ARMOR_CHARACTERS = 4_194_304;
const LINE = 64;
const BLOCK =
  /^-----BEGIN P2POS ([A-Z ]{1,24})-----\r?\n([\s\S]*?)\r?\n-----END P2POS ([A-Z ]{1,24})-----[ \t]*$/gm;
const CHECK = /^check: ([0-9a-f]{16})\r?\n/;

export function toArmor(
  name: ArmorName,
  bytes: Uint8Array,
  about: string,
  crypto: Pick<Crypto, 'sha256'>,
): string {
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `${about.trimEnd()}\n\n-----BEGIN P2POS ${name}-----\ncheck: ${checkOf(bytes, crypto)}\n${lines.join('\n')}\n-----END P2POS ${name}-----\n`;
}

/** What the block of a text is called; undefined where there is none. */
export function armorName(text: string): string | undefined {
  return text.length <= MAX_ARMOR_CHARACTERS ? blocksOf(text)[0]?.[1] : undefined;
}

/** @throws P2posError CEREMONY_FILE_KIND for a block of another name, CEREMONY_FILE_DAMAGED */
export function fromArmor(name: ArmorName, text: string, crypto: Pick<Crypto, 'sha256'>): Uint8Array {
  const damaged = (reason: string) =>
    new P2posError('CEREMONY_FILE_DAMAGED', { kind: name.toLowerCase(), reason });
  if (text.length > MAX_ARMOR_CHARACTERS) throw damaged('it is too large');
  const blocks = blocksOf(text);
  const block = blocks[0];
  if (!block)
    throw new P2posError('CEREMONY_FILE_KIND', { found: 'something else', expected: name.toLowerCase() });
  const [, begin = '', content = '', end = ''] = block;
  if (begin !== name) {
    throw new P2posError('CEREMONY_FILE_KIND', {
      found: `a ${begin.toLowerCase()}`,
      expected: name.toLowerCase(),
    });
  }
  if (blocks.length > 1) throw damaged('it holds two blocks');
  if (end !== begin) throw damaged('it does not end as it begins');
  const check = CHECK.exec(content)?.[1];
  const base64 = content.replace(CHECK, '').replace(/\s/g, '');
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw damaged('it is no base64');
  }
  if (check === undefined || check !== checkOf(bytes, crypto))
    throw damaged('its check value does not match');
  return bytes;
}

function blocksOf(text: string): RegExpExecArray[] {
  return [...text.matchAll(BLOCK)];
}

function checkOf(bytes: Uint8Array, crypto: Pick<Crypto, 'sha256'>): string {
  return toHex(crypto.sha256(bytes)).slice(0, 16);
}
