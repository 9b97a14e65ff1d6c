/** The promises of an acceptor, on disk before they are told (Lamport 2001, "Paxos made simple"). */
import type { Store } from '../../store/index.ts';
import { placeOf } from '../replica/store.ts';
import type { RecordName } from '../replica/stored.ts';
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

export interface PromiseRequest {
  readonly name: RecordName;
  readonly ballot: string;
}

export interface Promises {
  /** Resolves when the promises that could be given are durable. */
  promise(requests: readonly PromiseRequest[]): Promise<boolean[]>;
  /** The greatest ballot promised and not yet accepted. */
  find(name: RecordName): Promise<string | undefined>;
}

export function createPromises({ store }: { readonly store: Pick<Store, 'read' | 'write'> }): Promises {
  async function find(name: RecordName): Promise<string | undefined> {
    const [row] = await store.read<{ ballot: string }>(SELECT_PROMISE, placeOf(name));
    return row?.ballot;
  }
  return {
    find,
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
