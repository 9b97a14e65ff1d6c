/**
 * The one error table. The same code travels between peers, over HTTP, through the CLI and both SDKs.
 *
 * @example
 * throw new P2posError('KV_KEY_NOT_FOUND', { key: 'a' });
 */

export interface ErrorEntry {
  /** HTTP status. */
  readonly status: number;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retry: boolean;
  /** What happened and what to do. `{name}` is filled from the error's details. */
  readonly text: string;
}

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
  STATE_UNCONFIGURED: {
    status: 503,
    retry: true,
    text: 'This node is not in the membership yet, so it serves no data. An admin adds it with: p2pctl members add {peerId}',
  },
  CONFIG_INVALID: { status: 400, retry: false, text: '{place}: {key} {reason}' },
  DOCUMENT_MALFORMED: { status: 400, retry: false, text: 'The {kind} document is malformed: {reason}.' },
  DOCUMENT_SIGNATURE: {
    status: 403,
    retry: false,
    text: 'The {kind} document is not signed by those who may: {reason}.',
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
