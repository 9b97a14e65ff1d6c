/** Bytes of the messages: numbers, bounds, ranges. Everything that is read is checked before it is believed. */
import { P2posError } from '@p2pos/protocol';

export const ID_BYTES = 32;

/** `time` is infinite for the end of everything; `prefix` are the first bytes of an id, the rest are zero. */
export interface Bound {
  readonly time: number;
  readonly prefix: Uint8Array;
}

export const VERSION = 0x61;
export const MODE = { skip: 0, fingerprint: 1, ids: 2 } as const;

const EMPTY = new Uint8Array(0);
export const START: Bound = { time: 0, prefix: EMPTY };
export const END: Bound = { time: Number.POSITIVE_INFINITY, prefix: EMPTY };

export function malformed(reason: string): P2posError {
  return new P2posError('RECONCILIATION_MALFORMED', { reason });
}

/** Base 128, most significant digit first. */
export function encodeVarint(value: number): Uint8Array {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift((rest % 128) | 0x80);
  }
  return Uint8Array.from(digits);
}

export class Writer {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #time = 0;

  get length(): number {
    return this.#length;
  }

  bytes(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  varint(value: number): void {
    this.bytes(encodeVarint(value));
  }

  bound({ time, prefix }: Bound): void {
    if (time === Number.POSITIVE_INFINITY) this.varint(0);
    else {
      this.varint(1 + time - this.#time);
      this.#time = time;
    }
    this.varint(prefix.length);
    this.bytes(prefix);
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #time = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed('it ends too early');
    this.#at++;
    return byte;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed('it ends too early');
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  varint(): number {
    let value = 0;
    for (;;) {
      const byte = this.byte();
      value = value * 128 + (byte & 0x7f);
      if (value > Number.MAX_SAFE_INTEGER) throw malformed('a number is too large');
      if (byte < 0x80) return value;
    }
  }

  bound(): Bound {
    const coded = this.varint();
    const length = this.varint();
    if (length > ID_BYTES) throw malformed('a bound is longer than an id');
    const prefix = this.take(length);
    if (coded === 0) {
      this.#time = Number.POSITIVE_INFINITY;
      return { time: this.#time, prefix };
    }
    this.#time += coded - 1;
    if (this.#time !== Number.POSITIVE_INFINITY && this.#time > Number.MAX_SAFE_INTEGER)
      throw malformed('a time is too large');
    return { time: this.#time, prefix };
  }

  ids(): Uint8Array[] {
    const count = this.varint();
    if (count > (this.#bytes.length - this.#at) / ID_BYTES) throw malformed('it ends too early');
    return Array.from({ length: count }, () => this.take(ID_BYTES));
  }
}
