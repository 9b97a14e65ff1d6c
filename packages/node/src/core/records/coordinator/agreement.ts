/**
 * The usual read in one round: this node has the record, the others of a majority only say what they hold by its digest, and
 * it is the same. Where it is not, or not soon, or a move is under way, all of it must be asked for.
 */
import { equalBytes } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import { fewestOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { ReplicaReader } from '../replica/reading.ts';
import type { RecordName, StoredRecord } from '../replica/stored.ts';
import type { Trace } from './ballot.ts';
import type { ReplicaCalls } from './calls.ts';
import type { Preference } from './preference.ts';

export interface AgreementDeps {
  readonly self: PeerId;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'digest'>;
  /** This node as a replica. */
  readonly local: Pick<ReplicaReader, 'own'>;
  readonly preference: Preference;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Agreed {
  /** Undefined: they hold nothing. */
  readonly held: StoredRecord | undefined;
  readonly holders: readonly PeerId[];
}

/** `late`: time was lost. */
export type Agree = (
  name: RecordName,
  place: { readonly slot: number; readonly count: number },
  trace?: Trace,
) => Promise<Agreed | 'unclear' | 'late'>;

export function createAgreement(deps: AgreementDeps): Agree {
  const { self, topology, calls, local, preference, clock, log } = deps;
  return async (name, place, trace) => {
    // First: before it is known there are no sets.
    const placed = topology.placedNow();
    if (!placed) return 'unclear';
    const sets = topology.moves.required(place.slot, place.count);
    const [set] = sets;
    if (sets.length !== 1 || !set?.includes(self)) return 'unclear';
    const generation = topology.generation();
    const startedAt = clock.monotonic();
    try {
      const holders = fewestOf(sets, preference.order(set));
      // Late digests cost more than a late record: then everything is asked again.
      const patienceMs = 2 * preference.hedgeMs(holders);
      // Asked at once, so that they look while this node does.
      const others = holders.filter((peerId) => peerId !== self);
      const digests = others.map((peerId) => {
        trace?.ask(peerId);
        return calls.digest(peerId, placed, name, patienceMs);
      });
      const all = Promise.all(digests);
      all.catch(() => {});
      trace?.ask(self);
      const held = await local.own(name, place);
      if (held !== undefined) trace?.answer(self, clock.monotonic() - startedAt, held ? 'found' : 'absent');
      for (const [i, digest] of (await all).entries()) {
        const same = held ? digest && equalBytes(digest, held.leaf) : held === digest;
        if (!same) return 'unclear';
        trace?.answer(others[i] as PeerId, clock.monotonic() - startedAt, digest ? 'found' : 'absent');
      }
      if (held === undefined || generation !== topology.generation()) return 'unclear';
      return { held: held ?? undefined, holders };
    } catch (error) {
      log.debug({ action: 'read_digests', slot: place.slot, error }, 'replicas did not agree at once');
      return 'late';
    }
  };
}
