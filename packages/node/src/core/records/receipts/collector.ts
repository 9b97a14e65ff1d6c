/** The coordinator's side of receipts: asks those who hold a record for their signatures, and checks them before it passes them on. */
import {
  type Crypto,
  decodeHeader,
  equalBytes,
  isP2posError,
  P2posError,
  type SignedReceipt,
  type Statement,
  verifyStatement,
} from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import { nameBody, type ReplicaCalls } from '../coordinator/calls.ts';
import { majorityOf, reaches } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { CallOptions, RecordKey, WriteOutcome } from '../port.ts';

export interface Collector {
  /** @throws P2posError RECEIPT_UNAVAILABLE; the write is done nevertheless */
  collect(
    name: RecordKey,
    place: { readonly slot: number; readonly count: number },
    /** `version`: of the record; `outcome`: what the write was answered with, where that is another. */
    held: Pick<WriteOutcome, 'version' | 'replicas'> & { readonly outcome?: string },
    options: CallOptions,
  ): Promise<SignedReceipt>;
}

export interface CollectorDeps {
  readonly systemId: string;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly crypto: Crypto;
}

export function createCollector(
  { systemId, topology, calls, crypto }: CollectorDeps,
  { timeoutMs }: { readonly timeoutMs: number },
): Collector {
  return {
    async collect(name, { slot, count }, { version, replicas, outcome = version }, { signal }) {
      const { namespace, key } = name;
      let header: Uint8Array | undefined;
      const statements: Statement[] = [];
      const reasons = new Set<string>();
      const unavailable = (signed: number, reason: string) =>
        new P2posError('RECEIPT_UNAVAILABLE', {
          signed,
          needed: majorityOf(count),
          reason,
          outcome: 'done',
          version: outcome,
        });
      // This node may have been removed since the write was acknowledged.
      const placed = topology.placedNow();
      if (!placed) throw unavailable(0, 'the members changed');
      const input = { ...placed, records: [[...nameBody(name), version]] as const };

      async function ask(peerId: PeerId): Promise<void> {
        const { answers } = await calls.ask(peerId, 'receipt', input, { timeoutMs, signal });
        const [answer] = answers;
        if (answer?.result !== 'signed') {
          reasons.add(answer?.result === 'replaced' ? 'it was written again meanwhile' : 'a replica lost it');
          return;
        }
        const { at, size, index, path, signature } = answer;
        const statement = { peerId, at, size, index, path, signature };
        const fits =
          isOf(answer.header) &&
          (await verifyStatement(answer.header, statement, systemId, crypto)) === 'valid';
        if (!fits) {
          reasons.add('a replica signed something else');
          return;
        }
        header = answer.header;
        statements.push(statement);
      }

      function isOf(bytes: Uint8Array): boolean {
        const fields = decodeHeader(bytes);
        return fields.namespace === namespace && equalBytes(fields.key, key) && fields.version === version;
      }

      await Promise.all(
        replicas.map((peerId) =>
          ask(peerId).catch((error) => {
            reasons.add(isP2posError(error) ? error.code : 'INTERNAL');
          }),
        ),
      );
      signal?.throwIfAborted();
      const signed = new Set(statements.map(({ peerId }) => peerId));
      if (!header || !reaches(topology.moves.required(slot, count), (peerId) => signed.has(peerId)))
        throw unavailable(signed.size, [...reasons].join(', ') || 'the replicas changed');
      const ordered = statements.toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1));
      return { systemId, epoch: placed.epoch, header, statements: ordered };
    },
  };
}
