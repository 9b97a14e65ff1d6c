/**
 * `/p2pos/client/1.0.0`: operations of the contract, for clients that reach a member as peers and not over HTTP. Anyone may call;
 * what is allowed is told by the token, as at every other door. Fields travel as on the WebSocket door.
 */
import { z } from 'zod';
import { MAX_SOCKET_MESSAGE_BYTES } from '../contract/bounds.ts';
import { defineCapability } from './capability.ts';

export const CLIENT = defineCapability('/p2pos/client/1.0.0', {
  call: {
    id: 1,
    input: z.strictObject({
      token: z.string().min(1).max(200).optional(),
      /** Only with the operator's token. */
      app: z.string().max(63).optional(),
      /** `<capability>.<operation>`, as in `kv.put`. */
      method: z.string().max(64),
      input: z.record(z.string(), z.unknown()),
    }),
    output: z.strictObject({ output: z.unknown() }),
    maxBodyBytes: MAX_SOCKET_MESSAGE_BYTES,
  },
});
