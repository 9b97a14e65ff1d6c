/** What a replica tells others of its slots, so that they can copy what they lack. */
import { type Crypto, concatBytes, equalBytes, P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { Promises } from '../cas/promises.ts';
import { nameBody } from '../coordinator/calls.ts';
import type { Declarations } from '../declarations.ts';
import {
  MAX_BATCH_BYTES,
  MAX_INVENTORY_LEAVES,
  MAX_RECORDS,
  type Placed,
  type PromiseBody,
  type RecordBody,
} from '../format/wire.ts';
import { packEpochs } from '../placement/ring.ts';
import type { Topology } from '../placement/topology.ts';
import type { Standing } from '../repair/standing/standing.ts';
import { sizeOf } from '../replica/reading.ts';
import type { Replica } from '../replica/replica.ts';
import type { RecordTable } from '../replica/store.ts';

const EMPTY = new Uint8Array(0);

/** SHA-256 of the leaf hashes of a slot in ascending order; of nothing when there are too many for one page. */
export async function digestOf(
  { table, crypto }: { readonly table: Pick<RecordTable, 'leaves'>; readonly crypto: Pick<Crypto, 'sha256'> },
  count: number,
  slot: number,
): Promise<{ readonly digest: Uint8Array; readonly leaves: readonly Uint8Array[]; readonly whole: boolean }> {
  const leaves = await table.leaves(count, slot, EMPTY, MAX_INVENTORY_LEAVES + 1);
  const whole = leaves.length <= MAX_INVENTORY_LEAVES;
  return {
    digest: crypto.sha256(concatBytes(...(whole ? leaves : []))),
    leaves: leaves.slice(0, MAX_INVENTORY_LEAVES),
    whole,
  };
}

interface Inventory {
  readonly done: number;
  readonly elsewhere: readonly (readonly [number, number])[];
  readonly learning: readonly number[];
  readonly differing: { slot: number; leaves: readonly Uint8Array[]; more: boolean }[];
}

export interface Copying {
  progress(
    input: Placed & { readonly count: number },
    from: PeerId,
  ): Promise<{ settled: number[]; closed: number[]; unsure?: number[] }>;
  inventory(
    input: Placed & {
      readonly count: number;
      readonly slots: readonly number[];
      readonly digests: readonly Uint8Array[];
      readonly after: Uint8Array;
    },
    from: PeerId,
  ): Promise<Inventory>;
  fetch(
    input: Placed & { readonly count: number; readonly slot: number; readonly leaves: readonly Uint8Array[] },
    from: PeerId,
  ): Promise<{
    readonly done: number;
    readonly records: readonly RecordBody[];
    readonly damaged?: number[];
  }>;
  promised(
    input: Placed & { readonly count: number; readonly slots: readonly number[]; readonly after: number },
    from: PeerId,
  ): Promise<PromisedPage>;
}

export interface PromisedPage {
  readonly promises: readonly PromiseBody[];
  readonly next: number | null;
  /** Slots of which this node may have forgotten promises. */
  readonly learning?: readonly number[] | undefined;
}

export interface CopyingDeps {
  readonly replica: Pick<Replica, 'admit'>;
  readonly topology: Topology;
  readonly standing: Pick<Standing, 'votes' | 'votesOn' | 'isProven'>;
  readonly table: Pick<RecordTable, 'leaves' | 'findLeaf'>;
  readonly promises: Pick<Promises, 'page'>;
  readonly declarations: Pick<Declarations, 'get'>;
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Corrected time, ms. */
  readonly now: () => number;
}

/** Ballots of proposals that are still under way are no older, by any clock that is right. */
const MAX_UNDER_WAY_MS = 10_000;

export function createCopying(deps: CopyingDeps): Copying {
  const { replica, topology, standing, table, promises, declarations, slotOf, crypto, now } = deps;
  const { moves } = topology;

  function ringOf(count: number) {
    const ring = moves.ring(count);
    if (!ring) throw new P2posError('BAD_REQUEST', { reason: `No slot here has ${count} replicas.` });
    return ring;
  }

  /** @throws P2posError BAD_REQUEST */
  function checkSlots(count: number, slots: readonly number[]): void {
    const { closed } = ringOf(count);
    if (slots.some((slot) => slot >= closed.length))
      throw new P2posError('BAD_REQUEST', { reason: 'No such slot.' });
  }

  return {
    async progress({ count, ...placed }, from) {
      replica.admit(placed, from);
      const { settled, closed } = ringOf(count);
      // What a learner settled once may be gone.
      const isSure = (slot: number) => standing.isProven(slot, count) && !moves.isUnmarked(slot, count);
      const unsure = settled.map((_, slot) => (moves.isHolder(slot, count) && !isSure(slot) ? 1 : 0));
      const sure = settled.map((epoch, slot) => (unsure[slot] ? 0 : epoch));
      return {
        settled: packEpochs(sure),
        closed: packEpochs(closed),
        ...(unsure.includes(1) && { unsure: packEpochs(unsure) }),
      };
    },
    async inventory({ count, slots, digests, after, ...placed }, from) {
      const admission = replica.admit(placed, from);
      checkSlots(count, slots);
      if (after.length > 0 && slots.length > 1)
        throw new P2posError('BAD_REQUEST', { reason: 'The rest of an inventory is that of one slot.' });
      const elsewhere: [number, number][] = [];
      const learning: number[] = [];
      const differing: Inventory['differing'] = [];
      let room = MAX_INVENTORY_LEAVES;
      let done = 0;
      for (const [i, slot] of slots.entries()) {
        if (!moves.isHolder(slot, count)) {
          elsewhere.push([slot, moves.closedAt(slot, count)]);
        } else if (!standing.votes(slot, count)) {
          learning.push(slot);
        } else if (after.length > 0) {
          const leaves = await table.leaves(count, slot, after, MAX_INVENTORY_LEAVES);
          differing.push({ slot, leaves, more: leaves.length === MAX_INVENTORY_LEAVES });
        } else {
          const { digest, leaves, whole } = await digestOf({ table, crypto }, count, slot);
          if (leaves.length > room && i > 0) break;
          const same = whole && digests[i] !== undefined && equalBytes(digest, digests[i]);
          if (!same) {
            room -= leaves.length;
            differing.push({ slot, leaves, more: !whole });
          }
        }
        done++;
      }
      admission.confirm();
      return { done, elsewhere, learning, differing };
    },
    async fetch({ count, slot, leaves, ...placed }, from) {
      const admission = replica.admit(placed, from);
      checkSlots(count, [slot]);
      const records: RecordBody[] = [];
      const damaged: number[] = [];
      let bytes = 0;
      let done = 0;
      for (const leaf of leaves) {
        const stored = await table.findLeaf(count, slot, leaf);
        if (stored?.damaged) damaged.push(done);
        else if (stored) {
          const { header, value, proof } = stored.record;
          const body: RecordBody = [header, value, proof];
          bytes += sizeOf(body);
          if (bytes > MAX_BATCH_BYTES && done > 0) break;
          records.push(body);
        }
        done++;
      }
      admission.confirm();
      return { done, records, ...(damaged.length > 0 && { damaged }) };
    },
    async promised({ count, slots, after, ...placed }, from) {
      // Whatever was promised under an older snapshot was before this: from now on such requests are refused.
      const admission = replica.admit(placed, from);
      checkSlots(count, slots);
      const wanted = new Set(slots);
      const page = await promises.page(after, MAX_RECORDS);
      const found = page
        .filter(
          ({ name: { namespace, partition } }) =>
            declarations.get(namespace)?.replicas === count && wanted.has(slotOf(namespace, partition)),
        )
        .map(({ name, ballot }): PromiseBody => [...nameBody(name), ballot]);
      admission.confirm();
      // What was promised on a disk that was lost goes to nobody, so who copies waits until no proposal can lie below it. Asked
      // last: the disk may have been contradicted while the page was read.
      const earliest = now() - MAX_UNDER_WAY_MS;
      const learning = slots.filter((slot) => !standing.votesOn(slot, count, earliest));
      return {
        promises: found,
        next: page.length < MAX_RECORDS ? null : (page.at(-1)?.id ?? null),
        ...(learning.length > 0 && { learning }),
      };
    },
  };
}
