/**
 * The one error table. The same code travels between peers, over HTTP, through the CLI and both SDKs.
 *
 * @example
 * throw new P2posError('KV_KEY_NOT_FOUND', { key: 'a' });
 */
import { APP_ERRORS } from './app-errors.ts';
import { CEREMONY_ERRORS } from './ceremony-errors.ts';
import { DATA_ERRORS } from './data-errors.ts';
import { DHT_ERRORS } from './dht-errors.ts';
import { E2EE_ERRORS } from './e2ee-errors.ts';
import type { ErrorEntry } from './entry.ts';
import { MEMBERSHIP_ERRORS } from './membership-errors.ts';
import { NETWORK_ERRORS } from './network-errors.ts';
import { RECORD_ERRORS } from './record-errors.ts';
import { SQL_ERRORS } from './sql-errors.ts';

export const ERRORS = {
  INTERNAL: {
    status: 500,
    retry: false,
    text: 'Something failed inside the node. Look for requestId {requestId} in its log.',
  },
  BAD_REQUEST: { status: 400, retry: false, text: '{reason}' },
  AUTH_REQUIRED: {
    status: 401,
    retry: false,
    text: 'This needs a token. Send "authorization: Bearer <token>"; the operator\'s token is in the file "token" of the node\'s home.',
  },
  GRANT_MISSING: {
    status: 403,
    retry: false,
    text: 'The token lacks the grant {grant}. Ask the operator for a token that has it.',
  },
  ORIGIN_REFUSED: {
    status: 403,
    retry: false,
    text: 'Requests from the page {origin} are refused. Open the page that the node itself serves (p2pctl open).',
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    retry: false,
    text: 'There is nothing at {method} {path}. See /openapi.json for what there is.',
  },
  CLIENTS_NOT_SERVED: {
    status: 503,
    retry: true,
    text: 'This member serves no clients: no snapshot gives it the capability gateway. Ask a member that has it.',
  },
  METHOD_NOT_SERVED: {
    status: 404,
    retry: false,
    text: 'There is no method {method} on this socket. See /openapi.json: a method is an operationId, as in kv.put.',
  },
  STREAM_NOT_SERVED: {
    status: 404,
    retry: false,
    text: 'There is nothing of kind {kind} to subscribe to. There is: {known}.',
  },
  BODY_TOO_LARGE: { status: 413, retry: false, text: 'The body is larger than {maxBytes} bytes.' },
  TIMEOUT: {
    status: 504,
    retry: true,
    text: '{what} did not answer within {timeoutMs} ms. Try again; p2pctl status shows which nodes are reachable.',
  },
  CANCELLED: { status: 499, retry: false, text: 'The caller gave up before the answer was ready.' },
  OVERLOADED: {
    status: 429,
    retry: true,
    text: '{what} has too much in flight. Wait a moment and try again.',
  },
  PEER_UNREACHABLE: {
    status: 503,
    retry: true,
    text: 'Node {peerId} cannot be reached. p2pctl peers shows what is connected.',
  },
  PEER_PROTOCOL: {
    status: 502,
    retry: false,
    text: 'Node {peerId} broke the protocol: {reason}. Its connection was closed.',
  },
  METHOD_UNKNOWN: {
    status: 501,
    retry: false,
    text: 'Node {peerId} does not know {method}. It may run another version.',
  },
  NOT_A_MEMBER: {
    status: 403,
    retry: false,
    text: 'Node {peerId} is not a member of this system. An admin adds it with: p2pctl members add {peerId}',
  },
  IDENTITY_DUPLICATE: {
    status: 503,
    retry: false,
    text: 'Another live process uses the key of node {peerId}, so both stop serving. Stop one of them, give it a key of its own, and restart the other.',
  },
  STATE_UNCONFIGURED: {
    status: 503,
    retry: true,
    text: 'This node is not in the membership yet, so it serves no data. An admin adds it with: p2pctl members add {peerId}',
  },
  STORE_FAILED: {
    status: 500,
    retry: false,
    text: "The node's store failed: {reason}. Its log says more; p2pctl doctor checks the disk.",
  },
  STORE_CORRUPT: {
    status: 500,
    retry: false,
    text: 'The database {file} is damaged: {reason}. Restore a backup, or move its folder away: the node then starts empty and gets its share again from the other nodes.',
  },
  STORE_TOO_NEW: {
    status: 500,
    retry: false,
    text: 'The database {file} was written by a newer version ({owner} has form {found}, this version knows {known}). Start that version again, or restore a backup made before the update.',
  },
  HOME_UNWRITABLE: {
    status: 500,
    retry: false,
    text: 'The folder {folder} cannot be used: {reason}. Give it to the user that runs the node, or choose another with --home.',
  },
  HOME_IN_USE: {
    status: 409,
    retry: false,
    text: 'The folder {folder} is in use by process {pid}. Stop that process, or choose another folder with --home.',
  },
  SECRET_FILE_EXPOSED: {
    status: 500,
    retry: false,
    text: 'The file {file} holds a secret, and other users can read or change it. Run: chmod 600 {file}',
  },
  SECRET_FILE_UNREADABLE: {
    status: 500,
    retry: false,
    text: 'The secret in {file} cannot be read: {reason}. Give the file to the user that runs the node, or correct the setting that names it.',
  },
  KEY_FILE_INVALID: {
    status: 500,
    retry: false,
    text: 'The key file {file} is damaged: {reason}. Restore it from a backup; without one, move it away: the node then gets a new key, and an admin must add it as a new member.',
  },
  KEY_PASSPHRASE_NEEDED: {
    status: 500,
    retry: false,
    text: 'The key file {file} is sealed by a passphrase. Name a file that holds it in node.passphrase_file (--node-passphrase-file).',
  },
  KEY_PASSPHRASE_WRONG: {
    status: 500,
    retry: false,
    text: 'The passphrase does not open the key file {file}. Correct the file that node.passphrase_file names.',
  },
  CONFIG_INVALID: { status: 400, retry: false, text: '{place}: {key} {reason}' },
  CBOR_MALFORMED: {
    status: 400,
    retry: false,
    text: 'The CBOR body cannot be read: {reason}. Send one definite-length value with text keys, as RFC 8949 describes.',
  },
  CBOR_UNENCODABLE: {
    status: 500,
    retry: false,
    text: 'The value cannot be written as CBOR: it holds {reason}. Use null, booleans, 64-bit integers, floats, well-formed text, bytes, arrays and plain objects.',
  },
  PEER_ID_INVALID: {
    status: 400,
    retry: false,
    text: 'Not the peer id of an Ed25519 key: {peerId}. It begins with 12D3KooW; p2pctl peers shows those that are known.',
  },
  VERSION_INVALID: {
    status: 400,
    retry: false,
    text: 'Not a version: {version}. Send one exactly as the node gave it.',
  },
  ADMISSION_UNSUPPORTED: {
    status: 400,
    retry: false,
    text: 'The genesis founds a system with admission {admission}, which this release cannot keep. Found it with admission closed, or run a release that has open systems.',
  },
  DOCUMENT_MALFORMED: { status: 400, retry: false, text: 'The {kind} document is malformed: {reason}.' },
  DOCUMENT_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The {kind} document is not signed by those who may: {reason}.',
  },
  HOST_REFUSED: {
    status: 403,
    retry: false,
    text: 'Requests for the host {host} are refused, since a foreign page could send them. Use the address the node listens on, or add the name to http.allowed_hosts.',
  },
  METHOD_NOT_ALLOWED: { status: 405, retry: false, text: '{path} does not take {method}, only {allowed}.' },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    retry: false,
    text: 'The body must be {expected}; set the content-type header to that.',
  },
  URL_TOO_LONG: { status: 414, retry: false, text: 'The URL is longer than {maxBytes} bytes.' },
  HEADERS_TOO_LARGE: {
    status: 431,
    retry: false,
    text: "The request's headers are larger than {maxBytes} bytes.",
  },
  REQUEST_TOO_SLOW: {
    status: 408,
    retry: true,
    text: 'The request did not arrive in time. Send it whole, without long pauses.',
  },
  PORT_IN_USE: {
    status: 409,
    retry: false,
    text: 'Port {port} on {host} is taken by {holder}. End that program, or choose another port with --port (http.listen in node.toml).',
  },
  LISTEN_FAILED: {
    status: 500,
    retry: false,
    text: 'Cannot listen on {host}:{port}: {reason}. Choose another address with http.listen in node.toml.',
  },
  TOKEN_FILE_INVALID: {
    status: 500,
    retry: false,
    text: 'The token file {file} is unusable: {reason}. Move it away and start again: a new token is made.',
  },
  SESSION_LINK_INVALID: {
    status: 410,
    retry: false,
    text: 'This link was used already or is older than 60 s. Print a new one with: p2pctl open',
  },
  ...APP_ERRORS,
  ...DATA_ERRORS,
  ...DHT_ERRORS,
  RECORD_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The record is not signed by a member who may write it: {reason}.',
  },
  PLACEMENT_STALE: {
    status: 503,
    retry: true,
    text: 'Node {peerId} knows another membership (epoch {epoch}), so the replicas may differ. The nodes tell each other; try again.',
  },
  RECONCILIATION_MALFORMED: {
    status: 400,
    retry: false,
    text: 'A message by which replicas compare what they hold is refused: {reason}.',
  },
  REPLICA_LEARNING: {
    status: 503,
    retry: true,
    text: 'This replica lost its disk or runs on an old copy of it, and counts in no majority until it has caught up. Try again.',
  },
  VERSION_AHEAD: {
    status: 503,
    retry: true,
    text: 'The version lies more than {maxAheadMs} ms in the future. Set the clocks of the nodes (p2pctl doctor), then try again.',
  },
  STORE_FULL: {
    status: 507,
    retry: true,
    text: 'A disk is full; reads go on, new writes are refused. Free some space there, raise its store.max_bytes, or add a node.',
  },
  MEMBERS_SNAPSHOT_NONE: {
    status: 404,
    retry: false,
    text: 'This node knows no snapshot yet. An admin pushes one with: p2pctl members push FILE',
  },
  ...E2EE_ERRORS,
  ...MEMBERSHIP_ERRORS,
  ...CEREMONY_ERRORS,
  ...NETWORK_ERRORS,
  ...RECORD_ERRORS,
  ...SQL_ERRORS,
  COMMAND_USAGE: { status: 400, retry: false, text: '{reason}' },
  NODE_UNREACHABLE: {
    status: 503,
    retry: true,
    text: 'No node answers at {url}: {reason}. Look whether it runs, or name another with --url or --home.',
  },
  NODE_NOT_CHOSEN: {
    status: 404,
    retry: false,
    text: 'There is no node to talk to: {looked}. Start a system with: p2pctl dev, or name a node with --url or --home.',
  },
  NODE_START_FAILED: { status: 500, retry: false, text: '{name} did not start: {reason}' },
  FILE_UNREADABLE: { status: 400, retry: false, text: '{file} cannot be read: {reason}.' },
  HOME_UNUSABLE: { status: 400, retry: false, text: '{home} cannot be used: {reason}.' },
  DEV_ALREADY_RUNNING: {
    status: 409,
    retry: false,
    text: 'A development system already runs in {home} (pid {pid}). Use it, end it with: p2pctl dev stop, or start another in a folder of its own with --home DIR --port N',
  },
  DEV_NOT_RUNNING: {
    status: 409,
    retry: false,
    text: 'No development system runs in {home}. Start it with: p2pctl dev',
  },
  DEV_PORT_BUSY: {
    status: 409,
    retry: false,
    text: 'Port {port} on 127.0.0.1, wanted by {name}, is held by {holder}. End that, or take other ports: p2pctl dev --port {suggestion}',
  },
  DEV_NODE_COUNT: {
    status: 409,
    retry: false,
    text: 'The system in {home} was founded with {founded} nodes, not {asked}. {advice}',
  },
  DEV_NODE_UNKNOWN: {
    status: 404,
    retry: false,
    text: 'The development system has no node {name}. p2pctl status shows its nodes.',
  },
  NODE_CLOSING: {
    status: 503,
    retry: true,
    text: 'This node is shutting down. Ask another node, or wait until it is back.',
  },
  ANSWER_UNEXPECTED: {
    status: 502,
    retry: false,
    text: 'What answers at {url} is no P2POS node, or one of another version: {reason}.',
  },
  CLIENT_CLOSED: {
    status: 499,
    retry: false,
    text: 'This client was closed. Make a new one with connect().',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The only error class. `message` is the table's text with the details filled in. */
export class P2posError extends Error {
  override readonly name = 'P2posError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(fillIn(ERRORS[code].text, details), options);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retry(): boolean {
    return ERRORS[this.code].retry;
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

export function isP2posError(error: unknown, code?: ErrorCode): error is P2posError {
  return error instanceof P2posError && (code === undefined || error.code === code);
}

function fillIn(text: string, details: ErrorDetails): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in details ? String(details[name]) : whole,
  );
}
