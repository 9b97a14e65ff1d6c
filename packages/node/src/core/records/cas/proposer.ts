/**
 * The proposer of registers (CASPaxos: Rystsov 2018, arXiv:1802.07000): learns by a majority's promises what a register holds,
 * decides what it becomes, and has a majority of every needed set accept that. What is accepted is an ordinary signed record
 * whose version is the ballot, so it is repaired and moved as such. Retries under greater ballots until the deadline; a change
 * finds itself among the changes that the register remembers, so it has one effect however often it is proposed.
 */
import { type Crypto, equalBytes, formatVersion, P2posError, parseVersion } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { Random } from '../../random/index.ts';
import type { HybridClock, Stamp } from '../clock/hybrid-clock.ts';
import type { Agree } from '../coordinator/agreement.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import { textOfName } from '../format/names.ts';
import { authorOf, decodeHeader, fitsValue } from '../format/record.ts';
import type { SealVerifier } from '../format/seal.ts';
import type { Placed, PromiseAnswer, ReadAnswer, RecordBody, WriteAnswer } from '../format/wire.ts';
import { reaches } from '../placement/quorum.ts';
import type { CallOptions, RegisterValue } from '../port.ts';
import { MAX_AHEAD_MS } from '../replica/replica.ts';
import type { RecordName } from '../replica/stored.ts';
import { createCohorts } from './cohorts.ts';
import { type Course, type CourseDeps, createCourse } from './course.ts';
import { type Accepted, createGrounds, type Ground } from './grounds.ts';
import { type Place, type Polled, poll } from './poll.ts';
import { createProposalQueue } from './queue.ts';
import type { Rounds } from './rounds.ts';
import { DELETED_KEEP_MS, encodeState, type RegisterState, storedState } from './state.ts';
import { type Agreed, type Answer, agreedOf, decide, isExpired, type Wish } from './transition.ts';

export interface Proposed {
  readonly answer: Answer;
  /** Who is known to hold the state that the answer tells of. */
  readonly replicas: readonly PeerId[];
  /** The record that they hold; undefined: nothing was ever accepted. */
  readonly record?: { readonly ballot: string; readonly state: RegisterState };
}

export interface Proposer extends Disposable {
  /**
   * @throws P2posError RECORDS_QUORUM_LOST, what the replicas or this node's disk and clock refuse with, OVERLOADED,
   *   NODE_CLOSING, each with {outcome}
   */
  propose(name: RecordName, place: Place, wish: Wish, options: CallOptions): Promise<Proposed>;
  /**
   * Has what is there accepted anew, though a majority agrees on it already: so a replica gets it that missed it and promised
   * a greater ballot since.
   * @throws P2posError as `propose`
   */
  settle(name: RecordName, place: Place, options: CallOptions): Promise<void>;
  /** Another has asked this node to promise: what it proposed last may have been replaced. */
  disturb(name: RecordName): void;
  /** Linearizable: one round without promises where a majority agrees. Undefined: nothing was ever there, or it was forgotten. */
  read(name: RecordName, place: Place, options: CallOptions): Promise<Agreed | undefined>;
}

export interface ProposerDeps extends CourseDeps {
  readonly self: PeerId;
  readonly rounds: Rounds;
  readonly calls: Pick<ReplicaCalls, 'read'>;
  readonly agree: Agree;
  readonly verifier: SealVerifier;
  readonly hybridClock: HybridClock;
  readonly crypto: Crypto;
  readonly random: Random;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** The same, once others have told it. */
  readonly trustedNow: () => Promise<number>;
}

export interface ProposerConfig {
  /** From the call to its answer. */
  readonly timeoutMs: number;
  /** Changes under way or waiting at once; more are OVERLOADED. */
  readonly maxChanges: number;
}

/** A wish, or without one a read that takes part in the order of changes; `settle`: what it finds is accepted anew. */
interface Aim {
  readonly wish?: Wish;
  readonly settle?: boolean;
}

/** Answers by replica; undefined: it has accepted nothing. */
type Told = ReadonlyMap<PeerId, Accepted | undefined>;

/** Taken at a time: each but the first spares a change its first round. */
const BALLOTS = 16;
const FAST_READS = 3;
const MAX_BACKOFF_MS = 200;

