/** Codecs between what travels (text in paths, queries and headers; JSON) and the values that code handles. */
import { base64pad } from 'multiformats/bases/base64';
import { z } from 'zod';
import { formatDuration, parseDuration } from '../time.ts';

/** Text `60s` ↔ milliseconds, within bounds. */
export function duration(minMs: number, maxMs: number) {
  const range = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 60s (units ms, s, m, h, d)`;
  return z.codec(
    z.string().regex(/^(0|[1-9]\d{0,7})(ms|s|m|h|d)$/, { error: `must be ${range}` }),
    z
      .int()
      .min(minMs, { error: `must be ${range}` })
      .max(maxMs, { error: `must be ${range}` }),
    {
      decode: parseDuration,
      encode: formatDuration,
    },
  );
}

/** How whole numbers are written in paths, queries and headers. */
export const INTEGER_TEXT = /^-?\d{1,16}$/;

/** Text `12` ↔ number, within bounds. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.codec(z.string().regex(INTEGER_TEXT, { error }), z.int().min(min, { error }).max(max, { error }), {
    decode: Number,
    encode: String,
  });
}

/** Text `1` or `0` ↔ boolean. */
export function flag() {
  return z.codec(z.enum(['0', '1'], { error: 'must be 0 or 1' }), z.boolean(), {
    decode: (text) => text === '1',
    encode: (value) => (value ? '1' : '0'),
  });
}

/** `"…"` (RFC 9110 §8.8.3) ↔ what is between the quotes. */
export const Etag = z.codec(z.string().regex(/^"[\x21\x23-\x7e]*"$/), z.string(), {
  decode: (text) => text.slice(1, -1),
  encode: (value) => `"${value}"`,
});

/** Text `2026-11-21T01:02:03.000Z` ↔ milliseconds since the epoch. */
export const Instant = z.codec(z.iso.datetime(), z.int().min(0), {
  decode: (text) => Date.parse(text),
  encode: (ms) => new Date(ms).toISOString(),
});

/** JSON text in a header ↔ value. */
export function jsonText<S extends z.ZodType>(schema: S) {
  return z.codec(z.string(), schema, {
    decode: (text, context) => {
      try {
        return JSON.parse(text) as z.input<S>;
      } catch {
        context.issues.push({
          code: 'invalid_format',
          format: 'json_string',
          input: text,
          message: 'must be JSON',
        });
        return z.NEVER;
      }
    },
    encode: (value) => asciiJson(JSON.stringify(value)),
  });
}

/** JSON `{"$blob": "base64"}` ↔ bytes. */
export const Blob64 = z.codec(
  z.strictObject({ $blob: z.base64() }),
  z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  {
    decode: ({ $blob }) => new Uint8Array(base64pad.baseDecode($blob)),
    encode: (value) => ({ $blob: base64pad.baseEncode(value) }),
  },
);

/** JSON number, or `{"$int": "…"}` beyond ±2⁵³ ↔ number or bigint. */
export const WideInteger = z.codec(
  z.union([z.int(), z.strictObject({ $int: z.string().regex(/^-?(0|[1-9]\d{0,99})$/) })]),
  z.union([z.int(), z.bigint()]),
  {
    decode: (wire) => (typeof wire === 'number' ? wire : narrow(BigInt(wire.$int))),
    encode: (value) => {
      const narrowed = typeof value === 'bigint' ? narrow(value) : value;
      return typeof narrowed === 'number' ? narrowed : { $int: narrowed.toString() };
    },
  },
);

function narrow(value: bigint): number | bigint {
  const small = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return small ? Number(value) : value;
}

/** JSON text without any character that a header cannot carry. */
export function asciiJson(text: string): string {
  return text.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
