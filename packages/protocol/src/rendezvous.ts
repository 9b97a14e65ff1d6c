/** The contract of rendezvous: who is where, by namespace, for as long as they say. */
import { z } from 'zod';
import { defineRoutes, json, jsonBody, parameter } from './contract/route.ts';
import { Blob64, duration, integer } from './contract/values.ts';

export const MAX_RENDEZVOUS_ADDRESSES = 8;
export const MAX_RENDEZVOUS_DATA_BYTES = 256;
/** In one answer. */
export const MAX_RENDEZVOUS_PAGE = 256;
export const MIN_RENDEZVOUS_TTL_MS = 10_000;
export const MAX_RENDEZVOUS_TTL_MS = 24 * 3_600_000;

/** One or more parts of letters, digits and . _ - joined by slashes; in a path as %2F. */
export const RendezvousNamespace = z.string().regex(/^(?=.{1,128}$)[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/, {
  error: 'must be 1 to 128 of letters, digits, . _ - and single slashes between them',
});
export const RendezvousName = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, {
  error: 'must be 1 to 64 of letters, digits, . _ -',
});
/** A multiaddr, a URL or host:port: who reads it must know what to do with it. */
const Address = z.string().regex(/^[\x21-\x7e]{1,128}$/, {
  error: 'must be 1 to 128 printable characters without spaces',
});

export const Registration = z.object({
  name: z.string(),
  addresses: z.array(z.string()),
  data: Blob64.optional(),
  /** The node through which it was registered, and which signed it. */
  by: z.string(),
  /** RFC 3339. */
  expiresAt: z.string(),
});
export type Registration = z.output<typeof Registration>;

export const RegistrationReceipt = z.object({
  namespace: z.string(),
  name: z.string(),
  expiresAt: z.string(),
  /** Rendezvous members that hold it. */
  members: z.int(),
  /** Nodes of the distributed hash table that hold it. */
  nodes: z.int(),
});
export type RegistrationReceipt = z.output<typeof RegistrationReceipt>;

const invalid = { namespace: 'RENDEZVOUS_NAME_INVALID', name: 'RENDEZVOUS_NAME_INVALID' } as const;

export const rendezvousRoutes = defineRoutes({
  register: {
    summary: 'Registers a name in a namespace until its time is over; again renews it.',
    method: 'PUT',
    path: '/v1/rendezvous/{namespace}/{name}',
    grant: 'rendezvous:write',
    subject: 'namespace',
    params: { namespace: RendezvousNamespace, name: RendezvousName },
    query: { ttlMs: parameter('ttl', duration(MIN_RENDEZVOUS_TTL_MS, MAX_RENDEZVOUS_TTL_MS).optional()) },
    body: jsonBody(
      z.object({
        addresses: z.array(Address).max(MAX_RENDEZVOUS_ADDRESSES),
        data: Blob64.refine(({ length }) => length <= MAX_RENDEZVOUS_DATA_BYTES, {
          error: `must be at most ${MAX_RENDEZVOUS_DATA_BYTES} bytes`,
        }).optional(),
      }),
      4_096,
    ),
    output: json(RegistrationReceipt),
    errors: ['RENDEZVOUS_NAME_INVALID', 'RENDEZVOUS_FULL', 'RENDEZVOUS_UNSTORED', 'STATE_UNCONFIGURED'],
    invalid,
    repeatable: true,
  },
  withdraw: {
    summary: 'Ends a registration that was made through this node.',
    method: 'DELETE',
    path: '/v1/rendezvous/{namespace}/{name}',
    grant: 'rendezvous:write',
    subject: 'namespace',
    params: { namespace: RendezvousNamespace, name: RendezvousName },
    output: json(z.object({ existed: z.boolean() })),
    errors: ['RENDEZVOUS_NAME_INVALID', 'STATE_UNCONFIGURED'],
    invalid,
    repeatable: true,
  },
  discover: {
    summary: 'Who is registered in a namespace, the newest first.',
    method: 'GET',
    path: '/v1/rendezvous/{namespace}',
    grant: 'rendezvous:read',
    subject: 'namespace',
    params: { namespace: RendezvousNamespace },
    query: { limit: integer(1, MAX_RENDEZVOUS_PAGE).optional() },
    output: json(
      z.object({
        registrations: z.array(Registration),
        /** There are more than were asked for. */
        more: z.boolean(),
      }),
    ),
    errors: ['RENDEZVOUS_NAME_INVALID', 'STATE_UNCONFIGURED'],
    invalid: { namespace: 'RENDEZVOUS_NAME_INVALID' },
  },
});
