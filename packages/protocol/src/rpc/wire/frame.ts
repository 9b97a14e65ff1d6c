/**
 * What travels on a channel: frames of a fixed header and at most 64 KiB, integers big-endian.
 *
 *     0  kind      u8     1 call · 2 answer · 3 error · 4 part of a call · 5 part of an answer · 6 cancel
 *     1  flags     u8     call: trace flags of W3C trace context; else 0. Unknown flags are ignored
 *     2  method    u16    call: the method's id; else 0
 *     4  id        u32    given by the caller, for this channel and direction
 *     8  payload   u32    bytes in this frame after the header
 *    12  body      u32    call, answer, error: bytes of the whole body, of which parts bring the rest; else 0
 *    16  timeout   u32    call only: what is left until its deadline, ms
 *    20  trace     16+8   call only: trace id and span id (W3C trace context), zero without a trace
 */
import { readU32, writeU32 } from '../../encoding/bytes.ts';

export const CALL = 1;
export const ANSWER = 2;
export const ERROR = 3;
export const CALL_PART = 4;
export const ANSWER_PART = 5;
export const CANCEL = 6;

export const MAX_FRAME_BYTES = 65_536;
export const HEADER_BYTES = 16;
export const CALL_HEADER_BYTES = 44;

export function headerBytes(kind: number): number {
  return kind === CALL ? CALL_HEADER_BYTES : HEADER_BYTES;
}

/** The fields of the frame at hand. The reader uses one object again and again: take what you keep. */
export interface Frame {
  kind: number;
  flags: number;
  method: number;
  id: number;
  bodyBytes: number;
  timeoutMs: number;
  /** Valid until the callback returns. */
  payload: Uint8Array;
}

/** Writes a header at `at`; the caller writes the payload behind it. */
export function writeHeader(
  out: Uint8Array,
  at: number,
  kind: number,
  method: number,
  id: number,
  payloadBytes: number,
  bodyBytes: number,
  timeoutMs: number,
): void {
  out[at] = kind;
  out[at + 1] = 0;
  out[at + 2] = method >>> 8;
  out[at + 3] = method;
  writeU32(out, at + 4, id);
  writeU32(out, at + 8, payloadBytes);
  writeU32(out, at + 12, bodyBytes);
  if (kind !== CALL) return;
  writeU32(out, at + 16, timeoutMs);
  out.fill(0, at + 20, at + CALL_HEADER_BYTES);
}

/** The peer sent what no honest peer sends; `message` says what. */
export class ProtocolFault extends Error {}

export interface FrameSink {
  /** A whole frame. */
  onFrame(frame: Frame): void;
  /**
   * A long frame of which the payload, of `payloadBytes`, has yet to arrive; `frame.payload` is empty. Answers the
   * place to put it, of that length; undefined drops it.
   */
  onLongFrame(frame: Frame, payloadBytes: number): Uint8Array | undefined;
  /** The place is filled. Not told for payloads that were dropped. */
  onFilled(frame: Frame, payloadBytes: number): void;
}

const NOTHING = new Uint8Array(0);
/** Payloads longer than this go straight to their body when they arrive in pieces. */
const LONG_PAYLOAD_BYTES = 2_048;

/** Cuts chunks into frames. Holds at most one incomplete frame. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #frame: Frame = {
    kind: 0,
    flags: 0,
    method: 0,
    id: 0,
    bodyBytes: 0,
    timeoutMs: 0,
    payload: NOTHING,
  };
  /** The incomplete frame: at first as much as any header, then as long as the header says. */
  #partial = NOTHING;
  #have = 0;
  /** Payload of a long frame that is still to come, and where it goes. */
  #missing = 0;
  #place: Uint8Array | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws ProtocolFault, after which the reader must not be used again; and what the sink throws. */
  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#missing > 0) at = this.#fill(chunk, 0);
    else if (this.#have > 0) at = this.#complete(chunk);
    while (at < chunk.length) {
      const left = chunk.length - at;
      const need = left < HEADER_BYTES ? 0 : frameBytes(chunk, at);
      if (need > 0 && need <= left) {
        this.#emit(chunk, at, need);
        at += need;
        continue;
      }
      const header = need === 0 ? HEADER_BYTES : headerBytes(chunk[at] as number);
      if (left >= header && need - header > LONG_PAYLOAD_BYTES) {
        this.#begin(chunk, at, need - header);
        this.#fill(chunk, at + header);
        return;
      }
      this.#partial = new Uint8Array(need === 0 ? HEADER_BYTES : need);
      this.#partial.set(at === 0 ? chunk : chunk.subarray(at));
      this.#have = left;
      return;
    }
  }

  /** Fills the incomplete frame; returns how much of the chunk it took. */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    for (;;) {
      const take = Math.min(this.#partial.length - this.#have, chunk.length - at);
      this.#partial.set(chunk.subarray(at, at + take), this.#have);
      this.#have += take;
      at += take;
      if (this.#have < this.#partial.length) return at;
      const need = frameBytes(this.#partial, 0);
      if (need > this.#have) {
        const whole = new Uint8Array(need);
        whole.set(this.#partial);
        this.#partial = whole;
        continue;
      }
      const partial = this.#partial;
      this.#partial = NOTHING;
      this.#have = 0;
      this.#emit(partial, 0, need);
      return at;
    }
  }

  #begin(bytes: Uint8Array, at: number, payloadBytes: number): void {
    const frame = this.#read(bytes, at);
    this.#missing = payloadBytes;
    this.#place = this.#sink.onLongFrame(frame, payloadBytes);
  }

  /** Fills the place of the long frame; returns where in the chunk the next frame begins. */
  #fill(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#missing, chunk.length - at);
    const place = this.#place;
    if (place && take > 0) place.set(chunk.subarray(at, at + take), place.length - this.#missing);
    this.#missing -= take;
    if (this.#missing === 0) {
      this.#place = undefined;
      if (place) this.#sink.onFilled(this.#frame, place.length);
    }
    return at + take;
  }

  #emit(bytes: Uint8Array, at: number, length: number): void {
    const frame = this.#read(bytes, at);
    frame.payload = bytes.subarray(at + headerBytes(frame.kind), at + length);
    this.#sink.onFrame(frame);
    frame.payload = NOTHING;
  }

  #read(bytes: Uint8Array, at: number): Frame {
    const frame = this.#frame;
    frame.kind = bytes[at] as number;
    frame.flags = bytes[at + 1] as number;
    frame.method = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    frame.id = readU32(bytes, at + 4);
    frame.bodyBytes = readU32(bytes, at + 12);
    frame.timeoutMs = frame.kind === CALL ? readU32(bytes, at + 16) : 0;
    return frame;
  }
}

/** Length of the frame whose first 16 bytes are at `at`. */
function frameBytes(bytes: Uint8Array, at: number): number {
  const kind = bytes[at] as number;
  if (kind < CALL || kind > CANCEL) throw new ProtocolFault(`it sent a frame of the unknown kind ${kind}`);
  const length = headerBytes(kind) + readU32(bytes, at + 8);
  if (length > MAX_FRAME_BYTES) {
    throw new ProtocolFault(`it announced a frame of ${length} bytes, the limit is ${MAX_FRAME_BYTES}`);
  }
  return length;
}
