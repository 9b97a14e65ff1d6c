/** The promises of an acceptor, on disk before they are told (Lamport 2001, "Paxos made simple"). */
import { formatVersionTime } from '@p2pos/protocol';
import type { Row, Store } from '../../store/index.ts';
import { placeOf } from '../replica/store.ts';
import { partitionOf, type RecordName } from '../replica/stored.ts';
import { before } from './grounds.ts';

/**
 * A promise below what was accepted says nothing; so does one that is not greater than the last. What was accepted is a
 * promise too, of the ballot that follows it at once: see `grounds.ts`.
 */
const PROMISE = `
  INSERT INTO register_promises (namespace, key, partition, ballot)
  SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (
    SELECT 1 FROM records WHERE namespace = ?1 AND key = ?2 AND partition = ?3 AND version > ?5)
  ON CONFLICT (namespace, key, partition) DO UPDATE SET ballot = excluded.ballot WHERE excluded.ballot > ballot`;
const SELECT_PROMISE =
  'SELECT ballot FROM register_promises WHERE namespace = ? AND key = ? AND partition = ?';

/** Of those that no record follows, from an id on. */
const SELECT_UNKEPT = `
  SELECT rowid AS id, namespace, key, partition, ballot FROM register_promises AS promise
  WHERE rowid > ?1 AND ballot < ?2 AND NOT EXISTS (
    SELECT 1 FROM records AS record WHERE record.namespace = promise.namespace AND record.key = promise.key
    AND record.partition = promise.partition)
  ORDER BY rowid LIMIT ?3`;
const SELECT_PAGE =
  'SELECT rowid AS id, namespace, key, partition, ballot FROM register_promises WHERE rowid > ? ORDER BY rowid LIMIT ?';
const FORGET = `
  DELETE FROM register_promises WHERE namespace = ?1 AND key = ?2 AND partition = ?3 AND ballot = ?4 AND NOT EXISTS (
    SELECT 1 FROM records WHERE namespace = ?1 AND key = ?2 AND partition = ?3)`;

/** Older ones are neither promised nor accepted first-hand: by then promises against them may be forgotten. */
export const MAX_BALLOT_AGE_MS = 86_400_000;

export interface PromiseRequest {
  readonly name: RecordName;
  readonly ballot: string;
}

export interface KnownPromise extends PromiseRequest {
  readonly id: number;
}

export interface Promises {
  /** Resolves when the promises that could be given are durable. */
  promise(requests: readonly PromiseRequest[]): Promise<boolean[]>;
  /** The greatest ballot promised and not yet accepted. */
  find(name: RecordName): Promise<string | undefined>;
  /** Those to ballots of before that time (ms) of which this node holds no record; after that id, by id. */
  unkept(time: number, after: number, limit: number): Promise<KnownPromise[]>;
  /** All of them; after that id, by id. */
  page(after: number, limit: number): Promise<KnownPromise[]>;
  /** Where they are still those, and nothing was accepted. */
  forget(promises: readonly PromiseRequest[]): Promise<void>;
}

type PromiseRow = Row & {
  id: number;
  namespace: string;
  key: Uint8Array;
  partition: Uint8Array;
  ballot: string;
};

function known(row: PromiseRow): KnownPromise {
  const { id, namespace, key, ballot } = row;
  return { id, name: { namespace, key, partition: partitionOf(row) }, ballot };
}

export function createPromises({ store }: { readonly store: Pick<Store, 'read' | 'write'> }): Promises {
  async function find(name: RecordName): Promise<string | undefined> {
    const [row] = await store.read<{ ballot: string }>(SELECT_PROMISE, placeOf(name));
    return row?.ballot;
  }
  return {
    find,
    async unkept(time, after, limit) {
      const earliest = formatVersionTime(Math.max(0, Math.floor(time)));
      return (await store.read<PromiseRow>(SELECT_UNKEPT, [after, earliest, limit])).map(known);
    },
    page: async (after, limit) => (await store.read<PromiseRow>(SELECT_PAGE, [after, limit])).map(known),
    async forget(promises) {
      if (promises.length === 0) return;
      await store.write(
        promises.map(({ name, ballot }) => ({ sql: FORGET, params: [...placeOf(name), ballot] })),
      );
    },
    async promise(requests) {
      const results = await store.write(
        requests.map(({ name, ballot }) => ({
          sql: PROMISE,
          params: [...placeOf(name), ballot, before(ballot)],
        })),
      );
      // One that was sent twice was given the first time.
      return Promise.all(
        results.map(async ({ changes }, i) => {
          const { name, ballot } = requests[i] as PromiseRequest;
          return changes > 0 || (await find(name)) === ballot;
        }),
      );
    },
  };
}
