/** Bounds and names that clients need without the schemas. */

export const SOCKET_PATH = '/v1/ws';
export const SOCKET_JSON = 'p2pos.json';
export const SOCKET_CBOR = 'p2pos.cbor';

/** Of one message from a client: the greatest value as base64 with room for what is around it. */
export const MAX_SOCKET_MESSAGE_BYTES = 2 * 1_048_576;
/** Frames in one CBOR message. */
export const MAX_SOCKET_FRAMES = 1_024;
/** A client that says nothing sends `ping` at least this often, ms; either side gives up after twice as long. */
export const SOCKET_HEARTBEAT_MS = 20_000;

/** Numbers that a subscription may say it has when it goes on elsewhere. */
export const MAX_PUBSUB_AFTER = 512;
/** Sequences in one call. */
export const MAX_TOPIC_ACKS = 1_000;
