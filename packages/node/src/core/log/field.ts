/** The value of a field as it may stand in a log: on one line, bounded, without secrets or payloads. */
import { P2posError } from '@p2pos/protocol';

const MAX_LENGTH = 2_048;
const HIDDEN = '[hidden]';
/** The authors of log lines leave secrets out; these two only make a slip harmless. */
const SECRET_NAME = /token|passphrase|password|secret|authorization|cookie|seed/i;
const TOKEN = /p2pos_[\w-]{43}/g;
const PLAIN = /^[\w.:/@+%-]+$/;
/** What JSON leaves as it is, yet moves the cursor or the reading direction of a terminal. */
const UNSEEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export function textValue(name: string, value: unknown): string {
  const shown = jsonValue(name, value);
  if (typeof shown === 'string') return PLAIN.test(shown) ? shown : toJson(shown);
  if (typeof shown !== 'object' || shown === null) return String(shown);
  if (!isErrorShape(shown)) return toJson(cut(JSON.stringify(shown)));
  const { code, message, stack } = shown;
  const text = toJson(code === undefined ? message : `${code}: ${message}`);
  return stack === undefined ? text : `${text} stack=${toJson(stack)}`;
}

/** Something that JSON can hold. */
export function jsonValue(name: string, value: unknown): unknown {
  if (SECRET_NAME.test(name) && value !== null && typeof value !== 'boolean') return HIDDEN;
  return plain(value);
}

interface ErrorShape {
  readonly code?: string;
  readonly message: string;
  /** Only of errors that nobody foresaw. */
  readonly stack?: string;
}

function plain(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return cut(value);
    case 'number':
    case 'boolean':
      return Number.isNaN(value) || value === Infinity || value === -Infinity ? String(value) : value;
    case 'object':
      return value === null ? null : plainObject(value);
    default:
      return String(value);
  }
}

function plainObject(value: object): unknown {
  if (value instanceof Error) return errorShape(value);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  try {
    const text = JSON.stringify(value, (name, inner) =>
      name === ''
        ? inner
        : inner !== null && typeof inner === 'object'
          ? container(inner)
          : jsonValue(name, inner),
    );
    return text.length <= MAX_LENGTH ? JSON.parse(text) : cut(text);
  } catch {
    return '[not shown]';
  }
}

function container(value: object): unknown {
  if (value instanceof Error) return errorShape(value);
  return ArrayBuffer.isView(value) ? `${value.byteLength} bytes` : value;
}

function errorShape(error: Error): ErrorShape {
  const cause = error.cause instanceof Error ? ` (cause: ${error.cause.message})` : '';
  const message = cut(error.message + cause);
  if (error instanceof P2posError) return { code: error.code, message };
  return {
    message: `${error.name}: ${message}`,
    ...(error.stack === undefined ? {} : { stack: cut(error.stack) }),
  };
}

function isErrorShape(value: object): value is ErrorShape {
  return 'message' in value && typeof value.message === 'string' && ('code' in value || 'stack' in value);
}

function cut(text: string): string {
  const safe = text.replaceAll(TOKEN, `p2pos_${HIDDEN}`);
  return safe.length <= MAX_LENGTH ? safe : `${safe.slice(0, MAX_LENGTH)}… (${safe.length} characters)`;
}

/** JSON on one line that also shows what is unseen. */
export function toJson(value: unknown): string {
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(UNSEEN, escaped);
}
