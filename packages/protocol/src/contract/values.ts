/** Codecs between what travels (text in paths, queries and headers; JSON) and the values that code handles. */
import { z } from 'zod';
import { DURATION_TEXT, formatDuration, isDuration } from '../time.ts';
import { asciiJson, CODECS } from './codecs.ts';

/** Text `60s` ↔ milliseconds, within bounds. */
export function duration(minMs: number, maxMs: number) {
  const error = `must be a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 60s (units ms, s, m, h, d)`;
  return z.codec(
    z.string().regex(DURATION_TEXT, { error, abort: true }).refine(isDuration, { error }),
    z.int().min(minMs, { error }).max(maxMs, { error }),
    CODECS.duration,
  );
}

/** How whole numbers are written in paths, queries and headers. */
export const INTEGER_TEXT = /^-?\d{1,16}$/;

/** Text `12` ↔ number, within bounds. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.codec(
    z.string().regex(INTEGER_TEXT, { error }),
    z.int().min(min, { error }).max(max, { error }),
    CODECS.count,
  );
}

/** Text `1` or `0` ↔ boolean. */
export function flag() {
  return z.codec(z.enum(['0', '1'], { error: 'must be 0 or 1' }), z.boolean(), CODECS.flag);
}

/** `"…"` (RFC 9110 §8.8.3) ↔ what is between the quotes. */
export const Etag = z.codec(z.string().regex(/^"[\x21\x23-\x7e]*"$/), z.string(), CODECS.etag);

/** Text `2026-11-21T01:02:03.000Z` ↔ milliseconds since the epoch. */
export const Instant = z.codec(z.iso.datetime(), z.int().min(0), CODECS.instant);

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
  CODECS.blob,
);
