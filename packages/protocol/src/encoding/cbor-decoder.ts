/** CBOR decoder for untrusted bytes (RFC 8949): definite lengths, text keys, no tags, bounded depth and item count. */
import { MAX_CBOR_DEPTH } from './cbor-encoder.ts';

/** Why bytes were refused; the callers in cbor.ts turn it into the error of their contract. */
export class CborFault extends Error {}

/** Longer ASCII is left to the platform's decoder. */
const SHORT_STRING = 24;
/** Longer keys are not cached. */
const SHORT_KEY = 32;
/** Byte strings up to a quarter of this share buffers: allocating each apart would cost more than all the rest. */
const SLAB_BYTES = 8_192;
/** V8 keeps arrays up to this size on its own heap, where allocation is cheap. */
const ON_HEAP_BYTES = 64;

let slab = new Uint8Array(SLAB_BYTES);
let slabAt = 0;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Recently seen short map keys by hash of their bytes: a body's few field names need no new string each time. */
const KEY_CACHE_SIZE = 1_024;
const keyCache: (string | undefined)[] = new Array(KEY_CACHE_SIZE).fill(undefined);

const NOTHING = new Uint8Array(0);

let input: Uint8Array = NOTHING;
let view: DataView | undefined;
let at = 0;
let end = 0;
let itemsLeft = 0;
let mayShare = false;

/** Decodes one item that fills `bytes`, whose memory the value may share if `shares`. @throws CborFault */
export function decodeItem(bytes: Uint8Array, maxItems: number, shares = false): unknown {
  // A Buffer's slice() is a view; this one's is a copy.
  input =
    bytes.constructor === Uint8Array
      ? bytes
      : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  at = 0;
  end = bytes.length;
  itemsLeft = maxItems;
  mayShare = shares;
  view = undefined;
  try {
    const value = read(0);
    if (at !== end) throw new CborFault(`${end - at} bytes follow the value`);
    return value;
  } finally {
    input = NOTHING;
  }
}

function dataView(): DataView {
  view ??= new DataView(input.buffer, input.byteOffset, input.byteLength);
  return view;
}

function take(byteCount: number): number {
  const start = at;
  if (byteCount > end - start) throw new CborFault('it ends early');
  at = start + byteCount;
  return start;
}

function read(depth: number): unknown {
  if (--itemsLeft < 0) throw new CborFault('it holds too many items');
  if (at >= end) throw new CborFault('it ends early');
  const initial = input[at++] as number;
  const low = initial & 0x1f;
  switch (initial >>> 5) {
    case 0:
      return low < 24 ? low : readInteger(low, false);
    case 1:
      return low < 24 ? -1 - low : readInteger(low, true);
    case 2: {
      const length = readLength(low);
      return copy(take(length), length);
    }
    case 3:
      return readText(readLength(low));
    case 4:
      return readArray(readLength(low), depth);
    case 5:
      return readMap(readLength(low), depth);
    case 6:
      throw new CborFault('it holds a tag');
    default:
      return readSimple(low);
  }
}

/** A length or count; what no input can hold is caught by `take` or by the count checks. */
function readLength(low: number): number {
  if (low < 24) return low;
  const value = readInteger(low, false);
  if (typeof value === 'bigint') throw new CborFault('it ends early');
  return value;
}

function readInteger(low: number, negative: boolean): number | bigint {
  let value: number;
  if (low === 24) {
    value = input[take(1)] as number;
  } else if (low === 25) {
    const start = take(2);
    value = ((input[start] as number) << 8) | (input[start + 1] as number);
  } else if (low === 26) {
    value = uint32(take(4));
  } else if (low === 27) {
    const start = take(8);
    const high = uint32(start);
    if (high >= 0x20_0000) return bigInteger(start, negative);
    value = high * 0x1_0000_0000 + uint32(start + 4);
    if (negative && value === Number.MAX_SAFE_INTEGER) return bigInteger(start, true);
  } else if (low === 31) {
    throw new CborFault('it holds an indefinite length');
  } else {
    throw new CborFault('it holds a reserved byte');
  }
  return negative ? -1 - value : value;
}

function uint32(start: number): number {
  return (
    (input[start] as number) * 0x100_0000 +
    (((input[start + 1] as number) << 16) |
      ((input[start + 2] as number) << 8) |
      (input[start + 3] as number))
  );
}

function bigInteger(start: number, negative: boolean): bigint {
  const value = dataView().getBigUint64(start);
  return negative ? -1n - value : value;
}

