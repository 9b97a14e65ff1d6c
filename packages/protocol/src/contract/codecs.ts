/**
 * The two directions of each codec of the contract, without schemas: `values.ts` and `sql-values.ts` wrap them in checks
 * for the node; clients that leave the checks to the node use them as they are.
 */
import { fromBase64, toBase64 } from '../encoding/base64.ts';
import {
  paramsFromWire,
  paramsToWire,
  rowsFromWire,
  rowsToWire,
  sqlFromWire,
  sqlToWire,
} from '../sql-wire.ts';
import { formatDuration, parseDuration } from '../time.ts';

export interface Codec<Wire, Value> {
  readonly decode: (wire: Wire) => Value;
  readonly encode: (value: Value) => Wire;
}

function codec<Wire, Value>(
  decode: (wire: Wire) => Value,
  encode: (value: Value) => Wire,
): Codec<Wire, Value> {
  return { decode, encode };
}

export const CODECS = {
  /** Text `60s` ↔ milliseconds. */
  duration: codec(parseDuration, formatDuration),
  /** Text `12` ↔ number. */
  count: codec((text: string) => Number(text), String),
  /** Text `1` or `0` ↔ boolean. */
  flag: codec(
    (text: '0' | '1') => text === '1',
    (value: boolean) => (value ? '1' : '0'),
  ),
  /** `"…"` (RFC 9110 §8.8.3) ↔ what is between the quotes. */
  etag: codec(
    (text: string) => text.slice(1, -1),
    (value: string) => `"${value}"`,
  ),
  /** RFC 3339 ↔ milliseconds since 1970. */
  instant: codec(
    (text: string) => Date.parse(text),
    (ms: number) => new Date(ms).toISOString(),
  ),
  /** `{"$blob": "base64"}` ↔ bytes. */
  blob: codec(
    ({ $blob }: { readonly $blob: string }): Uint8Array => fromBase64($blob),
    (value: Uint8Array) => ({ $blob: toBase64(value) }),
  ),
  rows: codec(rowsFromWire, rowsToWire),
  params: codec(paramsFromWire, paramsToWire),
  rowId: codec(sqlFromWire, sqlToWire),
} as const;

/** JSON text without any character that a header cannot carry. */
export function asciiJson(text: string): string {
  return text.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
