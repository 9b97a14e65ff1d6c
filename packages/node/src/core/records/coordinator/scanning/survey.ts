/**
 * Asks replicas for a range of keys until a majority of every needed set of every slot has answered: as few as can give that
 * first, the others when those are slow, gone or do not count.
 */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../../../clock/index.ts';
import type { PeerId } from '../../../net/index.ts';
import type { KeyBody } from '../../format/key-body.ts';
import type { Placed } from '../../format/wire.ts';
import { type Cover, fewestFor } from '../../placement/cover.ts';
import { reaches } from '../../placement/quorum.ts';
import type { ReplicaCalls } from '../calls.ts';
import type { Preference } from '../preference.ts';
import { compare, endOf, type Position } from './position.ts';

export interface RangeAnswer {
  readonly keys: readonly KeyBody[];
  readonly more: boolean;
}

export interface SurveyDeps {
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly preference: Preference;
  readonly clock: Clock;
}

export interface Question {
  readonly cover: Cover;
  readonly input: Placed & {
    readonly namespace: string;
    readonly prefix: Uint8Array;
    readonly after: Position | null;
    readonly limit: number;
    readonly partition?: Uint8Array;
  };
  /** Everybody at once, where each answer saves questions later. */
  readonly everybody: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Not to be asked; grows by who gave no usable answer. */
  readonly failed: Set<PeerId>;
}

export interface Survey {
  readonly answers: ReadonlyMap<PeerId, RangeAnswer>;
  /** Whether the peer answered, and its answer counts for the slot. */
  counts(slot: number, peerId: PeerId): boolean;
  /** Without a majority, ascending. */
  readonly missingSlots: readonly number[];
  /** Somebody follows another snapshot. */
  readonly stale: boolean;
}

export async function survey(
  { calls, preference, clock }: SurveyDeps,
  { cover, input, everybody, timeoutMs, signal, failed }: Question,
): Promise<Survey> {
  const answers = new Map<PeerId, RangeAnswer>();
  const learning = new Map<PeerId, ReadonlySet<number>>();
  const end = new AbortController();
  const until = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
  let waiting = 0;
  let trouble = false;
  let stale = false;
  let over = false;
  let wake = Promise.withResolvers<void>();

  const answered = (peerId: PeerId) => answers.has(peerId);
  const counts = (slot: number, peerId: PeerId) => answers.has(peerId) && !learning.get(peerId)?.has(slot);

  function missing(): number[] {
    const found = new Set<number>();
    for (const { sets, slots } of cover.groups)
      if (!reaches(sets, answered)) for (const slot of slots) found.add(slot);
    for (const slots of learning.values())
      for (const slot of slots) {
        const group = cover.group(slot);
        if (group && !reaches(group.sets, (peerId) => counts(slot, peerId))) found.add(slot);
      }
    return [...found].sort((a, b) => a - b);
  }

  /** The same question without the list: asked after each answer, and mostly told by the first group. */
  function isCovered(): boolean {
    return cover.groups.every(({ sets }) => reaches(sets, answered)) && missing().length === 0;
  }

  async function askOne(peerId: PeerId): Promise<void> {
    try {
      const answer = await calls.ask(peerId, 'scan', input, { timeoutMs, signal: until });
      if (over) return;
      const last = endOf(answer.keys);
      // An answer that does not go forward would never end.
      if (input.after && last && compare(last, input.after) <= 0) fail(peerId);
      else {
        answers.set(peerId, answer);
        if (answer.learning.length > 0) learning.set(peerId, new Set(answer.learning));
      }
    } catch (error) {
      if (over) return;
      trouble = true;
      if (isP2posError(error, 'PLACEMENT_STALE')) stale = true;
      else fail(peerId);
    }
    waiting--;
    wake.resolve();
  }

  function fail(peerId: PeerId): void {
    trouble = true;
    failed.add(peerId);
  }

  const able = preference.order(
    cover.peers.filter((peerId) => !failed.has(peerId) && !preference.isSilent(peerId)),
  );
  const first = everybody ? able : fewestFor(cover, able);
  let rest = able.filter((peerId) => !first.includes(peerId));

  function ask(peers: readonly PeerId[]): void {
    waiting += peers.length;
    for (const peerId of peers) void askOne(peerId);
  }

  function askRest(): void {
    const others = rest;
    rest = [];
    ask(others);
  }

  using _hedge = rest.length > 0 ? clock.after(preference.hedgeMs(first), askRest) : undefined;
  ask(first);
  for (;;) {
    signal?.throwIfAborted();
    // Of the first each is needed: before all of them answered it is not worth counting.
    if ((waiting === 0 || rest.length === 0) && isCovered()) break;
    if (rest.length > 0 && (trouble || waiting === 0)) askRest();
    else if (waiting === 0) break;
    else {
      await wake.promise;
      wake = Promise.withResolvers();
    }
  }
  over = true;
  if (waiting > 0) end.abort();
  return { answers, counts, missingSlots: missing(), stale };
}
