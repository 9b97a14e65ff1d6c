/**
 * Deterministic CBOR encoder (RFC 8949 §4.2.1) for the values that P2POS speaks. Hand-written because it is the
 * hot path of every call between nodes (docs/decisions/0002-cbor-codec.md).
 */

import { P2posError } from '../errors/errors.ts';
import { shapeOf } from './cbor-shape.ts';

/** What travels: integers beyond ±(2^53 − 1) are bigint, all others number. */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue | undefined };

/** Nesting of arrays and maps that both directions accept. */
export const MAX_CBOR_DEPTH = 32;

/** Results share buffers of this size: allocating each apart would cost more than encoding it. */
const SLAB_BYTES = 8_192;
/** V8 keeps arrays up to this size on its own heap, where allocation is cheap. */
const ON_HEAP_BYTES = 64;
/** Strings up to this length (versions have 69) are copied by a loop, which beats a call into the platform's encoder. */
const SHORT_STRING = 72;
/** The same of byte strings. */
const SHORT_BYTES = 24;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;
const MAX_SAFE = 9_007_199_254_740_991;

const utf8 = new TextEncoder();
const floatView = new DataView(new ArrayBuffer(8));

/** What is being written: `out` from `start` to `at`. `slab` is free from `slabAt` on. */
let slab = new Uint8Array(SLAB_BYTES);
let slabAt = 0;
let busy = false;
let out = slab;
let start = 0;
let at = 0;

/**
 * The one encoding of a value: keys in bytewise order of their encodings, shortest forms, definite lengths, no float
 * where an integer fits. Object fields that are undefined are left out. The result may be a view of a larger buffer.
 *
 * @throws P2posError CBOR_UNENCODABLE for what has no encoding here: undefined in an array, lone surrogates, class
 * instances, integers beyond 64 bits, nesting deeper than {@link MAX_CBOR_DEPTH}.
 */
export function encodeCbor(value: unknown): Uint8Array {
  if (busy) throw new TypeError('encodeCbor was called by a getter of the value that it encodes');
  busy = true;
  out = slab;
  start = slabAt;
  at = slabAt;
  try {
    write(value, 0);
    return finish();
  } finally {
    busy = false;
    out = slab; // let go of a large buffer
  }
}

function finish(): Uint8Array {
  if (at - start <= ON_HEAP_BYTES) return out.slice(start, at);
  if (out === slab) {
    slabAt = at;
  } else if (out.length === SLAB_BYTES) {
    slab = out;
    slabAt = at;
  } else if (out.length - at > 1_024) {
    return out.slice(start, at); // keep no buffer that is much larger
  }
  return new Uint8Array(out.buffer, start, at - start);
}

function reserve(byteCount: number): void {
  if (at + byteCount > out.length) grow(at - start, byteCount);
}

function grow(written: number, byteCount: number): void {
  const needed = written + byteCount;
  const size = needed <= SLAB_BYTES / 2 ? SLAB_BYTES : Math.max(out.length * 2, needed + 1_024);
  const larger = new Uint8Array(size);
  larger.set(out.subarray(start, at));
  out = larger;
  start = 0;
  at = written;
}

function unencodable(reason: string): P2posError {
  return new P2posError('CBOR_UNENCODABLE', { reason });
}

function write(value: unknown, depth: number): void {
  if (typeof value === 'string') {
    writeText(value);
  } else if (typeof value === 'number') {
    writeNumber(value);
  } else if (typeof value === 'boolean') {
    reserve(1);
    out[at++] = value ? 0xf5 : 0xf4;
  } else if (typeof value === 'bigint') {
    writeBigint(value);
  } else if (typeof value !== 'object') {
    throw unencodable(`a value of type ${typeof value}`);
  } else if (value === null) {
    reserve(1);
    out[at++] = 0xf6;
  } else if (value instanceof Uint8Array) {
    writeHead(0x40, value.length);
    writeRaw(value);
  } else if (depth >= MAX_CBOR_DEPTH) {
    throw unencodable(`nesting deeper than ${MAX_CBOR_DEPTH}`);
  } else if (Array.isArray(value)) {
    writeHead(0x80, value.length);
    for (let index = 0; index < value.length; index++) write(value[index], depth + 1);
  } else {
    writeMap(value as Record<string, unknown>, depth);
  }
}

/** Major type in the top three bits, then the argument in its shortest form. */
function writeHead(major: number, argument: number): void {
  reserve(9);
  if (argument < 24) {
    out[at++] = major | argument;
  } else if (argument < 0x100) {
    out[at++] = major | 24;
    out[at++] = argument;
  } else if (argument < 0x1_0000) {
    out[at++] = major | 25;
    out[at++] = argument >>> 8;
    out[at++] = argument;
  } else if (argument < 0x1_0000_0000) {
    out[at++] = major | 26;
    writeUint32(argument);
  } else {
    out[at++] = major | 27;
    writeUint32(Math.floor(argument / 0x1_0000_0000));
    writeUint32(argument >>> 0);
  }
}

