/** Messages of a socket ↔ frames, by its subprotocol. */
import {
  ClientFrame,
  decodeCbor,
  encodeCbor,
  firstIssue,
  MAX_SOCKET_FRAMES,
  MAX_SOCKET_MESSAGE_BYTES,
  P2posError,
  type ServerFrame,
  SOCKET_CBOR,
  type SocketId,
} from '@p2pos/protocol';
import type { SharedEvent } from '../calls/catalogue.ts';

/** A frame whose fields but the id are encoded already, because several clients get them. */
export interface SharedFrame {
  readonly id: SocketId;
  readonly shared: Uint8Array | string;
}
export type OutgoingFrame = ServerFrame | SharedFrame;

export interface SocketCodec {
  /** Frames of one message, checked. @throws P2posError BAD_REQUEST, CBOR_MALFORMED */
  decode(message: Buffer, isBinary: boolean): ClientFrame[];
  /** The fields of a frame without its id, once for all who get them: the same object gives the same bytes. */
  share(event: SharedEvent): Uint8Array | string;
  /** One or more messages for these frames. */
  encode(frames: readonly OutgoingFrame[]): (string | Uint8Array)[];
}

/** By what the client asked for; JSON without. */
export function codecOf(subprotocol: string): SocketCodec {
  return subprotocol === SOCKET_CBOR ? cbor : json;
}

const json: SocketCodec = {
  decode(message, isBinary) {
    if (isBinary) throw refused('it is binary; open the socket with the subprotocol p2pos.cbor for that');
    let value: unknown;
    try {
      value = JSON.parse(message.toString('utf8'));
    } catch {
      throw refused('it is not JSON');
    }
    return [check(value)];
  },
  share(event) {
    event.text ??= JSON.stringify(event.fields, replaceBytes).slice(1);
    return event.text;
  },
  encode: (frames) =>
    frames.map((frame) =>
      isShared(frame)
        ? `{"id":${JSON.stringify(frame.id)},${frame.shared as string}`
        : JSON.stringify(frame, replaceBytes),
    ),
};

const cbor: SocketCodec = {
  decode(message, isBinary) {
    if (!isBinary) throw refused('it is text; the subprotocol p2pos.cbor carries binary messages');
    const value = decodeCbor(message, { maxBytes: MAX_SOCKET_MESSAGE_BYTES, shares: true });
    if (!Array.isArray(value) || value.length > MAX_SOCKET_FRAMES)
      throw refused(`it is not an array of at most ${MAX_SOCKET_FRAMES} frames`);
    return value.map(check);
  },
  share(event) {
    event.bytes ??= encodeCbor(event.fields);
    return event.bytes;
  },
  encode(frames) {
    const head = arrayHead(frames.length);
    const bodies = frames.map((frame) =>
      isShared(frame) ? (frame.shared as Uint8Array) : encodeCbor(frame as ServerFrame),
    );
    const prefixes = frames.map((frame, i) => prefixOf(frame, bodies[i] as Uint8Array));
    const size = bodies.reduce((sum, body, i) => sum + body.length + (prefixes[i]?.length ?? 0), head.length);
    const message = Buffer.allocUnsafe(size);
    message.set(head);
    let at = head.length;
    for (const [i, body] of bodies.entries()) {
      const prefix = prefixes[i];
      if (!prefix) message.set(body, at);
      else {
        // The head of the map, which counts one field more now, moves before the id.
        message.set(body, at + prefix.length);
        message.set(prefix, at + 1);
        message[at] = (body[0] as number) + 1;
      }
      at += body.length + (prefix?.length ?? 0);
    }
    return [message];
  },
};

function isShared(frame: OutgoingFrame): frame is SharedFrame {
  return 'shared' in frame && !('type' in frame);
}

function arrayHead(count: number): Uint8Array {
  if (count < 24) return Uint8Array.of(0x80 | count);
  return count < 0x100 ? Uint8Array.of(0x98, count) : Uint8Array.of(0x99, count >>> 8, count & 0xff);
}

/** The field `id`, of a frame whose other fields are encoded already. Most frames of a message are of few subscriptions. */
function prefixOf(frame: OutgoingFrame, body: Uint8Array): Uint8Array | undefined {
  if (!isShared(frame)) return undefined;
  // Below 24 fields their count stands in the first byte (RFC 8949 §3.1).
  if ((body[0] as number) >= 0xb7) throw new TypeError('an event has too many fields');
  if (latest?.id !== frame.id) {
    const encoded = encodeCbor(frame.id);
    const bytes = new Uint8Array(3 + encoded.length);
    bytes.set([0x62, 0x69, 0x64]);
    bytes.set(encoded, 3);
    latest = { id: frame.id, bytes };
  }
  return latest.bytes;
}
let latest: { readonly id: SocketId; readonly bytes: Uint8Array } | undefined;

function check(value: unknown): ClientFrame {
  if (isCall(value)) return value;
  const result = ClientFrame.safeParse(value);
  if (result.success) return result.data;
  throw refused(firstIssue(result.error));
}

/** Calls that are as they should be, by hand: they are most of what comes. What is not, the schema explains. */
function isCall(value: unknown): value is ClientFrame & { readonly op: 'call' } {
  if (typeof value !== 'object' || value === null) return false;
  const frame = value as Record<string, unknown>;
  if (frame['op'] !== 'call') return false;
  const { id, method, input } = frame;
  let fields = 3;
  if (!(typeof id === 'number' ? Number.isSafeInteger(id) && id >= 0 : isText(id) && id !== '')) return false;
  if (!isText(method)) return false;
  if (input !== undefined) {
    if (typeof input !== 'object' || input === null || Array.isArray(input) || input instanceof Uint8Array)
      return false;
    fields++;
  }
  return Object.keys(frame).length === fields;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 64;
}

function refused(reason: string): P2posError {
  return new P2posError('BAD_REQUEST', { reason: `The message is refused: ${reason}.` });
}

/** Bytes and wide integers as the contract writes them in JSON. */
function replaceBytes(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const raw = this[key];
  if (raw instanceof Uint8Array) return { $blob: Buffer.from(raw).toString('base64') };
  return typeof raw === 'bigint' ? { $int: raw.toString() } : value;
}
