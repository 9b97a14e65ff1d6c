/**
 * Times and durations as text. A timestamp is RFC 3339 UTC with exactly nine digits of fraction, from 1970 to 9999, so
 * one instant has one text and text order is time order. A duration is a whole number and `ms`, `s`, `m`, `h` or `d`.
 *
 * @example
 * formatTimestamp(1_763_686_923_004); // '2025-11-21T01:02:03.004000000Z'
 * parseDuration('60s'); // 60_000
 */
import type { Timestamp } from './documents/bodies.ts';
import { P2posError } from './errors/errors.ts';

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})\d{6}Z$/;
/** How durations are written; {@link isDuration} refuses besides what is more milliseconds than a number holds exactly. */
export const DURATION_TEXT = /^(0|[1-9]\d{0,15})(ms|s|m|h|d)$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** 9999-12-31T23:59:59.999Z */
const LATEST_MS = 253_402_300_799_999;

/** @param ms Milliseconds since the Unix epoch; a fraction is dropped. @throws P2posError BAD_REQUEST out of range. */
export function formatTimestamp(ms: number): Timestamp {
  const whole = Math.floor(ms);
  if (!(whole >= 0 && whole <= LATEST_MS)) {
    throw new P2posError('BAD_REQUEST', { reason: `The time ${ms} ms is outside 1970 to 9999.` });
  }
  return `${new Date(whole).toISOString().slice(0, -1)}000000Z`;
}

/** Milliseconds since the Unix epoch, rounded down: compare texts where nanoseconds matter. @throws P2posError BAD_REQUEST */
export function parseTimestamp(text: Timestamp): number {
  const ms = read(text);
  if (ms !== undefined) return ms;
  throw new P2posError('BAD_REQUEST', {
    reason: `Not a time: ${shown(text)}. Write it in UTC as 2026-11-21T01:02:03.000000000Z.`,
  });
}

export function isTimestamp(text: unknown): text is Timestamp {
  return read(text) !== undefined;
}

function read(text: unknown): number | undefined {
  const parts = typeof text === 'string' && text.length === 30 ? TIMESTAMP.exec(text) : null;
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second, milli] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (year < 1970 || hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, milli));
  // Date.UTC carries 31 April over to 1 May.
  return date.getUTCMonth() === month - 1 ? date.getTime() : undefined;
}

/** Milliseconds. @throws P2posError BAD_REQUEST for anything but a whole number and a unit. */
export function parseDuration(text: string): number {
  const ms = readDuration(text);
  if (ms !== undefined) return ms;
  throw new P2posError('BAD_REQUEST', {
    reason: `Not a duration: ${shown(text)}. Write a whole number and ms, s, m, h or d, e.g. 60s.`,
  });
}

export function isDuration(text: unknown): text is string {
  return readDuration(text) !== undefined;
}

function readDuration(text: unknown): number | undefined {
  const parts = typeof text === 'string' ? DURATION_TEXT.exec(text) : null;
  const ms = parts ? Number(parts[1]) * UNIT_MS[parts[2] as keyof typeof UNIT_MS] : Number.NaN;
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest exact text: the greatest unit that divides it. @throws P2posError BAD_REQUEST for a negative or broken number. */
export function formatDuration(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms < 0) {
    throw new P2posError('BAD_REQUEST', { reason: `Not a duration in whole milliseconds: ${ms}.` });
  }
  if (ms === 0) return '0s';
  for (const unit of ['d', 'h', 'm', 's'] as const)
    if (ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`;
  return `${ms}ms`;
}

function shown(text: unknown): string {
  return JSON.stringify(String(text).slice(0, 40));
}
