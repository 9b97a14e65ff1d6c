/** Asks replicas for one record until enough have answered: few at first, all when those are slow, gone or damaged. */
import { equalBytes, isP2posError, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Placed, ReadAnswer, RecordBody } from '../format/wire.ts';
import type { PeerSet } from '../placement/quorum.ts';
import type { RecordName } from '../replica/stored.ts';
import { Ballot, type Trace } from './ballot.ts';
import type { ReplicaCalls } from './calls.ts';

export interface GatheringDeps {
  readonly calls: Pick<ReplicaCalls, 'read'>;
  readonly clock: Clock;
}

export interface GatheringInput {
  readonly name: RecordName;
  readonly placed: Placed;
  readonly sets: readonly PeerSet[];
  /** Asked at once; the others of the sets after `hedgeMs`, or when these do not suffice. */
  readonly first: readonly PeerId[];
  readonly hedgeMs: number;
  readonly timeoutMs: number;
  readonly trace: Trace;
  readonly signal: AbortSignal | undefined;
  /** Whether the word of a replica that does not count will do. */
  readonly takesLearners: boolean;
  readonly isEnough: (ballot: Ballot) => boolean;
  /** No answer that is to come can make it enough. */
  readonly isLost: (ballot: Ballot) => boolean;
  /** The replica says that the slot is closed in `epoch`; answers the sets that are needed then. */
  readonly onElsewhere: (epoch: number) => readonly PeerSet[];
}

/** Thrown when replicas follow another snapshot: worth another try. */
export class StalePlacement extends Error {
  override readonly name = 'StalePlacement';
}

/** What the replicas hold, for those that gave a usable answer; undefined: nothing. */
export type Found = Map<PeerId, RecordBody | undefined>;

export class Gathering {
  readonly ballot: Ballot;
  readonly found: Found = new Map();
  /** Hold it, but cannot show it. */
  readonly damaged = new Set<PeerId>();
  readonly #deps: GatheringDeps;
  readonly #input: GatheringInput;
  #stale = false;
  #expired = false;
  #wake = Promise.withResolvers<void>();

  constructor(deps: GatheringDeps, input: GatheringInput) {
    this.#deps = deps;
    this.#input = input;
    this.ballot = new Ballot(input.sets);
  }

  /** Resolves when `isEnough`; may be called again after `discard`. @throws P2posError RECORDS_QUORUM_LOST, StalePlacement */
  async run(): Promise<void> {
    const { clock } = this.#deps;
    const { first, hedgeMs, timeoutMs, signal, isEnough, isLost } = this.#input;
    using stack = new DisposableStack();
    stack.use(clock.after(timeoutMs, () => this.#expire()));
    stack.use(clock.after(hedgeMs, () => this.#ask(this.ballot.unasked())));
    const stop = () => this.#wake.resolve();
    signal?.addEventListener('abort', stop, { once: true });
    stack.defer(() => signal?.removeEventListener('abort', stop));
    this.#ask(first);
    while (!isEnough(this.ballot)) {
      signal?.throwIfAborted();
      if (isLost(this.ballot)) {
        const rest = this.ballot.unasked();
        if (rest.length === 0) throw this.#failure();
        this.#ask(rest);
      }
      if (this.#expired) throw this.#failure();
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  /** What these replicas said turned out to be worthless. */
  discard(peers: readonly PeerId[]): void {
    for (const peerId of peers) {
      this.found.delete(peerId);
      this.ballot.answer(peerId, false);
    }
  }

  #expire(): void {
    this.#expired = true;
    this.#wake.resolve();
  }

  #failure(): Error {
    if (this.#stale) return new StalePlacement();
    return new P2posError('RECORDS_QUORUM_LOST', { ...this.ballot.shortfall(), retryAfterMs: 1_000 });
  }

  #ask(peers: readonly PeerId[]): void {
    for (const peerId of peers) if (this.ballot.ask(peerId)) void this.#askOne(peerId);
  }

  async #askOne(peerId: PeerId): Promise<void> {
    const { calls, clock } = this.#deps;
    const { name, placed, timeoutMs, trace } = this.#input;
    trace.ask(peerId);
    const startedAt = clock.monotonic();
    let result: string;
    try {
      result = this.#take(peerId, await calls.read(peerId, placed, name, timeoutMs));
    } catch (error) {
      result = isP2posError(error) ? error.code : 'INTERNAL';
      if (result === 'PLACEMENT_STALE') this.#stale = true;
      this.ballot.answer(peerId, false);
    }
    trace.answer(peerId, clock.monotonic() - startedAt, result);
    this.#wake.resolve();
  }

  #take(peerId: PeerId, { result, text, record }: ReadAnswer): string {
    const usable =
      result === 'found' || result === 'absent' || (result === 'learning' && this.#input.takesLearners);
    this.ballot.answer(peerId, usable);
    if (usable) this.found.set(peerId, record);
    if (result === 'damaged') this.damaged.add(peerId);
    if (result === 'elsewhere') {
      this.#stale = true;
      this.ballot.sets = this.#input.onElsewhere(Number(text));
    }
    return result === 'refused' && text !== undefined ? text : result;
  }
}

/** Replicas that showed exactly this record. */
export function holdersOf(found: Found, [header]: RecordBody): PeerId[] {
  return [...found].filter(([, body]) => body && equalBytes(body[0], header)).map(([peerId]) => peerId);
}
