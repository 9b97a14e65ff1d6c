/**
 * A change of one register: a ballot that a majority promises, a decision over the newest state that they tell, and that
 * decision accepted by a majority (CASPaxos: Rystsov 2018, arXiv:1802.07000). While a slot moves, majorities of every needed
 * set. What is accepted is an ordinary signed record whose version is the ballot, so that it is repaired and moved as such.
 */
import {
  type Crypto,
  equalBytes,
  formatVersion,
  isP2posError,
  P2posError,
  parseVersion,
  type Signer,
} from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Random } from '../../random/index.ts';
import type { HybridClock } from '../clock/hybrid-clock.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import { authorOf, decodeHeader, encodeHeader, fitsValue, type RecordHeader } from '../format/record.ts';
import { type SealVerifier, seal } from '../format/seal.ts';
import type { Placed, PromiseAnswer, RecordBody, WriteAnswer } from '../format/wire.ts';
import { type PeerSet, reaches, shortfall } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import { MAX_AHEAD_MS } from '../replica/replica.ts';
import type { CheckedRecord, RecordName } from '../replica/store.ts';
import { poll } from './poll.ts';

/** What a register's record says, of whatever age. */
export interface Accepted {
  readonly ballot: string;
  /** Undefined: deleted. */
  readonly bytes: Uint8Array | undefined;
  readonly expiresAt: number | undefined;
}

/** What the register shall hold. */
export interface Proposal {
  readonly bytes: Uint8Array | undefined;
  readonly expiresAt?: number | undefined;
  /** Scans leave it out. */
  readonly deleted: boolean;
}

/** `propose`: undefined leaves what is there, and is settled first where not all of a majority have it. */
export type Decide<T> = (
  seen: Accepted | undefined,
  ballot: string,
) => { readonly propose: Proposal | undefined; readonly result: T };

export interface Decided<T> {
  readonly result: T;
  readonly holders: readonly PeerId[];
}

export interface Place {
  readonly slot: number;
  readonly count: number;
}

export interface Proposer {
  /** @throws P2posError RECORDS_QUORUM_LOST {outcome}, VERSION_AHEAD; what `decide` throws is final */
  run<T>(name: RecordName, place: Place, decide: Decide<T>, signal: AbortSignal): Promise<Decided<T>>;
  /** One round trip where a majority holds the same; undefined: it takes a ballot to know. */
  glance(
    name: RecordName,
    place: Place,
    signal: AbortSignal,
  ): Promise<{ readonly seen: Accepted | undefined } | undefined>;
}

export interface ProposerDeps {
  readonly self: PeerId;
  readonly systemId: string;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'ask' | 'write' | 'read'>;
  readonly verifier: SealVerifier;
  readonly hybridClock: HybridClock;
  readonly crypto: Crypto;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** What was seen, to be proposed anew. */
  readonly same: (name: RecordName, seen: Accepted) => Proposal;
}

const FIRST_PAUSE_MS = 4;
const MAX_PAUSE_MS = 250;
/** Without an answer from a majority; then the caller is told. */
const UNREACHED_TRIES = 2;

interface Terms {
  readonly placed: Placed;
  readonly sets: readonly PeerSet[];
  readonly generation: number;
}

