/**
 * The version of a record: a hybrid logical clock (Kulkarni et al. 2014) and its author, as text of 16 hex digits (48 bits
 * of milliseconds, 16 of counter), `-`, and the author's peer id. Text order is version order.
 *
 * @example
 * compareVersions(formatVersion({ ms: 1, counter: 0, author }), formatVersion({ ms: 1, counter: 1, author })); // -1
 */
import { compareTexts } from './encoding/texts.ts';
import { P2posError } from './errors/errors.ts';
import { isPeerId } from './peer-id.ts';

export interface RecordVersion {
  /** Milliseconds since the Unix epoch, below 2^48. */
  readonly ms: number;
  /** Tells apart what one author wrote within a millisecond, below 2^16. */
  readonly counter: number;
  /** Peer id. */
  readonly author: string;
}

export const MAX_VERSION_MS = 2 ** 48 - 1;
export const MAX_VERSION_COUNTER = 0xffff;
const VERSION_LENGTH = 69;
const MS_DIGITS = 12;
const AUTHOR_AT = 17;

/** The author is taken as it is. @throws P2posError BAD_REQUEST for numbers out of range. */
export function formatVersion({ ms, counter, author }: RecordVersion): string {
  if (!isWhole(ms, MAX_VERSION_MS) || !isWhole(counter, MAX_VERSION_COUNTER)) {
    throw new P2posError('BAD_REQUEST', { reason: `A version holds no time ${ms} with counter ${counter}.` });
  }
  return `${formatVersionTime(ms)}${counter.toString(16).padStart(4, '0')}-${author}`;
}

/** What versions of that time begin with; ms since the epoch, whole. */
export function formatVersionTime(ms: number): string {
  return ms.toString(16).padStart(MS_DIGITS, '0');
}

/** @throws P2posError VERSION_INVALID */
export function parseVersion(text: string): RecordVersion {
  if (!isVersion(text)) throw new P2posError('VERSION_INVALID', { version: String(text).slice(0, 80) });
  return {
    ms: Number.parseInt(text.slice(0, MS_DIGITS), 16),
    counter: Number.parseInt(text.slice(MS_DIGITS, AUTHOR_AT - 1), 16),
    author: text.slice(AUTHOR_AT),
  };
}

export function isVersion(text: unknown): text is string {
  if (typeof text !== 'string' || text.length !== VERSION_LENGTH || text[AUTHOR_AT - 1] !== '-') return false;
  for (let at = 0; at < AUTHOR_AT - 1; at++) if (!isHexDigit(text.charCodeAt(at))) return false;
  return isPeerId(text.slice(AUTHOR_AT));
}

function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66);
}

/** Negative, zero or positive: time, then counter, then author, by code units. */
export function compareVersions(a: string, b: string): number {
  return compareTexts(a, b);
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
