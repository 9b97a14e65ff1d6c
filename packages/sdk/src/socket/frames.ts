/** What a node sends over a socket, as far as this client must understand it to hand it on. */
import { decodeCbor } from '@p2pos/protocol';

/** `id`: whose call or subscription it is for; none: for all. */
export type Frame = { readonly type: string; readonly id?: number } & Readonly<Record<string, unknown>>;

const MAX_MESSAGE_BYTES = 64 * 1_048_576;

/** Undefined: it is no message of frames. */
export function readFrames(message: Uint8Array): readonly Frame[] | undefined {
  try {
    const frames = decodeCbor(message, { maxBytes: MAX_MESSAGE_BYTES, shares: true });
    return Array.isArray(frames) && frames.every(isFrame) ? frames : undefined;
  } catch {
    return undefined;
  }
}

function isFrame(value: unknown): value is Frame {
  if (typeof value !== 'object' || value === null) return false;
  const { type, id } = value as Record<string, unknown>;
  return typeof type === 'string' && (id === undefined || typeof id === 'number');
}
