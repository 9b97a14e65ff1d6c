import type { MemberList } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import type { Output } from './contract/operation.ts';

export interface MembersClient {
  list(options?: CallOptions): Promise<MemberList>;
  /** The signed snapshot in force, byte for byte. */
  snapshot(options?: CallOptions): Promise<Uint8Array>;
  /** Hands a signed snapshot to the node; refusals are errors with a code. */
  push(snapshot: Uint8Array, options?: CallOptions): Promise<Output<'members.push'>>;
}

export function createMembersClient(call: Call): MembersClient {
  return {
    list: (options) => call('members.list', {}, options),
    snapshot: async (options) => (await call('members.snapshot', {}, options)).body,
    push: (body, options) => call('members.push', { body }, options),
  };
}
