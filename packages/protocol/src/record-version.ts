/**
 * The version of a record: a hybrid logical clock (Kulkarni et al. 2014) and its author, as text of 16 hex digits (48 bits
 * of milliseconds, 16 of counter), `-`, and the author's peer id. Text order is version order.
 *
 * @example
 * compareVersions(formatVersion({ ms: 1, counter: 0, author }), formatVersion({ ms: 1, counter: 1, author })); // -1
 */
import { P2posError } from './errors.ts';
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
const VERSION = /^([0-9a-f]{12})([0-9a-f]{4})-(.+)$/;

/** The author is taken as it is. @throws P2posError BAD_REQUEST for numbers out of range. */
export function formatVersion({ ms, counter, author }: RecordVersion): string {
  if (!isWhole(ms, MAX_VERSION_MS) || !isWhole(counter, MAX_VERSION_COUNTER)) {
    throw new P2posError('BAD_REQUEST', { reason: `A version holds no time ${ms} with counter ${counter}.` });
  }
  return `${ms.toString(16).padStart(12, '0')}${counter.toString(16).padStart(4, '0')}-${author}`;
}

/** @throws P2posError VERSION_INVALID */
export function parseVersion(text: string): RecordVersion {
  const parts = typeof text === 'string' && text.length === 69 ? VERSION.exec(text) : null;
  if (!parts || !isPeerId(parts[3])) {
    throw new P2posError('VERSION_INVALID', { version: String(text).slice(0, 80) });
  }
  return {
    ms: Number.parseInt(parts[1] as string, 16),
    counter: Number.parseInt(parts[2] as string, 16),
    author: parts[3],
  };
}

export function isVersion(text: unknown): text is string {
  const parts = typeof text === 'string' && text.length === 69 ? VERSION.exec(text) : null;
  return parts !== null && isPeerId(parts[3]);
}

/** Negative, zero or positive: time, then counter, then author, by code units. */
export function compareVersions(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isWhole(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
