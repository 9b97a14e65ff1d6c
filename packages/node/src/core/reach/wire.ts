/** `/p2pos/reach/1.0.0`: members dial each other back, and agree on when to dial each other at once. */
import { addressSchema } from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../rpc/index.ts';

export const MAX_CANDIDATES = 8;

export const REACH = defineCapability('/p2pos/reach/1.0.0', {
  /** Which of the caller's addresses lead to it. Only those with the host from which the caller is seen to come are tried. */
  dialBack: {
    id: 1,
    input: z.strictObject({ addresses: z.array(addressSchema).max(MAX_CANDIDATES) }),
    output: z.strictObject({ tried: z.int(), reached: z.array(addressSchema).max(MAX_CANDIDATES) }),
    maxBodyBytes: 4_096,
  },
  /** The caller's address as others see it, for the callee's; `go` follows. */
  punch: {
    id: 2,
    input: z.strictObject({ address: addressSchema }),
    output: z.strictObject({ address: addressSchema }),
    maxBodyBytes: 1_024,
  },
  /** Dial the address of the punch before it, now. */
  go: { id: 3, input: z.strictObject({}), output: z.strictObject({}), maxBodyBytes: 64 },
});
