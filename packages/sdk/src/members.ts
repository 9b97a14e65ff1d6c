import type { MemberList } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';
import type { Input, Output } from './contract/operation.ts';
import { pages } from './pages.ts';

export type DocumentListName = Input<'members.documents'>['list'];

/** `bytes` is base64url: `fromBase64url` of `@p2pos/protocol` reads it. */
export type SignedDocument = Output<'members.documents'>['documents'][number];

export interface MembersClient {
  list(options?: CallOptions): Promise<MemberList>;
  /** The signed snapshot in force, byte for byte. */
  snapshot(options?: CallOptions): Promise<Uint8Array>;
  /** Hands a signed snapshot to the node; refusals are errors with a code. */
  push(snapshot: Uint8Array, options?: CallOptions): Promise<Output<'members.push'>>;
  /** The signed documents that the node holds, oldest first, fetched as they are consumed. */
  documents(list: DocumentListName, options?: CallOptions): AsyncIterable<SignedDocument>;
}

export function createMembersClient(call: Call): MembersClient {
  return {
    list: (options) => call('members.list', {}, options),
    snapshot: async (options) => (await call('members.snapshot', {}, options)).body,
    push: (body, options) => call('members.push', { body }, options),
    documents: (list, options) =>
      pages(async (from) => {
        const { documents, cursor } = await call('members.documents', { list, ...from }, options);
        return { items: documents, cursor };
      }),
  };
}
