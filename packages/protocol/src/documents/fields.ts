/** Fields that several documents share, with the bounds that hold for all of them. */
import { z } from 'zod';
import { patternSchema, publicKeySchema } from '../contract/schema.ts';
import { toHex } from '../encoding/hex.ts';
import type { Capability, Scope } from './bodies.ts';

export const MAX_KEYS = 32;

export const CAPABILITIES = [
  'relay',
  'mailbox',
  'rendezvous',
  'storage',
  'sql',
  'compute',
  'seed',
  'gateway',
] as const satisfies readonly Capability[];

const ZONE = /^(?:[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32})?)?$/;
const SCOPE = /^members:(?:add|remove|capabilities|force)(?:@[a-z0-9-]{1,32}(?:\/[a-z0-9-]{1,32})?)?$/;
const NAME = /^[a-z0-9-]{1,64}$/;
const TITLE = /^[^\p{C}\p{Z}](?:[^\p{C}\p{Zl}\p{Zp}]{0,62}[^\p{C}\p{Z}])?$/u;

/** `region` or `region/site`, or empty. */
export const zoneSchema = patternSchema(
  ZONE,
  'must be empty or region/site of a–z 0–9 -, at most 32 characters each',
);
export const scopeSchema = patternSchema<Scope>(
  SCOPE,
  'must be members:add, remove, capabilities or force, optionally @region/site',
);
/** Of a member. */
export const nameSchema = patternSchema(NAME, 'must be 1 to 64 of a–z 0–9 -');
/** Of a system: for people, in any script. */
export const titleSchema = patternSchema(
  TITLE,
  'must be 1 to 64 printable characters without blanks at the ends',
);
export const capabilitySchema = z.enum(CAPABILITIES);
/** Of a document. `value` is the only one that this release reads. */
export function versionField<const V extends number>(value: V) {
  return z.literal(value, { error: `must be ${value}; a newer release may have made it` });
}

export function keysSchema(min: number) {
  return distinct(publicKeySchema, { min, max: MAX_KEYS, by: toHex });
}

/** A list of `min` to `max` elements that all differ in `by`. */
export function distinct<S extends z.ZodType>(
  element: S,
  {
    min = 0,
    max,
    by = String,
  }: { readonly min?: number; readonly max: number; readonly by?: (value: z.output<S>) => string },
) {
  return z
    .array(element)
    .min(min, { error: `must hold at least ${min}`, abort: true })
    .max(max, { error: `must hold at most ${max}`, abort: true })
    .refine((values) => new Set(values.map(by)).size === values.length, { error: 'must not hold one twice' });
}

/** More than half of `count`, at most all; none of none. */
export function isMajority(threshold: number, count: number): boolean {
  return count === 0 ? threshold === 0 : threshold * 2 > count && threshold <= count;
}
