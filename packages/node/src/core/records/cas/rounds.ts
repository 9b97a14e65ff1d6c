/** What proposals of one tick share: a signature, and a request to each replica. */
import { type Crypto, equalBytes, P2posError, type Signer } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import { nameBody, type ReplicaCalls } from '../coordinator/calls.ts';
import { encodeHeader, type RecordHeader } from '../format/record.ts';
import { MAX_SEALED, type Sealed, seal } from '../format/seal.ts';
import { MAX_BATCH_BYTES, type Placed, type PromiseAnswer, type WriteAnswer } from '../format/wire.ts';
import type { CheckedRecord, RecordName } from '../replica/stored.ts';
import { type Batching, createBatching } from './batching.ts';
import type { Place } from './poll.ts';

export interface Rounds {
  prepare(
    peerId: PeerId,
    placed: Placed,
    name: RecordName,
    ballot: string,
    timeoutMs: number,
  ): Promise<PromiseAnswer>;
  accept(peerId: PeerId, placed: Placed, record: CheckedRecord, timeoutMs: number): Promise<WriteAnswer>;
  /** The signed record of a register that holds these bytes under this ballot. */
  sign(
    name: RecordName,
    place: Place,
    ballot: string,
    held: { readonly bytes: Uint8Array; readonly expiresAt: number | undefined; readonly deleted: boolean },
  ): Promise<CheckedRecord>;
}

export interface RoundsDeps {
  readonly systemId: string;
  readonly calls: Pick<ReplicaCalls, 'ask' | 'write'>;
  readonly crypto: Crypto;
  readonly signer: Signer;
}

interface Sent<T> {
  readonly placed: Placed;
  readonly item: T;
  readonly timeoutMs: number;
}

export function createRounds({ systemId, calls, crypto, signer }: RoundsDeps): Rounds {
  const prepares = new Map<PeerId, Batching<Sent<readonly [RecordName, string]>, PromiseAnswer>>();
  const accepts = new Map<PeerId, Batching<Sent<CheckedRecord>, WriteAnswer>>();
  const seals = createBatching<Uint8Array, Sealed>((headers) => seal({ crypto, signer, systemId }, headers), {
    maxItems: MAX_SEALED,
    maxBytes: Number.POSITIVE_INFINITY,
    sizeOf: () => 0,
  });

  function batchingFor<I, O>(
    map: Map<PeerId, Batching<Sent<I>, O>>,
    peerId: PeerId,
    sizeOf: (item: I) => number,
    ask: (placed: Placed, items: readonly I[], timeoutMs: number) => Promise<readonly O[]>,
  ): Batching<Sent<I>, O> {
    let batching = map.get(peerId);
    if (!batching) {
      batching = createBatching<Sent<I>, O>(
        async (sent) => {
          const timeoutMs = Math.max(...sent.map((one) => one.timeoutMs));
          const answers = await ask(
            (sent[0] as Sent<I>).placed,
            sent.map(({ item }) => item),
            timeoutMs,
          );
          if (answers.length === sent.length) return answers;
          const reason = `${answers.length} answers for ${sent.length} registers`;
          throw new P2posError('PEER_PROTOCOL', { peerId, reason });
        },
        {
          maxItems: MAX_SEALED,
          maxBytes: MAX_BATCH_BYTES / 2,
          sizeOf: ({ item }) => sizeOf(item),
          joins: (a, b) => equalBytes(a.placed.placement, b.placed.placement),
        },
      );
      map.set(peerId, batching);
    }
    return batching;
  }

  return {
    prepare(peerId, placed, name, ballot, timeoutMs) {
      const batching = batchingFor(
        prepares,
        peerId,
        () => 0,
        async (where, items, limitMs) => {
          const promises = items.map(([name, one]) => [...nameBody(name), one] as const);
          return (await calls.ask(peerId, 'prepare', { ...where, promises }, { timeoutMs: limitMs })).answers;
        },
      );
      return batching.add({ placed, item: [name, ballot], timeoutMs });
    },
    accept(peerId, placed, record, timeoutMs) {
      const batching = batchingFor(
        accepts,
        peerId,
        ({ header, value, proof }) => header.length + (value?.length ?? 0) + proof.length,
        (where, records, limitMs) => calls.write(peerId, where, records, { timeoutMs: limitMs }),
      );
      return batching.add({ placed, item: record, timeoutMs });
    },
    async sign(name, { slot, count }, ballot, { bytes, expiresAt, deleted }) {
      const { namespace, partition, key } = name;
      const value = { hash: crypto.sha256(bytes), bytes: bytes.length };
      const fields: RecordHeader = { namespace, partition, key, version: ballot, expiresAt, value };
      const header = encodeHeader(fields);
      const sealed = await seals.add(header);
      return { fields, header, value: bytes, ...sealed, slot, count, register: { deleted } };
    },
  };
}
