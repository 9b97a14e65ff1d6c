/**
 * What a token allows. A grant is `<capability>:<action>`, `<capability>:*`, or either with `@<prefix>`: then only for
 * keys, topics or databases whose names begin with the prefix, literally. `*` alone, everything, is the operator's.
 *
 * @example
 * allows(['kv:read', 'kv:write@orders/'], 'kv:write', 'orders/7'); // true
 * allows(['kv:write@orders/'], 'kv:write', 'users/7'); // false
 */
import { z } from 'zod';
import type { Grant } from './route.ts';

/** What tenants may be granted; everything else belongs to the operator and to tokens of the app `default`. */
export const TENANT_CAPABILITIES = ['kv', 'pubsub', 'sql', 'rendezvous'] as const;

const GRANT = /^[a-z]+:(?:\*|[a-z]+)(?:@(.{1,512}))?$/su;

/** `kv:read`, `sql:*`, `pubsub:publish@orders.`. */
export const GrantText = z
  .string()
  .max(600)
  .refine((text) => GRANT.test(text) && text.isWellFormed(), {
    error: 'must be <capability>:<action>, as in kv:read, kv:* or kv:write@orders/',
  })
  // As a prefix `*` would be met by the pattern `*`, which is everything.
  .refine((text) => !/^pubsub:[^@]*@.*[*>]/su.test(text), {
    error: 'a prefix of topics is literal, without * and >, as in pubsub:subscribe@orders.',
  });

/** Whether one of the grants held covers the needed one at all, for whatever name. `token`, `loopback` and `none` ask for no grant. */
export function mayAllow(held: readonly string[], needed: Grant): boolean {
  return asksNothing(needed) || held.some((grant) => covers(partsOf(grant).action, needed));
}

/** The same for one name; without a name, a grant that is bound to a prefix allows nothing. */
export function allows(held: readonly string[], needed: Grant, name?: string): boolean {
  if (asksNothing(needed)) return true;
  return held.some((grant) => {
    const { action, prefix } = partsOf(grant);
    return covers(action, needed) && (prefix === undefined || name?.startsWith(prefix) === true);
  });
}

/** That there is a token, or none, is for the door to see; none of these asks what it allows. */
function asksNothing(needed: Grant): boolean {
  return needed === 'none' || needed === 'loopback' || needed === 'token';
}

function partsOf(grant: string): { readonly action: string; readonly prefix?: string } {
  const at = grant.indexOf('@');
  return at < 0 ? { action: grant } : { action: grant.slice(0, at), prefix: grant.slice(at + 1) };
}

function covers(action: string, needed: Grant): boolean {
  return (
    action === '*' || action === needed || (action.endsWith(':*') && needed.startsWith(action.slice(0, -1)))
  );
}
