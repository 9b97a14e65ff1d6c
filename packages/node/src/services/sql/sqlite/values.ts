/** SQL values between node:sqlite and the contract: whole numbers are INTEGER there only as bigint. */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { SqlParams, SqlValue } from '@p2pos/protocol';

export type Bound = SQLInputValue[] | [Record<string, SQLInputValue>];

export function bound(params: SqlParams): Bound {
  if (Array.isArray(params)) return params.map(toInput);
  return [
    Object.fromEntries(Object.entries(params).map(([name, value]) => [name, toInput(value as SqlValue)])),
  ];
}

function toInput(value: SqlValue): SQLInputValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}

export function toValue(value: SQLOutputValue): SqlValue {
  if (typeof value !== 'bigint') return value;
  const small = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return small ? Number(value) : value;
}

/** About what it takes as JSON. */
export function sizeOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length + 2;
  return value instanceof Uint8Array ? Math.ceil(value.length * 1.34) + 12 : 8;
}

/** Results as they are kept for repeats: JSON, with `{"$int"}`, `{"$real"}` and `{"$blob"}` as in the contract. */
export function packed(results: unknown): string {
  return JSON.stringify(results, function (this: Record<string, unknown>, key, value) {
    const raw = this[key];
    if (typeof raw === 'bigint') return { $int: raw.toString() };
    if (typeof raw === 'number' && !Number.isFinite(raw)) return { $real: String(raw) };
    if (raw instanceof Uint8Array) return { $blob: Buffer.from(raw).toString('base64') };
    return value;
  });
}

export function unpacked(text: string): unknown {
  return JSON.parse(text, (_, value) => {
    if (typeof value !== 'object' || value === null) return value;
    if (typeof value.$int === 'string') return BigInt(value.$int);
    if (typeof value.$real === 'string') return Number(value.$real);
    if (typeof value.$blob === 'string') return new Uint8Array(Buffer.from(value.$blob, 'base64'));
    return value;
  });
}
