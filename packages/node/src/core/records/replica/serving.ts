/** Binds what peers ask to the parts that answer. */

import type { Handlers } from '../../rpc/index.ts';
import type { Acceptor } from '../cas/acceptor.ts';
import type { RECORDS } from '../format/wire.ts';
import type { Copying } from '../handover/copying.ts';
import type { Notary } from '../receipts/notary.ts';
import type { Comparing } from '../repair/comparing.ts';
import type { LogSource } from '../watch/source.ts';

import type { ReplicaReader } from './reading.ts';
import type { Replica } from './replica.ts';

export interface ServingDeps {
  readonly replica: Replica;
  readonly reader: ReplicaReader;
  readonly copying: Copying;
  readonly acceptor: Acceptor;
  readonly comparing: Comparing;
  readonly source: LogSource;
  readonly notary: Notary;
}

export function serveRecords({
  replica,
  reader,
  copying,
  acceptor,
  comparing,
  source,
  notary,
}: ServingDeps): Handlers<typeof RECORDS.methods> {
  return {
    write: async (input, { peerId }) => ({ answers: await replica.write(input, peerId, { relayed: false }) }),
    relay: async (input, { peerId }) => ({ answers: await replica.write(input, peerId, { relayed: true }) }),
    read: async (input, { peerId }) => ({ answers: await reader.read(input, peerId) }),
    digest: async (input, { peerId }) => ({ digests: await reader.digest(input, peerId) }),
    scan: (input, { peerId }) => reader.scan(input, peerId),
    claim: (input, { peerId }) => comparing.claim(input, peerId),
    compare: (input, { peerId }) => comparing.compare(input, peerId),
    tally: (input, { peerId }) => comparing.tally(input, peerId),
    reconcile: (input, { peerId }) => comparing.reconcile(input, peerId),
    progress: (input, { peerId }) => copying.progress(input, peerId),
    inventory: async (input, { peerId }) => {
      const { done, elsewhere, learning, differing } = await copying.inventory(input, peerId);
      return { done, elsewhere, learning, differing };
    },
    fetch: (input, { peerId }) => copying.fetch(input, peerId),
    promised: (input, { peerId }) => copying.promised(input, peerId),
    follow: (input, { peerId, signal }) => source.follow(input, peerId, signal),
    receipt: async (input, { peerId }) => ({ answers: await notary.sign(input, peerId) }),
    prepare: async (input, { peerId }) => ({ answers: await acceptor.prepare(input, peerId) }),
  };
}