export function createProposer(deps: ProposerDeps, { timeoutMs }: { readonly timeoutMs: number }): Proposer {
  const { self, systemId, topology, calls, verifier, hybridClock, crypto, signer, clock, random, now } = deps;

  /** Undefined while this node reads the chain of snapshots. */
  async function terms({ slot, count }: Place): Promise<Terms | undefined> {
    await topology.ready();
    try {
      const { epoch, hash } = topology.current();
      const sets = topology.moves.required(slot, count);
      return { placed: { epoch, placement: hash }, sets, generation: topology.generation() };
    } catch (error) {
      if (isP2posError(error, 'PLACEMENT_STALE')) return undefined;
      throw error;
    }
  }

  function learn(
    answers: Iterable<PromiseAnswer | WriteAnswer>,
    { slot, count }: Place,
    generation: number,
  ): void {
    for (const { result, text = '' } of answers) {
      if (result === 'behind' || result === 'promised') {
        if (text === '') continue;
        const seen = parseVersion(text);
        // Nothing that this node may propose would be greater.
        if (seen.ms > now() + MAX_AHEAD_MS)
          throw new P2posError('VERSION_AHEAD', { maxAheadMs: MAX_AHEAD_MS });
        hybridClock.observe(seen);
      }
      if (result === 'elsewhere' && generation === topology.generation())
        topology.moves.learnClosed(slot, count, Number(text));
    }
  }

  async function prepare(name: RecordName, ballot: string, { placed, sets }: Terms, signal: AbortSignal) {
    const partition = equalBytes(name.partition, name.key) ? null : name.partition;
    const promises = [[name.namespace, name.key, partition, ballot] as const];
    return poll<PromiseAnswer>(
      sets,
      async (peerId) => {
        const { answers } = await calls.ask(
          peerId,
          'prepare',
          { ...placed, promises },
          { timeoutMs, signal },
        );
        const [answer] = answers;
        if (!answer || answers.length !== 1)
          throw new P2posError('PEER_PROTOCOL', { peerId, reason: 'it answered another number of promises' });
        if (answer.record) await open(name, answer.record);
        return answer;
      },
      ({ result }) => result === 'promised',
      signal,
    );
  }

  const opened = new WeakMap<RecordBody, Accepted>();

  /** Nothing that a peer hands over is believed before its author's signature and its value's hash were checked. */
  async function open(name: RecordName, body: RecordBody): Promise<Accepted> {
    const known = opened.get(body);
    if (known) return known;
    const [header, value, proof] = body;
    const fields = decodeHeader(header);
    const invalid = (reason: string) => new P2posError('RECORD_INVALID', { reason });
    if (!names(fields, name)) throw invalid('it is that of another key');
    if (!(await verifier.verify({ header, proof }, authorOf(fields))))
      throw invalid('its proof does not verify');
    const gone = fields.expiresAt !== undefined && fields.expiresAt <= now();
    if (fields.value && !gone && !(value && fitsValue(crypto, fields, value)))
      throw invalid('its value is not the one that was signed');
    const accepted: Accepted = {
      ballot: fields.version,
      bytes: fields.value && value ? value : undefined,
      expiresAt: fields.expiresAt,
    };
    opened.set(body, accepted);
    return accepted;
  }

  async function newestOf(name: RecordName, bodies: Iterable<RecordBody | undefined>) {
    let newest: Accepted | undefined;
    for (const body of bodies) {
      if (!body) continue;
      const accepted = await open(name, body);
      if (!newest || accepted.ballot > newest.ballot) newest = accepted;
    }
    return newest;
  }

  async function recordOf(
    name: RecordName,
    { slot, count }: Place,
    ballot: string,
    { bytes, expiresAt, deleted }: Proposal,
  ): Promise<CheckedRecord> {
    const fields: RecordHeader = {
      ...name,
      version: ballot,
      expiresAt: bytes ? expiresAt : undefined,
      value: bytes && { hash: crypto.sha256(bytes), bytes: bytes.length },
    };
    const header = encodeHeader(fields);
    const [sealed] = await seal({ crypto, signer, systemId }, [header]);
    if (!sealed) throw new P2posError('INTERNAL');
    return { fields, header, value: bytes ?? null, ...sealed, slot, count, register: { deleted } };
  }

  async function nextBallot(): Promise<string> {
    const [stamp] = await hybridClock.take(1);
    if (!stamp) throw new P2posError('INTERNAL');
    return formatVersion({ ...stamp, author: self });
  }

  async function run<T>(
    name: RecordName,
    place: Place,
    decide: Decide<T>,
    signal: AbortSignal,
  ): Promise<Decided<T>> {
    let mayBeKept = false;
    let lost = { answered: 0, needed: 0 };
    const gone = (): P2posError =>
      new P2posError('RECORDS_QUORUM_LOST', {
        ...lost,
        outcome: mayBeKept ? 'unknown' : 'none',
        retryAfterMs: 1_000,
      });
    try {
      for (let tries = 0; ; tries++) {
        if (tries > 0) await pause(tries, signal);
        const term = await terms(place);
        if (!term) continue;
        const ballot = await nextBallot();
        const first = await prepare(name, ballot, term, signal);
        learn(first.answers.values(), place, term.generation);
        if (!first.reached) {
          lost = shortfall(term.sets, (peerId) => first.answers.get(peerId)?.result === 'promised');
          if (tries >= UNREACHED_TRIES && first.failures.length > 0 && !isContended(first.answers.values()))
            throw gone();
          continue;
        }
        const told = new Map([...first.answers].filter(([, { result }]) => result === 'promised'));
        const seen = await newestOf(
          name,
          [...told.values()].map(({ record }) => record),
        );
        const { propose, result } = decide(seen, ballot);
        const holders = [...told].filter(
          ([, { record }]) => record && opened.get(record)?.ballot === seen?.ballot,
        );
        const isHeld = (peerId: PeerId) => holders.some(([holder]) => holder === peerId);
        if (!propose && (!seen || reaches(term.sets, isHeld)) && topology.generation() === term.generation)
          return { result, holders: holders.map(([peerId]) => peerId) };
        // Where nothing is to be changed, what was seen is proposed anew: afterwards it is what everybody sees.
        const record = await recordOf(name, place, ballot, propose ?? deps.same(name, seen as Accepted));
        if (topology.generation() !== term.generation) continue;
        mayBeKept ||= propose !== undefined;
        const second = await poll<WriteAnswer>(
          term.sets,
          async (peerId) => {
            const [answer] = await calls.write(peerId, term.placed, [record], { timeoutMs, signal });
            return answer as WriteAnswer;
          },
          isKept,
          signal,
        );
        learn(second.answers.values(), place, term.generation);
        const kept = (peerId: PeerId) => isKept(second.answers.get(peerId));
        if (second.reached) return { result, holders: [...second.answers.keys()].filter(kept) };
        lost = shortfall(term.sets, kept);
      }
    } catch (error) {
      if (isP2posError(error, 'TIMEOUT') || (isP2posError(error, 'CANCELLED') && mayBeKept)) throw gone();
      throw error;
    }
  }

  /** Those who duel over a key step back for ever longer, each for a time of its own. */
  function pause(tries: number, signal: AbortSignal): Promise<void> {
    const most = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10));
    return sleep(clock, 1 + most * random.float(), { signal });
  }

  return {
    run,
    async glance(name, place, signal) {
      const term = await terms(place);
      if (!term) return undefined;
      const same = new Map<string, Set<PeerId>>();
      const bodies = new Map<PeerId, RecordBody>();
      let agreed: string | undefined;
      await poll(
        term.sets,
        async (peerId) => {
          const { result, record } = await calls.read(peerId, term.placed, name, timeoutMs);
          if (result !== 'found' && result !== 'absent')
            throw new P2posError('RECORD_INVALID', { reason: result });
          const version = record ? (await open(name, record)).ballot : '';
          if (record) bodies.set(peerId, record);
          const holders = same.get(version) ?? new Set<PeerId>();
          same.set(version, holders.add(peerId));
          if (reaches(term.sets, (other) => holders.has(other))) agreed ??= version;
          return version;
        },
        () => true,
        signal,
      );
      if (agreed === undefined || topology.generation() !== term.generation) return undefined;
      return { seen: agreed === '' ? undefined : await newestOf(name, bodiesOf(bodies, same.get(agreed))) };
    },
  };
}

function bodiesOf(
  bodies: ReadonlyMap<PeerId, RecordBody>,
  holders: ReadonlySet<PeerId> = new Set(),
): RecordBody[] {
  return [...holders].map((peerId) => bodies.get(peerId)).filter((body) => body !== undefined);
}

function isContended(answers: Iterable<PromiseAnswer>): boolean {
  for (const { result } of answers) if (result !== 'promised') return true;
  return false;
}

const isKept = (answer: WriteAnswer | undefined) => answer?.result === 'taken' || answer?.result === 'held';

function names(fields: RecordHeader, name: RecordName): boolean {
  return (
    fields.namespace === name.namespace &&
    equalBytes(fields.key, name.key) &&
    equalBytes(fields.partition, name.partition)
  );
}
