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
  share(fields: Readonly<Record<string, unknown>>): Uint8Array | string;
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
  share: (fields) => memo(texts, fields, () => JSON.stringify(fields, replaceBytes).slice(1)),
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
  share: (fields) => memo(encodings, fields, () => encodeCbor(fields)),
  encode(frames) {
    const parts: Uint8Array[] = [arrayHead(frames.length)];
    for (const frame of frames) {
      if (!isShared(frame)) {
        parts.push(encodeCbor(frame));
        continue;
      }
      const fields = frame.shared as Uint8Array;
      // A map of one field more: below 24 of them the count stands in the first byte (RFC 8949 §3.1).
      parts.push(idField((fields[0] as number) + 1, frame.id), fields.subarray(1));
    }
    return [Buffer.concat(parts)];
  },
};

const texts = new WeakMap<object, string>();
const encodings = new WeakMap<object, Uint8Array>();

function memo<T>(known: WeakMap<object, T>, fields: object, make: () => T): T {
  let made = known.get(fields);
  if (made === undefined) {
    made = make();
    known.set(fields, made);
  }
  return made;
}

function isShared(frame: OutgoingFrame): frame is SharedFrame {
  return 'shared' in frame && !('type' in frame);
}

function arrayHead(count: number): Uint8Array {
  if (count < 24) return Uint8Array.of(0x80 | count);
  return count < 0x100 ? Uint8Array.of(0x98, count) : Uint8Array.of(0x99, count >>> 8, count & 0xff);
}

/** The head of the map, and its first field. */
function idField(head: number, id: SocketId): Uint8Array {
  const encoded = encodeCbor(id);
  const field = new Uint8Array(4 + encoded.length);
  field.set([head, 0x62, 0x69, 0x64]);
  field.set(encoded, 4);
  return field;
}

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
