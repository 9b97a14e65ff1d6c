/** The methods by which replicas compare what they hold; part of the capability of the records. */
import { bytesSchema, hash32Schema, integerSchema, textSchema } from '@p2pos/protocol';
import { z } from 'zod';

/** Ranges of slots in one comparison. */
export const MAX_COMPARED_RANGES = 256;
/** Of one message of the reconciliation. */
export const MAX_RECONCILE_BYTES = 65_536;

const claim = z.strictObject({
  storeId: textSchema(64, { min: 1 }),
  term: integerSchema(0),
  commits: integerSchema(0),
});
const placed = { epoch: integerSchema(1, 0xffff_ffff), placement: hash32Schema };
const count = integerSchema(1, 64);
const slot = integerSchema(0, 65_535);
const ranges = z
  .array(z.tuple([slot, slot]).refine(([first, last]) => first <= last, 'must be first and last slot'))
  .min(1)
  .max(MAX_COMPARED_RANGES);

export const REPAIR_METHODS = {
  /** Which disk the caller runs on, against what this node remembers of it. */
  claim: {
    id: 9,
    input: claim,
    output: z.strictObject({
      verdict: z.enum(['unknown', 'known', 'contradicted']),
      term: integerSchema(0),
      /** What the claim contradicts. */
      remembered: claim.optional(),
      /** Holds records of slots that others hold now. */
      strays: z.boolean(),
      /** The snapshot by which that is so. Earlier releases do not say. */
      placement: hash32Schema.optional(),
      /** What it does not remember it never heard: its own disk is not new. Earlier releases do not say. */
      sure: z.boolean().optional(),
      /** Which disk it runs on itself, so that the caller remembers it too. */
      own: claim.optional(),
    }),
  },
  /** Digests over ranges of those slots that both hold: 32 bytes for one range, 16 each for several. */
  compare: {
    id: 10,
    input: z.strictObject({
      ...placed,
      count,
      ranges,
    }),
    output: z.strictObject({
      digests: z.array(bytesSchema({ max: 32 })).max(MAX_COMPARED_RANGES),
      /** Ranges, by their index, with a slot in which this node does not count. */
      learning: z.array(slot).max(MAX_COMPARED_RANGES),
      /** Of these, those with one where it has lost what it held, and has not caught up. Earlier releases do not say. */
      lost: z.array(slot).max(MAX_COMPARED_RANGES).optional(),
    }),
    cost: 'repair',
  },
  /** How many records, deletions left out, this node holds in each of the slots. */
  tally: {
    id: 12,
    input: z.strictObject({ ...placed, count, slots: z.array(slot).min(1).max(4_096) }),
    output: z.strictObject({ records: z.array(integerSchema(0)).max(4_096) }),
    cost: 'repair',
  },
  /** One step of set reconciliation over the records of a slot (repair/negentropy). */
  reconcile: {
    id: 11,
    input: z.strictObject({
      ...placed,
      count,
      slot,
      message: bytesSchema({ max: MAX_RECONCILE_BYTES }),
    }),
    output: z.strictObject({
      message: bytesSchema({ max: MAX_RECONCILE_BYTES }),
      learning: z.boolean(),
      /** It has lost what it held there, and has not caught up. Earlier releases do not say. */
      lost: z.boolean().optional(),
    }),
    cost: 'repair',
  },
} as const;
