/**
 * Lets go the promises for what never came to be: a failed condition on a key that holds nothing leaves one at each replica.
 * One that is so old that no replica takes its ballot any more first-hand, for a register of which all replicas hold
 * nothing that they might give each other, keeps nothing out. Nor does one of a slot that others have: they copied it.
 */
import type { TaskGroup } from '../../tasks/index.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Declarations } from '../declarations.ts';
import { unionOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { RecordName } from '../replica/stored.ts';
import { MAX_BALLOT_AGE_MS, type Promises } from './promises.ts';

export interface PromiseSweepDeps {
  readonly promises: Pick<Promises, 'unkept' | 'forget'>;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'digest'>;
  readonly declarations: Pick<Declarations, 'get'>;
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
  readonly tasks: TaskGroup;
  /** Corrected time, ms; of two clocks that differ the earlier. */
  readonly now: () => number;
}

const EVERY_MS = 3_600_000;
const PAGE = 256;
/** Clocks differ, and requests are under way. */
const KEEP_MS = 2 * MAX_BALLOT_AGE_MS;

export function startPromiseSweep(
  { promises, topology, calls, declarations, slotOf, tasks, now }: PromiseSweepDeps,
  { timeoutMs }: { readonly timeoutMs: number },
): void {
  async function isOver(name: RecordName): Promise<boolean> {
    const count = declarations.get(name.namespace)?.replicas;
    const placed = topology.placedNow();
    if (count === undefined || !placed) return false;
    const slot = slotOf(name.namespace, name.partition);
    if (!topology.moves.isHolder(slot, count)) return true;
    const holders = unionOf(topology.moves.required(slot, count));
    const digests = await Promise.all(
      holders.map((peerId) => calls.digest(peerId, placed, name, timeoutMs).catch(() => false as const)),
    );
    return digests.every((digest) => digest === null);
  }

  tasks.every({ name: 'records_promise_sweep', intervalMs: EVERY_MS }, async (signal) => {
    const time = now() - KEEP_MS;
    for (let after = 0; !signal.aborted; ) {
      const page = await promises.unkept(time, after, PAGE);
      const last = page.at(-1);
      if (!last) return;
      const gone = await Promise.all(page.map(({ name }) => isOver(name)));
      await promises.forget(page.filter((_, i) => gone[i]));
      after = last.id;
    }
  });
}
