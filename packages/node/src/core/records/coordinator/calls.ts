/** Requests to replicas, this node's own included: the same methods whether the replica is here or across the network. */
import { equalBytes, isP2posError, P2posError } from '@p2pos/protocol';
import type { z } from 'zod';
import type { PeerId } from '../../net/index.ts';
import type { Handlers, Rpc } from '../../rpc/index.ts';
import {
  type Digest,
  MAX_RECORDS,
  type NameBody,
  type Placed,
  RECORDS,
  type ReadAnswer,
  type WriteAnswer,
} from '../format/wire.ts';
import type { Replica } from '../replica/replica.ts';
import type { CheckedRecord, RecordName } from '../replica/stored.ts';

type Methods = typeof RECORDS.methods;
type Input<K extends keyof Methods> = z.input<Methods[K]['input']>;
type Output<K extends keyof Methods> = z.output<Methods[K]['output']>;

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ReplicaCalls {
  /** @throws P2posError what the replica answered, or that it could not be reached */
  ask<K extends keyof Methods & string>(
    peerId: PeerId,
    method: K,
    input: Input<K>,
    options: AskOptions,
  ): Promise<Output<K>>;
  /** Records that this node has made, of one batch. */
  write(
    peerId: PeerId,
    placed: Placed,
    records: readonly CheckedRecord[],
    options: AskOptions,
  ): Promise<readonly WriteAnswer[]>;
  /** What is asked of one replica within a tick travels together. */
  read(peerId: PeerId, placed: Placed, name: RecordName, timeoutMs: number): Promise<ReadAnswer>;
  /** The same for digests. */
  digest(peerId: PeerId, placed: Placed, name: RecordName, timeoutMs: number): Promise<Digest>;
}

export interface ReplicaCallsDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'call'>;
  /** What this node serves. */
  readonly handlers: Handlers<Methods>;
  readonly replica: Pick<Replica, 'writeOwn'>;
  readonly onStalePeer: (peerId: PeerId) => void;
}

interface Waiting<T> {
  readonly body: NameBody;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch<T> {
  readonly placed: Placed;
  readonly timeoutMs: number;
  readonly waiting: Waiting<T>[];
}

/** What is asked of one replica within a tick travels together. */
function createGatherer<T>(flush: (peerId: PeerId, batch: Batch<T>) => Promise<void>) {
  const batches = new Map<PeerId, Batch<T>>();
  return (peerId: PeerId, placed: Placed, name: RecordName, timeoutMs: number): Promise<T> =>
    new Promise((resolve, reject) => {
      let batch = batches.get(peerId);
      const fits =
        batch && batch.waiting.length < MAX_RECORDS && equalBytes(batch.placed.placement, placed.placement);
      if (!batch || !fits) {
        const fresh: Batch<T> = { placed, timeoutMs, waiting: [] };
        batch = fresh;
        batches.set(peerId, fresh);
        queueMicrotask(() => {
          if (batches.get(peerId) === fresh) batches.delete(peerId);
          void flush(peerId, fresh);
        });
      }
      batch.waiting.push({ body: nameBody(name), resolve, reject });
    });
}

export function createReplicaCalls(deps: ReplicaCallsDeps): ReplicaCalls {
  const { self, rpc, handlers, replica, onStalePeer } = deps;
  const here = { peerId: self, signal: new AbortController().signal };

  async function ask<K extends keyof Methods & string>(
    peerId: PeerId,
    method: K,
    input: Input<K>,
    options: AskOptions,
  ): Promise<Output<K>> {
    if (peerId === self) {
      const handler = handlers[method] as (input: unknown, context: typeof here) => Promise<unknown>;
      return (await handler(input, here)) as Output<K>;
    }
    try {
      return await rpc.call(peerId, RECORDS, method, input, options);
    } catch (error) {
      if (isP2posError(error, 'PLACEMENT_STALE')) onStalePeer(peerId);
      throw error;
    }
  }

  /** One answer for each thing that was asked. */
  function matched<T>(peerId: PeerId, answers: readonly T[], count: number): readonly T[] {
    if (answers.length === count) return answers;
    throw new P2posError('PEER_PROTOCOL', {
      peerId,
      reason: `${answers.length} answers for ${count} records`,
    });
  }

  async function flushReads(
    peerId: PeerId,
    { placed, timeoutMs, waiting }: Batch<ReadAnswer>,
  ): Promise<void> {
    try {
      const names = waiting.map(({ body }) => body);
      const { answers } = await ask(peerId, 'read', { ...placed, names }, { timeoutMs });
      const later: Waiting<ReadAnswer>[] = [];
      for (const [i, answer] of matched(peerId, answers, names.length).entries()) {
        const one = waiting[i] as Waiting<ReadAnswer>;
        if (answer.result !== 'later') one.resolve(answer);
        else if (i > 0) later.push(one);
        else one.reject(new P2posError('PEER_PROTOCOL', { peerId, reason: 'it answers nothing' }));
      }
      if (later.length > 0) await flushReads(peerId, { placed, timeoutMs, waiting: later });
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  async function flushDigests(peerId: PeerId, { placed, timeoutMs, waiting }: Batch<Digest>): Promise<void> {
    try {
      const names = waiting.map(({ body }) => body);
      const { digests } = await ask(peerId, 'digest', { ...placed, names }, { timeoutMs });
      matched(peerId, digests, names.length);
      for (let i = 0; i < waiting.length; i++) waiting[i]?.resolve(digests[i] as Digest);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  return {
    ask,
    async write(peerId, placed, records, options) {
      if (peerId === self) return replica.writeOwn(placed, records);
      const bodies = records.map(({ header, value, proof }) => [header, value, proof] as const);
      const { answers } = await ask(peerId, 'write', { ...placed, records: bodies }, options);
      return matched(peerId, answers, records.length);
    },
    read: createGatherer(flushReads),
    digest: createGatherer(flushDigests),
  };
}

/** As names travel. */
export function nameBody({ namespace, key, partition }: RecordName): NameBody {
  return [namespace, key, equalBytes(key, partition) ? null : partition];
}
