/** Yamux frames (hashicorp/yamux, spec.md, version 0): a header of 12 bytes, integers big-endian. */
import { readU32, writeU32 } from '@p2pos/protocol';

export const DATA = 0;
export const WINDOW_UPDATE = 1;
export const PING = 2;
export const GO_AWAY = 3;

export const SYN = 1;
export const ACK = 2;
export const FIN = 4;
export const RST = 8;

export const HEADER_BYTES = 12;
/** Given by the specification, for both directions of each stream. */
export const INITIAL_WINDOW_BYTES = 262_144;
/** Streams take turns after each frame of at most this length. */
export const MAX_PAYLOAD_BYTES = 65_536;

export interface Header {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  /** DATA: bytes that follow; WINDOW_UPDATE: bytes granted; PING: its name; GO_AWAY: why. */
  readonly length: number;
}

/** The peer sent what the specification forbids. */
export class YamuxFault extends Error {}

export function encodeHeader({ type, flags, streamId, length }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes[1] = type;
  bytes[3] = flags;
  writeU32(bytes, 4, streamId);
  writeU32(bytes, 8, length);
  return bytes;
}

/** @throws YamuxFault */
export function decodeHeader(bytes: Uint8Array, at: number): Header {
  const type = bytes[at + 1] as number;
  if (bytes[at] !== 0 || type > GO_AWAY) throw new YamuxFault('it sent no yamux frame');
  const streamId = readU32(bytes, at + 4);
  if ((streamId === 0) !== type >= PING) throw new YamuxFault('it sent a frame for an impossible stream');
  return { type, flags: bytes[at + 3] as number, streamId, length: readU32(bytes, at + 8) };
}
