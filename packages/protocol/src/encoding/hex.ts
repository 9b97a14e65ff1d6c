/** Lower-case hex, strict both ways. */
import { P2posError } from '../errors/errors.ts';

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const HEX = /^(?:[0-9a-f]{2})*$/;

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/** @throws P2posError BAD_REQUEST for anything but pairs of lower-case digits. */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new P2posError('BAD_REQUEST', { reason: 'Not lower-case hexadecimal text.' });
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}