function writeUint32(value: number): void {
  out[at++] = value >>> 24;
  out[at++] = value >>> 16;
  out[at++] = value >>> 8;
  out[at++] = value;
}

function writeNumber(value: number): void {
  if (Number.isInteger(value) && value <= MAX_SAFE && value >= -MAX_SAFE) {
    if (value >= 0) writeHead(0x00, value);
    else writeHead(0x20, -1 - value);
  } else {
    writeFloat(value);
  }
}

function writeBigint(value: bigint): void {
  const argument = value < 0n ? -1n - value : value;
  if (argument > MAX_UINT64) throw unencodable('an integer beyond 64 bits');
  const major = value < 0n ? 0x20 : 0x00;
  if (argument <= MAX_SAFE) {
    writeHead(major, Number(argument));
  } else {
    reserve(9);
    out[at++] = major | 27;
    writeUint32(Number(argument >> 32n));
    writeUint32(Number(argument & 0xffff_ffffn));
  }
}

/** The shortest of 16, 32 and 64 bits that keeps the value; one NaN. */
function writeFloat(value: number): void {
  reserve(9);
  floatView.setFloat32(0, value);
  if (!Object.is(floatView.getFloat32(0), value)) {
    floatView.setFloat64(0, value);
    out[at++] = 0xfb;
    writeUint32(floatView.getUint32(0));
    writeUint32(floatView.getUint32(4));
    return;
  }
  const half = Number.isNaN(value) ? 0x7e00 : halfOf(floatView.getUint32(0));
  if (half < 0) {
    out[at++] = 0xfa;
    writeUint32(floatView.getUint32(0));
  } else {
    out[at++] = 0xf9;
    out[at++] = half >>> 8;
    out[at++] = half;
  }
}

/** The binary16 bits of a binary32, or −1 when it would lose something (IEEE 754-2019 §3.6). */
function halfOf(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const exponent = ((single >>> 23) & 0xff) - 127;
  const fraction = single & 0x7f_ffff;
  if (exponent === 128) return fraction === 0 ? sign | 0x7c00 : -1;
  if (exponent >= -14 && exponent <= 15) {
    return (fraction & 0x1fff) === 0 ? sign | ((exponent + 15) << 10) | (fraction >>> 13) : -1;
  }
  if (exponent < -24 || exponent > 15) return -1;
  const dropped = -exponent - 1; // subnormal: 1 + 23 fraction bits become at most 10
  const whole = fraction | 0x80_0000;
  return (whole & ((1 << dropped) - 1)) === 0 ? sign | (whole >>> dropped) : -1;
}

function writeText(text: string): void {
  const length = text.length;
  if (length <= SHORT_STRING) {
    const from = at - start;
    writeHead(0x60, length);
    reserve(length);
    const bytes = out;
    let position = at;
    let index = 0;
    for (; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) break;
      bytes[position++] = unit;
    }
    if (index === length) {
      at = position;
      return;
    }
    at = start + from;
  }
  writeLongText(text);
}

function writeLongText(text: string): void {
  reserve(9 + text.length * 3);
  const from = at;
  writeHead(0x60, text.length);
  const guessed = at;
  const { written } = utf8.encodeInto(text, out.subarray(guessed));
  if (written !== text.length) {
    if (!text.isWellFormed()) throw unencodable('text with a lone surrogate');
    at = from;
    writeHead(0x60, written);
    if (at !== guessed) utf8.encodeInto(text, out.subarray(at));
  }
  at += written;
}

function writeMap(map: Record<string, unknown>, depth: number): void {
  const prototype = Object.getPrototypeOf(map);
  if (prototype !== Object.prototype && prototype !== null) {
    throw unencodable(`an instance of ${String(prototype?.constructor?.name)}`);
  }
  const keys = Object.keys(map);
  if (keys.length === 0) {
    writeHead(0xa0, 0);
    return;
  }
  const shape = shapeOf(keys);
  if (!shape) throw unencodable('text with a lone surrogate');
  let count = keys.length;
  for (const key of shape.sorted) if (map[key] === undefined) count--;
  writeHead(0xa0, count);
  for (let index = 0; index < keys.length; index++) {
    const value = map[shape.sorted[index] as string];
    if (value === undefined) continue;
    writeRaw(shape.encoded[index] as Uint8Array);
    write(value, depth + 1);
  }
}

function writeRaw(bytes: Uint8Array): void {
  const { length } = bytes;
  reserve(length);
  if (length > SHORT_BYTES) {
    out.set(bytes, at);
  } else {
    for (let index = 0; index < length; index++) out[at + index] = bytes[index] as number;
  }
  at += length;
}
