/**
 * The read path of a coordinator. A quorum read asks as few replicas as can give every needed set its majority, and more
 * when those are slow or gone; it answers with the newest record only when a majority of every set holds it, writing it
 * back first to those that do not.
 */
import {
  type Crypto,
  compareBytes,
  equalBytes,
  isP2posError,
  P2posError,
  parseVersion,
} from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { HybridClock } from '../clock/hybrid-clock.ts';
import { leafHash } from '../format/merkle.ts';
import {
  authorOf,
  decodeHeader,
  fitsValue,
  isDead,
  type RecordHeader,
  readHeader,
} from '../format/record.ts';
import type { SealVerifier } from '../format/seal.ts';
import type { Placed, RecordBody } from '../format/wire.ts';
import { fewestOf, type PeerSet, unionOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { CallOptions, Consistency, ReadOutcome } from '../port.ts';
import { MAX_AHEAD_MS } from '../replica/replica.ts';
import type { RecordName } from '../replica/stored.ts';
import type { Agree } from './agreement.ts';
import { Ballot, Trace } from './ballot.ts';
import type { ReplicaCalls } from './calls.ts';
import { Gathering, holdersOf, StalePlacement } from './gathering.ts';
import type { Preference } from './preference.ts';

export interface ReaderDeps {
  readonly self: PeerId;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'read' | 'ask'>;
  readonly agree: Agree;
  readonly preference: Preference;
  readonly verifier: SealVerifier;
  readonly hybridClock: HybridClock;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Logger;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** The same, once others have told it. */
  readonly trustedNow: () => Promise<number>;
}

export interface ReaderConfig {
  /** From the call to its answer. */
  readonly timeoutMs: number;
}

export interface Reader {
  read(
    name: RecordName,
    place: { readonly slot: number; readonly count: number },
    consistency: Consistency,
    options: CallOptions,
  ): Promise<ReadOutcome>;
}

interface Newest {
  readonly fields: RecordHeader;
  readonly body: RecordBody;
  readonly holders: readonly PeerId[];
}

/** Between two tries while the nodes learn a new snapshot. */
const RETRY_MS = 25;
/** Repairs that nobody waits for; beyond these they are left to the next read. */
const MAX_REPAIRS = 64;

export function createReader(deps: ReaderDeps, { timeoutMs }: ReaderConfig): Reader {
  const {
    self,
    topology,
    calls,
    agree,
    preference,
    verifier,
    hybridClock,
    crypto,
    clock,
    log,
    now,
    trustedNow,
  } = deps;
  let repairs = 0;

  async function attempt(
    name: RecordName,
    { slot, count }: { readonly slot: number; readonly count: number },
    consistency: Consistency,
    {
      trace,
      leftMs,
      signal,
      hurry,
    }: {
      readonly trace: Trace;
      readonly leftMs: number;
      readonly signal: AbortSignal | undefined;
      /** Time was lost already: ask everybody soon. */
      readonly hurry: boolean;
    },
  ): Promise<Newest | undefined> {
    const { epoch, hash } = currentEra();
    const placed: Placed = { epoch, placement: hash };
    const generation = topology.generation();
    const required = () => demandOf(consistency, topology.moves.required(slot, count));
    const preferred = preference.order(unionOf(required()));
    const first = consistency === 'one' ? preferred.slice(0, 1) : fewestOf(required(), preferred);
    const gathering = new Gathering(
      { calls, clock },
      {
        name,
        placed,
        sets: required(),
        first,
        hedgeMs: hurry ? 0 : preference.hedgeMs(first),
        timeoutMs: leftMs,
        trace,
        signal,
        takesLearners: consistency === 'one',
        isEnough: (ballot) => (consistency === 'one' ? ballot.yes().length > 0 : ballot.isReached()),
        isLost: (ballot) => (consistency === 'one' ? !ballot.anyWaiting() : ballot.isLost()),
        onElsewhere(closedEpoch) {
          if (generation === topology.generation()) topology.moves.learnClosed(slot, count, closedEpoch);
          return generation === topology.generation() ? required() : gathering.ballot.sets;
        },
      },
    );
    for (;;) {
      await gathering.run();
      const malformed = [...gathering.found]
        .filter(([, body]) => body && !readHeader(body[0]))
        .map(([peerId]) => peerId);
      const newest = malformed.length > 0 ? undefined : newestOf(gathering);
      if (!newest && malformed.length === 0) return undefined;
      if (newest && (await isGenuine(name, newest))) {
        if (consistency !== 'one') await writeBack(gathering, newest, placed, leftMs);
        return newest;
      }
      const peers = newest?.holders ?? malformed;
      log.warn({ action: 'record_forged', slot, peers }, 'replicas answered a record that nobody signed');
      gathering.discard(peers);
    }
  }

  function currentEra() {
    try {
      return topology.current();
    } catch (error) {
      if (isP2posError(error, 'PLACEMENT_STALE')) throw new StalePlacement();
      throw error;
    }
  }

  function newestOf({ found }: Gathering): Newest | undefined {
    let newest: { fields: RecordHeader; body: RecordBody } | undefined;
    for (const body of found.values()) {
      if (!body || (newest && equalBytes(newest.body[0], body[0]))) continue;
      const fields = decodeHeader(body[0]);
      if (!newest || isNewer(fields, body, newest)) newest = { fields, body };
    }
    return newest && { ...newest, holders: holdersOf(found, newest.body) };
  }

  /** As replicas decide which of two they keep. */
  function isNewer(
    fields: RecordHeader,
    [header]: RecordBody,
    other: { fields: RecordHeader; body: RecordBody },
  ): boolean {
    if (fields.version !== other.fields.version) return fields.version > other.fields.version;
    return compareBytes(leafHash(crypto, header), leafHash(crypto, other.body[0])) > 0;
  }

  /** Whether it is the record that was asked for, signed by its author, with its value. */
  async function isGenuine(name: RecordName, { fields, body, holders }: Newest): Promise<boolean> {
    if (holders.includes(self)) return true; // checked when it came, and its hashes when it was read
    const [header, value, proof] = body;
    const asked =
      fields.namespace === name.namespace &&
      equalBytes(fields.key, name.key) &&
      equalBytes(fields.partition, name.partition);
    const whole = value ? fitsValue(crypto, fields, value) : isDead(fields, now() + MAX_AHEAD_MS);
    return asked && whole && (await verifier.verify({ header, proof }, authorOf(fields)));
  }

  async function writeBack(
    gathering: Gathering,
    newest: Newest,
    placed: Placed,
    leftMs: number,
  ): Promise<void> {
    const ballot = new Ballot(gathering.ballot.sets);
    for (const peerId of newest.holders) ballot.answer(peerId, true);
    const behind = [...gathering.found.keys(), ...gathering.damaged].filter(
      (peerId) => !newest.holders.includes(peerId),
    );
    if (ballot.isReached()) {
      for (const peerId of behind) repairLater(peerId, newest.body, placed, leftMs);
      return;
    }
    const progress = { wake: Promise.withResolvers<void>() };
    const send = async (peerId: PeerId) => {
      const kept = await relay(peerId, newest.body, placed, leftMs).catch((error) => {
        if (isP2posError(error, 'PLACEMENT_STALE')) stale = true;
        return false;
      });
      ballot.answer(peerId, kept);
      progress.wake.resolve();
    };
    let stale = false;
    for (const peerId of behind) if (ballot.ask(peerId)) void send(peerId);
    while (!ballot.isReached()) {
      if (ballot.isLost()) {
        const rest = ballot.unasked();
        if (rest.length === 0) {
          if (stale) throw new StalePlacement();
          throw new P2posError('RECORDS_QUORUM_LOST', { ...ballot.shortfall(), retryAfterMs: 1_000 });
        }
        for (const peerId of rest) if (ballot.ask(peerId)) void send(peerId);
      }
      await progress.wake.promise;
      progress.wake = Promise.withResolvers();
    }
  }

  /** Whether the replica has it, or something newer, on disk now. */
  async function relay(peerId: PeerId, body: RecordBody, placed: Placed, leftMs: number): Promise<boolean> {
    const { answers } = await calls.ask(
      peerId,
      'relay',
      { ...placed, records: [body] },
      { timeoutMs: leftMs },
    );
    return ['taken', 'held', 'behind'].includes(answers[0]?.result ?? '');
  }

  function repairLater(peerId: PeerId, body: RecordBody, placed: Placed, leftMs: number): void {
    if (repairs >= MAX_REPAIRS) return;
    repairs++;
    relay(peerId, body, placed, leftMs)
      .catch((error) => log.debug({ action: 'read_repair', peerId, error }, 'read repair failed'))
      .finally(() => repairs--);
  }

  return {
    async read(name, place, consistency, { signal }) {
      signal?.throwIfAborted();
      const trace = new Trace(place.slot);
      const deadlineAt = clock.monotonic() + timeoutMs;
      const agreed = consistency === 'quorum' ? await agree(name, place, trace) : 'unclear';
      if (typeof agreed === 'object') {
        const { held } = agreed;
        if (held) observe(held.version);
        const fields = held?.fields;
        const found = fields && (await alive(fields, held.record.value, consistency));
        return { found, explain: trace.explain() };
      }
      const hurry = agreed === 'late';
      for (;;) {
        signal?.throwIfAborted();
        const leftMs = deadlineAt - clock.monotonic();
        try {
          const newest = await attempt(name, place, consistency, { trace, leftMs, signal, hurry });
          if (newest) observe(newest.fields.version);
          const found = newest && (await alive(newest.fields, newest.body[1], consistency));
          return { found, explain: trace.explain() };
        } catch (error) {
          if (!(error instanceof StalePlacement)) throw error;
          if (deadlineAt - clock.monotonic() <= RETRY_MS) throw lost(place.slot);
        }
        await sleep(clock, RETRY_MS, { signal });
        await topology.ready();
      }
    },
  };

  /** What this node writes next is newer than what its reader saw. */
  function observe(version: string): void {
    const seen = parseVersion(version);
    if (seen.ms <= now() + MAX_AHEAD_MS) hybridClock.observe(seen);
  }

  /** By a clock that is still wrong what was acknowledged would be gone, or what has expired be back. */
  async function alive(
    fields: RecordHeader,
    value: Uint8Array | null,
    consistency: Consistency,
  ): Promise<ReadOutcome['found']> {
    if (value === null) return undefined;
    const { version, expiresAt } = fields;
    const time = expiresAt === undefined || consistency === 'one' ? now() : await trustedNow();
    if (isDead(fields, time)) return undefined;
    return { value, version, ...(expiresAt !== undefined && { expiresAt }) };
  }
}

/** `all` is a majority of sets of one. */
function demandOf(consistency: Consistency, sets: readonly PeerSet[]): readonly PeerSet[] {
  return consistency === 'all' ? unionOf(sets).map((peerId) => [peerId]) : sets;
}

function lost(slot: number): P2posError {
  return new P2posError('RECORDS_QUORUM_LOST', { answered: 0, needed: 1, retryAfterMs: 1_000, slot });
}
