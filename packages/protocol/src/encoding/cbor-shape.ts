/** The order and the encodings of map keys, kept for the shapes of object that come again and again. */
import { compareBytes, concatBytes } from './bytes.ts';

const utf8 = new TextEncoder();

/** The keys of an object as they come, in the order of their encodings, and those encodings. */
export interface Shape {
  readonly keys: readonly string[];
  readonly sorted: readonly string[];
  readonly encoded: readonly Uint8Array[];
}

/** Bodies have few shapes; the last one seen at each place is kept, so sorting and encoding keys is rare. */
const SHAPES = 1_024;
const MAX_SHAPE_KEYS = 32;
const MAX_KEY_LENGTH = 64;
const shapes: (Shape | undefined)[] = new Array(SHAPES).fill(undefined);

/** Undefined when a key is not well-formed Unicode. */
export function shapeOf(keys: readonly string[]): Shape | undefined {
  if (keys.length > MAX_SHAPE_KEYS) return makeShape(keys);
  let hash = keys.length;
  for (const key of keys) hash = (Math.imul(hash, 31) + key.length * 128 + key.charCodeAt(0)) | 0;
  const place = (hash ^ (hash >>> 10)) & (SHAPES - 1);
  const known = shapes[place];
  if (known !== undefined && isSame(known.keys, keys)) return known;
  const shape = makeShape(keys);
  if (shape && keys.every(({ length }) => length <= MAX_KEY_LENGTH)) shapes[place] = shape;
  return shape;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

function makeShape(keys: readonly string[]): Shape | undefined {
  if (!keys.every((key) => key.isWellFormed())) return undefined;
  const pairs = keys.map((key) => {
    return { key, encoded: withHead(utf8.encode(key)) };
  });
  pairs.sort((a, b) => compareBytes(a.encoded, b.encoded));
  return { keys, sorted: pairs.map(({ key }) => key), encoded: pairs.map(({ encoded }) => encoded) };
}

/** A text item (RFC 8949 §3.1, major type 3). */
function withHead(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length < 24) return concatBytes(Uint8Array.of(0x60 | length), bytes);
  if (length < 0x100) return concatBytes(Uint8Array.of(0x78, length), bytes);
  if (length < 0x1_0000) return concatBytes(Uint8Array.of(0x79, length >>> 8, length), bytes);
  return concatBytes(Uint8Array.of(0x7a, length >>> 24, length >>> 16, length >>> 8, length), bytes);
}
