import { type MemberList, membersRoutes, type RouteOutput } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';

export interface MembersClient {
  list(options?: CallOptions): Promise<MemberList>;
  /** The signed snapshot in force, byte for byte. */
  snapshot(options?: CallOptions): Promise<Uint8Array>;
  /** Hands a signed snapshot to the node; refusals are errors with a code. */
  push(snapshot: Uint8Array, options?: CallOptions): Promise<RouteOutput<typeof membersRoutes.push>>;
}

export function createMembersClient(call: Call): MembersClient {
  return {
    list: (options) => call(membersRoutes.list, {}, options),
    snapshot: async (options) => (await call(membersRoutes.snapshot, {}, options)).body,
    push: (body, options) => call(membersRoutes.push, { body }, options),
  };
}