function copy(from: number, length: number): Uint8Array {
  // Only what is most of the input: a short piece would keep all of it alive.
  if (mayShare && length > SLAB_BYTES / 4 && length * 2 > end) return input.subarray(from, from + length);
  if (length <= ON_HEAP_BYTES || length > SLAB_BYTES / 4) return input.slice(from, from + length);
  if (slabAt + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabAt = 0;
  }
  const to = slabAt;
  slabAt += length;
  slab.set(input.subarray(from, from + length), to);
  return new Uint8Array(slab.buffer, to, length);
}

function readText(length: number): string {
  const start = take(length);
  const stop = start + length;
  if (length <= SHORT_STRING && isAscii(start, stop)) return asciiText(start, stop);
  try {
    return utf8.decode(input.subarray(start, stop));
  } catch {
    throw new CborFault('it holds text that is not UTF-8');
  }
}

function isAscii(start: number, stop: number): boolean {
  let bits = 0;
  for (let index = start; index < stop; index++) bits |= input[index] as number;
  return bits < 0x80;
}

/** Eight characters at a time: adding them one by one builds a tree of strings. */
function asciiText(start: number, stop: number): string {
  const bytes = input as unknown as readonly number[];
  let text = '';
  let index = start;
  for (; index + 8 <= stop; index += 8) {
    text += String.fromCharCode(
      bytes[index]!,
      bytes[index + 1]!,
      bytes[index + 2]!,
      bytes[index + 3]!,
      bytes[index + 4]!,
      bytes[index + 5]!,
      bytes[index + 6]!,
      bytes[index + 7]!,
    );
  }
  for (; index < stop; index++) text += String.fromCharCode(bytes[index]!);
  return text;
}

function readKey(): string {
  if (--itemsLeft < 0) throw new CborFault('it holds too many items');
  if (at >= end) throw new CborFault('it ends early');
  const initial = input[at++] as number;
  if (initial >>> 5 !== 3) throw new CborFault('a map key is not text');
  const length = readLength(initial & 0x1f);
  if (length > SHORT_KEY || length > end - at) return readText(length);
  let hash = length;
  for (let position = at; position < at + length; position++) {
    hash = (Math.imul(hash, 31) + (input[position] as number)) | 0;
  }
  const place = (hash ^ (hash >>> 10)) & (KEY_CACHE_SIZE - 1);
  const known = keyCache[place];
  if (known !== undefined && known.length === length && isTextAt(known, at)) {
    at += length;
    return known;
  }
  const key = readText(length);
  if (key.length === length) keyCache[place] = key; // ASCII only
  return key;
}

function isTextAt(ascii: string, start: number): boolean {
  for (let index = 0; index < ascii.length; index++) {
    if (ascii.charCodeAt(index) !== input[start + index]) return false;
  }
  return true;
}

function readArray(count: number, depth: number): unknown[] {
  if (depth >= MAX_CBOR_DEPTH) throw new CborFault(`it nests deeper than ${MAX_CBOR_DEPTH}`);
  if (count > end - at) throw new CborFault('it ends early');
  const array: unknown[] = [];
  for (let index = 0; index < count; index++) array.push(read(depth + 1));
  return array;
}

function readMap(count: number, depth: number): Record<string, unknown> {
  if (depth >= MAX_CBOR_DEPTH) throw new CborFault(`it nests deeper than ${MAX_CBOR_DEPTH}`);
  if (count * 2 > end - at) throw new CborFault('it ends early');
  const map: Record<string, unknown> = {};
  for (let index = 0; index < count; index++) {
    const key = readKey();
    // Values are never undefined, so only names inherited from Object.prototype take the slow path.
    if (map[key] !== undefined && Object.hasOwn(map, key))
      throw new CborFault(`the key ${quote(key)} comes twice`);
    const value = read(depth + 1);
    if (key === '__proto__') {
      Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
    } else {
      map[key] = value;
    }
  }
  return map;
}

function quote(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}

function readSimple(low: number): unknown {
  switch (low) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 25:
      return halfAt(take(2));
    case 26:
      return dataView().getFloat32(take(4));
    case 27:
      return dataView().getFloat64(take(8));
    case 31:
      throw new CborFault('it holds an indefinite length');
    default:
      throw new CborFault('it holds an unknown simple value');
  }
}

function halfAt(start: number): number {
  const bits = ((input[start] as number) << 8) | (input[start + 1] as number);
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}
