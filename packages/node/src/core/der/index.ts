/**
 * As much DER (ITU-T X.690) as certificates and requests for them need: written whole, read with every length checked.
 *
 * @example
 * der(SEQUENCE, der(INTEGER, Uint8Array.of(1)));
 */

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const UTF8_STRING = 0x0c;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;
/** Context-specific, constructed. */
export const explicit = (tag: number): number => 0xa0 | tag;

export class DerFault extends Error {}

export interface DerItem {
  readonly tag: number;
  readonly content: Uint8Array;
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >>> 8, length & 0xff];
  if (length > 0xffff) throw new DerFault('longer than 65535 bytes');
  return Buffer.concat([Uint8Array.from(header), ...contents]);
}

/** The items that fill `bytes`. @throws DerFault for anything else. */
export function derItems(bytes: Uint8Array): DerItem[] {
  const items: DerItem[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] as number;
    const first = bytes[at + 1] ?? 0xff;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (lengthBytes > 3 || first === 0x80) throw new DerFault('an impossible length');
    let length = lengthBytes === 0 ? first : 0;
    for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[at + 2 + index] ?? 0);
    const start = at + 2 + lengthBytes;
    if (start + length > bytes.length) throw new DerFault('ends early');
    items.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return items;
}

/** The contents of the only item in `bytes`, which has this tag. */
export function derContent(bytes: Uint8Array, tag: number): Uint8Array {
  const [item, ...rest] = derItems(bytes);
  if (!item || rest.length > 0 || item.tag !== tag) throw new DerFault(`not one item with tag ${tag}`);
  return item.content;
}
