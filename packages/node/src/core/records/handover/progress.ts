/** Asks replicas how far they have come with the moves of their slots. */
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Preference } from '../coordinator/preference.ts';
import type { Placed } from '../format/wire.ts';
import { type Ring, unpackEpochs } from '../placement/ring.ts';
import type { Topology } from '../placement/topology.ts';

/** Two epochs for each slot, as in a ring. */
export interface Progress extends Pick<Ring, 'settled' | 'closed'> {
  /** Not 0: the replica may have lost what it settled. */
  readonly unsure: Uint32Array;
}

export interface ProgressDeps {
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly preference: Pick<Preference, 'isSilent'>;
  readonly log: Logger;
}

/** Of all replicas of the ring that answer, this node among them, and takes over which sets they prove to be closed. */
export async function learnProgress(
  { topology, calls, preference, log }: ProgressDeps,
  { placed, count }: { readonly placed: Placed; readonly count: number },
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<ReadonlyMap<PeerId, Progress>> {
  const { moves } = topology;
  const generation = topology.generation();
  const slots = moves.ring(count)?.closed.length ?? 0;
  const peers = new Set(Array.from({ length: slots }, (_, slot) => moves.required(slot, count)).flat(2));
  const answers = new Map<PeerId, Progress>();
  await Promise.all(
    [...peers].map(async (peerId) => {
      if (preference.isSilent(peerId)) return;
      try {
        const answer = await calls.ask(peerId, 'progress', { ...placed, count }, { timeoutMs });
        const settled = unpackEpochs(answer.settled, slots);
        const closed = unpackEpochs(answer.closed, slots);
        const unsure = answer.unsure ? unpackEpochs(answer.unsure, slots) : new Uint32Array(slots);
        if (settled && closed && unsure) answers.set(peerId, { settled, closed, unsure });
      } catch (error) {
        log.debug({ action: 'handover_progress', peerId, error }, 'a replica did not tell its progress');
      }
    }),
  );
  if (generation === topology.generation()) moves.absorb(count, answers);
  return answers;
}
