/** How vectors write in JSON what JSON has no form for; `vectors/README.md` describes it for other languages. */
import { fromHex, toHex } from '../../encoding/hex.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export function toNotation(value: unknown): Json {
  if (value instanceof Uint8Array) return { $bytes: toHex(value) };
  if (typeof value === 'bigint') return { $int: value.toString() };
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0)))
    return { $float: floatHex(value) };
  if (Array.isArray(value)) return value.map(toNotation);
  if (typeof value !== 'object' || value === null) return value as Json;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, toNotation(field)]));
}

export function fromNotation(json: Json): unknown {
  if (Array.isArray(json)) return json.map(fromNotation);
  if (typeof json !== 'object' || json === null) return json;
  const { $bytes, $int, $float } = json as { $bytes?: string; $int?: string; $float?: string };
  if ($bytes !== undefined) return fromHex($bytes);
  if ($int !== undefined) return BigInt($int);
  if ($float !== undefined) return new DataView(fromHex($float).buffer as ArrayBuffer).getFloat64(0);
  return Object.fromEntries(Object.entries(json).map(([key, field]) => [key, fromNotation(field)]));
}

/** The eight bytes of IEEE 754 binary64, most significant first. */
function floatHex(value: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return toHex(bytes);
}
