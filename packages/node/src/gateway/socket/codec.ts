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
} from '@p2pos/protocol';

export interface SocketCodec {
  /** Frames of one message, checked. @throws P2posError BAD_REQUEST, CBOR_MALFORMED */
  decode(message: Buffer, isBinary: boolean): ClientFrame[];
  /** One or more messages for these frames. */
  encode(frames: readonly ServerFrame[]): (string | Uint8Array)[];
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
  encode: (frames) => frames.map((frame) => JSON.stringify(frame, replaceBytes)),
};

const cbor: SocketCodec = {
  decode(message, isBinary) {
    if (!isBinary) throw refused('it is text; the subprotocol p2pos.cbor carries binary messages');
    const value = decodeCbor(message, { maxBytes: MAX_SOCKET_MESSAGE_BYTES, shares: true });
    if (!Array.isArray(value) || value.length > MAX_SOCKET_FRAMES)
      throw refused(`it is not an array of at most ${MAX_SOCKET_FRAMES} frames`);
    return value.map(check);
  },
  encode: (frames) => [encodeCbor(frames)],
};

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
