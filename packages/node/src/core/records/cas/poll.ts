/** Asks the replicas of a register one thing and counts their answers against the sets that must each give a majority. */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import { Ballot as Tally } from '../coordinator/ballot.ts';
import type { Preference } from '../coordinator/preference.ts';
import type { Topology } from '../placement/topology.ts';

export interface Place {
  readonly slot: number;
  /** Number of replicas. */
  readonly count: number;
}

interface Answered {
  readonly result: string;
  readonly text?: string | undefined;
}

export interface Polled<A = unknown> {
  /** `yes`: a majority of every set, or what `enough` says. `stale`: a replica follows another snapshot. */
  readonly result: 'yes' | 'no' | 'stale';
  readonly answers: ReadonlyMap<PeerId, A>;
  /** A majority of every set answered what was hoped for, though it may not have been enough. */
  readonly answered: boolean;
  /** Who did. */
  readonly yes: readonly PeerId[];
  /** The greatest ballot that stands in the way. */
  readonly behind: string | undefined;
  readonly refusals: readonly string[];
  /** Some replica may have done what was asked: it did, or nobody knows. */
  readonly maybe: boolean;
  readonly shortfall: { readonly answered: number; readonly needed: number };
}

export interface PollInput<A extends Answered> {
  readonly place: Place;
  readonly hopedFor: readonly A['result'][];
  readonly ask: (peerId: PeerId) => Promise<A>;
  readonly deadlineAt: number;
  readonly signal?: AbortSignal | undefined;
  /** Once a majority answered: whether that is enough. Otherwise the rest is waited for, at most `hedgeMs`. */
  readonly enough?: (answers: ReadonlyMap<PeerId, A>) => boolean;
}

export interface PollDeps {
  readonly topology: Topology;
  readonly preference: Preference;
  readonly clock: Clock;
}

/** Errors with which a replica surely did nothing. */
const SURELY_NOT = ['OVERLOADED', 'NOT_A_MEMBER', 'STATE_UNCONFIGURED', 'METHOD_UNKNOWN', 'BODY_TOO_LARGE'];

export function poll<A extends Answered>(
  { topology, preference, clock }: PollDeps,
  input: PollInput<A>,
): Promise<Polled<A>> {
  const { place, hopedFor, deadlineAt, signal, enough } = input;
  const { promise, resolve } = Promise.withResolvers<Polled<A>>();
  const sets = topology.moves.required(place.slot, place.count);
  const tally = new Tally(sets);
  const answers = new Map<PeerId, A>();
  const refusals: string[] = [];
  let behind: string | undefined;
  let stale = false;
  let kept = false;
  let settled = false;
  let hedge: Disposable | undefined;
  const generation = topology.generation();

  function settle(reached: boolean): void {
    if (settled) return;
    settled = true;
    timer[Symbol.dispose]();
    hedge?.[Symbol.dispose]();
    signal?.removeEventListener('abort', giveUp);
    // Votes were counted against the sets of the snapshot that was in force at the start.
    const changed = generation !== topology.generation();
    resolve({
      result: changed || (!reached && stale) ? 'stale' : reached ? 'yes' : 'no',
      answers,
      answered: tally.isReached(),
      yes: tally.yes(),
      behind,
      refusals,
      maybe: kept || tally.anyWaiting(),
      shortfall: tally.shortfall(),
    });
  }

  const giveUp = () => settle(false);
  const timer = clock.after(Math.max(0, deadlineAt - clock.monotonic()), giveUp);
  signal?.addEventListener('abort', giveUp, { once: true });

  function consider(): void {
    if (settled) return;
    const isReached = tally.isReached();
    if (isReached && (!enough || enough(answers))) settle(true);
    else if (isReached ? !tally.anyWaiting() : tally.isLost()) settle(false);
    // Who is silent may be gone: what the others said is worth another round soon.
    else if (isReached || behind !== undefined) {
      const rest = [...new Set(sets.flat())].filter((peerId) => tally.isWaiting(peerId));
      hedge ??= clock.after(preference.hedgeMs(rest), giveUp);
    }
  }

  async function askOne(peerId: PeerId): Promise<void> {
    try {
      take(peerId, await input.ask(peerId));
    } catch (error) {
      const code = isP2posError(error) ? error.code : 'INTERNAL';
      if (code === 'PLACEMENT_STALE') stale = true;
      if (!SURELY_NOT.includes(code)) kept = true;
      tally.answer(peerId, false);
    }
    consider();
  }

  function take(peerId: PeerId, answer: A): void {
    const { result, text } = answer;
    const isYes = hopedFor.includes(result);
    tally.answer(peerId, isYes);
    if (isYes) {
      answers.set(peerId, answer);
      kept = true;
    }
    if (
      !isYes &&
      (result === 'behind' || result === 'promised') &&
      text !== undefined &&
      text > (behind ?? '')
    )
      behind = text;
    // What is damaged at one replica is no fault of the change, nor of this node's database.
    if (result === 'refused' && text !== undefined && text !== 'STORE_CORRUPT') refusals.push(text);
    if (result === 'elsewhere' && generation === topology.generation()) {
      stale = true;
      topology.moves.learnClosed(place.slot, place.count, Number(text));
      tally.sets = topology.moves.required(place.slot, place.count);
    }
  }

  const everyone = tally.unasked();
  const loud = everyone.filter((peerId) => !preference.isSilent(peerId));
  for (const peerId of loud) tally.ask(peerId);
  // Without the silent ones there is no majority: then they are the only hope.
  const late = tally.isLost() ? everyone.filter((peerId) => tally.ask(peerId)) : [];
  for (const peerId of [...loud, ...late]) void askOne(peerId);
  if (signal?.aborted || everyone.length === 0) giveUp();
  return promise;
}
