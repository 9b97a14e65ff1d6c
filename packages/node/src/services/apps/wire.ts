/** `/p2pos/apps/1.0.0`: how gateways share an app's quotas, and what each of them has counted. */
import { AppName } from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../core/rpc/index.ts';

/** A second. Absent where the app has no such quota. */
const Rates = z.strictObject({
  requests: z.number().min(0).max(1e9).optional(),
  messages: z.number().min(0).max(1e9).optional(),
});
export type Rates = z.output<typeof Rates>;

export const APPS = defineCapability('/p2pos/apps/1.0.0', {
  /** To the app's keeper: what is asked of me; what may I let through, for how long. */
  share: {
    id: 1,
    input: z.strictObject({
      app: AppName,
      demand: Rates,
      /** What I still hold from another keeper. */
      held: Rates.optional(),
    }),
    output: z.strictObject({
      share: Rates,
      leaseMs: z.int().min(1).max(60_000),
      /** Of the whole app; absent: not known yet. */
      storedBytes: z.int().min(0).optional(),
    }),
    maxBodyBytes: 1_024,
  },
  /** Delete of the app, which is being deleted, what this member is the first living replica of. */
  purge: {
    id: 3,
    input: z.strictObject({ app: AppName }),
    output: z.strictObject({ records: z.int().min(0) }),
    cost: 'bulk',
    maxBodyBytes: 1_024,
  },
  /** What this member has counted since it started. */
  usage: {
    id: 2,
    input: z.strictObject({ app: AppName }),
    output: z.strictObject({
      requests: z.int().min(0),
      refused: z.int().min(0),
      messages: z.int().min(0),
      /** Keys and values of the app in this node's store, as one replica of several. */
      storedBytes: z.int().min(0),
    }),
    cost: 'bulk',
    maxBodyBytes: 1_024,
  },
});
