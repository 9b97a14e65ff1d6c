/**
 * Writes on their way to the writing thread, as one run of bytes that is handed over: cloning the same statements and
 * parameters object by object costs several times as much, on both sides. Integers are little-endian.
 *
 *     write      u32 id, u16 number of statements, statements
 *     statement  u16 number of its text, text where that is new (or 0: never numbered), u16 number of parameters, parameters
 *     parameter  u8 kind: 0 null · 1 number, f64 · 2 text · 3 bytes · 4 bigint, i64; text and bytes after a u32 length
 */
import type { SqlValue, Statement } from './port.ts';

const NULL = 0;
const NUMBER = 1;
const TEXT = 2;
const BYTES = 3;
const BIGINT = 4;
const FIRST_BYTES = 16_384;
/** Texts that get a number; the others travel with each use. */
const MAX_TEXTS = 1_024;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Whether it can be packed; what cannot is told why by the database. */
export function isPackable(statements: readonly Statement[]): boolean {
  return (
    statements.length <= 0xffff &&
    statements.every(({ params = [] }) => params.length <= 0xffff && params.every(isPackableValue))
  );
}

function isPackableValue(value: SqlValue): boolean {
  if (value === null || typeof value === 'number' || typeof value === 'string') return true;
  if (typeof value === 'bigint') return value >= MIN_INT64 && value <= MAX_INT64;
  return value instanceof Uint8Array;
}

export interface PackedWrite {
  readonly id: number;
  readonly statements: readonly Statement[];
}

export class Packer {
  readonly #texts = new Map<string, number>();
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === 0;
  }

  add(id: number, statements: readonly Statement[]): void {
    this.#reserve(6);
    this.#at = this.#bytes.writeUInt32LE(id, this.#at);
    this.#at = this.#bytes.writeUInt16LE(statements.length, this.#at);
    for (const { sql, params = [] } of statements) {
      this.#addSql(sql);
      this.#reserve(2);
      this.#at = this.#bytes.writeUInt16LE(params.length, this.#at);
      for (let i = 0; i < params.length; i++) this.#addValue(params[i] as SqlValue);
    }
  }

  /** All that was added since the last time, to be handed over. */
  take(): ArrayBuffer {
    const taken = this.#bytes.buffer.slice(this.#bytes.byteOffset, this.#bytes.byteOffset + this.#at);
    this.#at = 0;
    if (this.#bytes.length > 16 * FIRST_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return taken as ArrayBuffer;
  }

  #addSql(sql: string): void {
    const known = this.#texts.get(sql);
    this.#reserve(2);
    if (known !== undefined) {
      this.#at = this.#bytes.writeUInt16LE(known, this.#at);
      return;
    }
    const number = this.#texts.size < MAX_TEXTS ? this.#texts.size + 1 : 0;
    if (number > 0) this.#texts.set(sql, number);
    this.#at = this.#bytes.writeUInt16LE(number, this.#at);
    this.#addText(sql);
  }

  #addValue(value: SqlValue): void {
    this.#reserve(9);
    if (value === null) {
      this.#bytes[this.#at++] = NULL;
    } else if (typeof value === 'number') {
      this.#bytes[this.#at++] = NUMBER;
      this.#at = this.#bytes.writeDoubleLE(value, this.#at);
    } else if (typeof value === 'string') {
      this.#bytes[this.#at++] = TEXT;
      this.#addText(value);
    } else if (typeof value === 'bigint') {
      this.#bytes[this.#at++] = BIGINT;
      this.#at = this.#bytes.writeBigInt64LE(value, this.#at);
    } else {
      this.#bytes[this.#at++] = BYTES;
      this.#at = this.#bytes.writeUInt32LE(value.length, this.#at);
      this.#reserve(value.length);
      this.#bytes.set(value, this.#at);
      this.#at += value.length;
    }
  }

  #addText(text: string): void {
    this.#reserve(4 + text.length * 3);
    const bytes = this.#bytes.write(text, this.#at + 4, 'utf8');
    this.#bytes.writeUInt32LE(bytes, this.#at);
    this.#at += 4 + bytes;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** The other end of one packer; takes its runs in their order. */
export class Unpacker {
  readonly #texts: string[] = [];
  #bytes = Buffer.alloc(0);
  #at = 0;

  /** The parameters of the writes are views of `run`. */
  unpack(run: ArrayBuffer): PackedWrite[] {
    this.#bytes = Buffer.from(run);
    this.#at = 0;
    const writes: PackedWrite[] = [];
    while (this.#at < this.#bytes.length) {
      const id = this.#uint32();
      const statements = new Array<Statement>(this.#uint16());
      for (let i = 0; i < statements.length; i++) statements[i] = this.#statement();
      writes.push({ id, statements });
    }
    return writes;
  }

  #statement(): Statement {
    const number = this.#uint16();
    const sql = this.#texts[number - 1] ?? this.#text();
    if (number > 0) this.#texts[number - 1] = sql;
    const params = new Array<SqlValue>(this.#uint16());
    for (let i = 0; i < params.length; i++) params[i] = this.#value();
    return { sql, params };
  }

  #value(): SqlValue {
    const kind = this.#bytes[this.#at++];
    if (kind === NULL) return null;
    if (kind === TEXT) return this.#text();
    if (kind === BYTES) {
      const length = this.#uint32();
      const from = this.#at;
      this.#at += length;
      return this.#bytes.subarray(from, this.#at);
    }
    const from = this.#at;
    this.#at += 8;
    return kind === NUMBER ? this.#bytes.readDoubleLE(from) : this.#bytes.readBigInt64LE(from);
  }

  #text(): string {
    const length = this.#uint32();
    const from = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', from, this.#at);
  }

  #uint16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16LE(this.#at - 2);
  }

  #uint32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32LE(this.#at - 4);
  }
}
