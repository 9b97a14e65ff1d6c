/**
 * Frames of the WebSocket door `/v1/ws`: calls of every operation and subscriptions of every stream over one socket. The
 * subprotocol `p2pos.json` (also without any) carries one JSON object a text message; `p2pos.cbor` one CBOR array of
 * frames a binary message, so that what is sent together travels together.
 *
 * Fields of operations and streams travel under their names in code with the values that HTTP carries as text, JSON
 * bodies under `body` as they are; bytes are CBOR byte strings, in JSON `{"$blob": "base64"}`.
 *
 * @example
 * → {"op": "auth", "token": "p2pos_…"}                        without an Authorization header within 5 s, while nothing goes on
 * → {"op": "call", "id": 1, "method": "kv.put", "input": {"key": "a", "body": {"$blob": "MQ=="}}}
 * ← {"id": 1, "type": "result", "output": {…}}
 * → {"op": "subscribe", "id": 2, "kind": "kv", "prefix": "a"}
 * ← {"id": 2, "type": "open", …} {"id": 2, "type": "change", …} … {"id": 2, "type": "end"}
 * → {"op": "unsubscribe", "id": 2}
 */
import { z } from 'zod';

/** Close codes (RFC 6455 §7.4.2): why the node ended the socket. */
export const SOCKET_CLOSE = {
  /** Its frames are not frames, or name another caller while something of the first goes on. */
  malformed: 4_400,
  /** No token, or none that is valid, in time. */
  unauthorized: 4_401,
  /** Silent for too long. */
  silent: 4_408,
  /** The node ends; connect to another, or again in a moment. */
  closing: 4_503,
} as const;

/** Chosen by the client, for as long as what it names goes on. */
const Id = z.union([z.int().min(0), z.string().min(1).max(64)], {
  error: 'must be a whole number or a text',
});
export type SocketId = z.output<typeof Id>;

const AuthFrame = z.strictObject({
  op: z.literal('auth'),
  token: z.string().min(1).max(200),
  /** Only with the operator's token. */
  app: z.string().max(63).optional(),
});
const CallFrame = z.strictObject({
  op: z.literal('call'),
  id: Id,
  /** `<capability>.<operation>`, as in `kv.put`. */
  method: z.string().max(64),
  input: z.record(z.string(), z.unknown()).optional(),
  /** For the answer; the node's own bound holds as well. */
  timeoutMs: z.int().min(1).optional(),
});
/** Gives up on a call, or on a subscription that is not open yet. */
const CancelFrame = z.strictObject({ op: z.literal('cancel'), id: Id });
/** The fields of the stream stand beside these. */
const SubscribeFrame = z.looseObject({ op: z.literal('subscribe'), id: Id, kind: z.string().max(64) });
const UnsubscribeFrame = z.strictObject({ op: z.literal('unsubscribe'), id: Id });
const PingFrame = z.strictObject({ op: z.literal('ping') });

/** What a client may say. */
export const ClientFrame = z.discriminatedUnion('op', [
  AuthFrame,
  CallFrame,
  CancelFrame,
  SubscribeFrame,
  UnsubscribeFrame,
  PingFrame,
]);
export type ClientFrame = z.output<typeof ClientFrame>;

/** What the node says. `result` and `error` end a call, `end` and `error` a subscription; other types are its events. */
export type ServerFrame =
  | { readonly type: 'ready'; readonly app: string }
  | { readonly type: 'pong' }
  | { readonly id: SocketId; readonly type: 'result'; readonly output: unknown }
  | {
      readonly id?: SocketId;
      readonly type: 'error';
      readonly code: string;
      readonly message: string;
      readonly details: unknown;
      readonly status: number;
      readonly requestId: string;
    }
  | { readonly id: SocketId; readonly type: 'end' }
  | ({ readonly id: SocketId; readonly type: string } & Readonly<Record<string, unknown>>);