export function createProposer(deps: ProposerDeps, config: ProposerConfig): Proposer {
  const { self, rounds, calls, agree, verifier, topology, hybridClock, crypto, random, now, trustedNow } =
    deps;
  const queue = createProposalQueue({ maxWaiting: config.maxChanges });
  const cohorts = createCohorts(deps);
  const grounds = createGrounds(deps);
  const closing = new AbortController();

  const ballotOf = (stamp: Stamp | undefined) => formatVersion({ ...(stamp as Stamp), author: self });

  function learn({ behind }: Pick<Polled, 'behind'>): void {
    if (behind === undefined) return;
    const { ms, counter } = parseVersion(behind);
    if (ms <= now() + MAX_AHEAD_MS) hybridClock.observe({ ms, counter });
  }

  /** Others propose too: the first time at once, for clocks differ, then after a random while that grows. */
  function backoffMs(attempt: number): number {
    return attempt < 2 ? 0 : random.float() * Math.min(MAX_BACKOFF_MS, 5 * 2 ** attempt);
  }

  /** Nothing that a peer hands over is believed before its author's signature and its value's hash were checked. */
  async function open(name: RecordName, [header, value, proof]: RecordBody): Promise<Accepted> {
    const fields = decodeHeader(header);
    const invalid = (reason: string) => new P2posError('RECORD_INVALID', { reason });
    const isNamed =
      fields.namespace === name.namespace &&
      equalBytes(fields.key, name.key) &&
      equalBytes(fields.partition, name.partition);
    if (!isNamed) throw invalid('it is that of another key');
    if (!(await verifier.verify({ header, proof }, authorOf(fields))))
      throw invalid('its proof does not verify');
    const ballot = fields.version;
    if (!value) {
      // What expired everywhere is let go by its replicas.
      const gone = !fields.value || (fields.expiresAt ?? Number.POSITIVE_INFINITY) <= now() + MAX_AHEAD_MS;
      if (!gone) throw invalid('its value is missing');
    } else if (!fitsValue(crypto, fields, value)) throw invalid('its value is not the one that was signed');
    return { ballot, state: storedState(value, ballot) };
  }

  /** Everyone who told of that ballot, where they are a majority of every set. */
  function holdersOf(told: Told, ballot: string | undefined, { slot, count }: Place): PeerId[] | undefined {
    const has = (peerId: PeerId) => told.has(peerId) && told.get(peerId)?.ballot === ballot;
    return reaches(topology.moves.required(slot, count), has) ? [...told.keys()].filter(has) : undefined;
  }

  /** Phase 1. Undefined: to be tried again. */
  async function prepare(
    name: RecordName,
    place: Place,
    placed: Placed,
    course: Course,
  ): Promise<Ground | undefined> {
    const [stamp, ...rest] = await hybridClock.take(BALLOTS);
    const ballot = ballotOf(stamp);
    const told = new Map<PeerId, Accepted | undefined>();
    /** Theirs may be built upon, but is not accepted: see `Learned`. */
    const learned = new Set<PeerId>();
    const polled = await poll<PromiseAnswer>(deps, {
      place,
      hopedFor: ['promised'],
      async ask(peerId) {
        const answer = await rounds.prepare(peerId, placed, name, ballot, course.restMs());
        if (answer.result !== 'promised') return answer;
        const accepted = answer.record && (await open(name, answer.record));
        // What follows a greater ballot cannot be proposed under this one.
        if (accepted && accepted.ballot >= ballot) return { result: 'behind', text: accepted.ballot };
        told.set(peerId, accepted);
        if (answer.learned) learned.add(peerId);
        return answer;
      },
      ...course.limits,
    });
    learn(polled);
    if (!course.passed(polled)) return undefined;
    let newest: Accepted | undefined;
    for (const peerId of polled.yes) {
      const one = told.get(peerId);
      if (one && one.ballot > (newest?.ballot ?? '')) newest = one;
    }
    for (const peerId of learned) told.delete(peerId);
    return { ballot, rest, newest, agreed: holdersOf(told, newest?.ballot, place) };
  }

  /** Phase 2. */
  async function accept(
    name: RecordName,
    place: Place,
    placed: Placed,
    ballot: string,
    state: RegisterState,
    course: Course,
  ): Promise<Polled<WriteAnswer>> {
    const deleted = state.value === null;
    // What a deleted one remembers of its changes is let go in the end.
    const expiresAt = deleted ? now() + DELETED_KEEP_MS : state.expiresAt;
    const held = { bytes: encodeState(state), expiresAt, deleted };
    const record = await rounds.sign(name, place, ballot, held);
    return poll<WriteAnswer>(deps, {
      place,
      hopedFor: ['taken', 'held'],
      ask: (peerId) => rounds.accept(peerId, placed, record, course.restMs()),
      ...course.limits,
    });
  }

  async function attempts(
    name: RecordName,
    place: Place,
    { wish, settle = false }: Aim,
    course: Course,
  ): Promise<Proposed> {
    const own = new Map<string, RegisterValue | undefined>();
    for (let attempt = 0; ; attempt++) {
      const placed = await course.next(backoffMs(attempt));
      const generation = topology.generation();
      const decideOn = async ({ ballot, newest }: Ground) => {
        const expires = wish?.ttlMs !== undefined || newest?.state.expiresAt !== undefined;
        return decide(newest?.state, wish, { ballot, now: expires ? await trustedNow() : now(), own });
      };
      let ground = attempt === 0 && wish ? grounds.take(textOfName(name), generation) : undefined;
      let verdict = ground && (await decideOn(ground));
      // Whether that is still what is there is shown by a majority that accepts what follows it, and by nothing less.
      if (!ground || !verdict?.isNew) {
        ground = await prepare(name, place, placed, course);
        if (!ground || generation !== topology.generation()) continue;
        verdict = await decideOn(ground);
      }
      const { ballot, rest, newest, agreed } = ground;
      const { state, isNew, answer } = verdict;
      if (!state) {
        // What an earlier ballot left behind cannot be ruled out where nothing is accepted in its stead.
        if (own.size > 0) throw course.lost();
        return { answer, replicas: agreed ?? [] };
      }
      // What a minority accepted may yet vanish: nothing is told of it before a majority has it.
      if (!isNew && agreed && own.size === 0 && !settle)
        return { answer, replicas: agreed, ...(newest && { record: newest }) };
      const changes = isNew && answer.kind === 'changed';
      if (changes) own.set(ballot, answer.previous);
      const polled = await accept(name, place, placed, ballot, state, course);
      if (changes && polled.result !== 'yes' && polled.maybe) course.mayHaveEffect();
      learn(polled);
      if (!course.passed(polled)) continue;
      const record = { ballot, state };
      const [next, ...others] = rest;
      if (next) {
        const following = { ballot: ballotOf(next), rest: others, newest: record, agreed: polled.yes };
        grounds.keep(textOfName(name), following, generation);
      }
      return { answer, replicas: polled.yes, record };
    }
  }

  /** What a majority agrees on without being asked to promise; undefined: they do not. */
  async function glance(name: RecordName, place: Place, course: Course) {
    const placed = await course.next(0);
    const told = new Map<PeerId, Accepted | undefined>();
    const agreed = () =>
      [...told.values(), undefined].find((one) => holdersOf(told, one?.ballot, place) !== undefined);
    const isAgreed = () =>
      [...told.values()].some((one) => holdersOf(told, one?.ballot, place) !== undefined);
    const polled = await poll<ReadAnswer>(deps, {
      place,
      hopedFor: ['found', 'absent'],
      async ask(peerId) {
        const answer = await calls.read(peerId, placed, name, course.restMs());
        if (answer.result === 'absent') told.set(peerId, undefined);
        // A learner tells what it has, and counts for nothing; so does what was learned.
        if (answer.result === 'found' && answer.record && !answer.learned)
          told.set(peerId, await open(name, answer.record));
        return answer;
      },
      enough: isAgreed,
      ...course.limits,
    });
    if (polled.result === 'no' && polled.answered) return undefined;
    if (!course.passed(polled)) return undefined;
    return { state: agreed()?.state };
  }

  /** The same by digests, of which this node has what they stand for. */
  async function agreedState(
    name: RecordName,
    place: Place,
  ): Promise<{ state: RegisterState | undefined } | undefined> {
    const agreed = await agree(name, place);
    if (typeof agreed === 'string') return undefined;
    if (!agreed.held) return { state: undefined };
    const { record, version } = agreed.held;
    return { state: storedState(record.value, version) };
  }

  function courseOf({ signal }: CallOptions): Course {
    if (closing.signal.aborted) throw new P2posError('NODE_CLOSING');
    return createCourse(deps, { timeoutMs: config.timeoutMs, signal, closing: closing.signal });
  }

  function inTurn(name: RecordName, place: Place, aim: Aim, course: Course): Promise<Proposed> {
    return queue.run(textOfName(name), async () => {
      using _member = await cohorts.enter();
      return await attempts(name, place, aim, course);
    });
  }

  async function propose(name: RecordName, place: Place, aim: Aim, options: CallOptions): Promise<Proposed> {
    using course = courseOf(options);
    return await inTurn(name, place, aim, course).catch((error) => {
      throw course.told(error);
    });
  }

  return {
    propose: (name, place, wish, options) => propose(name, place, { wish }, options),
    async settle(name, place, options) {
      await propose(name, place, { settle: true }, options);
    },
    async read(name, place, options) {
      using course = courseOf(options);
      for (let i = 0; i < FAST_READS; i++) {
        const seen = (i === 0 && (await agreedState(name, place))) || (await glance(name, place, course));
        if (!seen) continue;
        // That it has expired is for all to agree on, lest another clock finds it alive later.
        if (seen.state?.expiresAt !== undefined && isExpired(seen.state, await trustedNow())) break;
        return agreedOf(seen.state);
      }
      const { record } = await inTurn(name, place, {}, course);
      return agreedOf(record?.state);
    },
    disturb: (name) => grounds.forget(textOfName(name)),
    [Symbol.dispose]: () => closing.abort(),
  };
}
