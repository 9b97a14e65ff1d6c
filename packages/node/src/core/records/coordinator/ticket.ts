/** One write on its way: what its replicas said so far, and what follows from that. */
import { isErrorCode, isP2posError, P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { WriteAnswer } from '../format/wire.ts';
import { majorityOf, type PeerSet } from '../placement/quorum.ts';
import type { Explanation } from '../port.ts';
import type { CheckedRecord, RecordName } from '../replica/stored.ts';
import { Ballot, Trace } from './ballot.ts';

export interface Draft extends RecordName {
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined;
  /** Of the value. */
  readonly valueHash?: Uint8Array | undefined;
  readonly expiresAt: number | undefined;
}

export interface Written {
  readonly version: string;
  readonly replicas: readonly PeerId[];
  readonly explain: Explanation;
  /** Of a tombstone: whether it took the place of something alive. */
  readonly existed: boolean;
}

/** What is to be done with a ticket after an answer. */
export type Turn = 'wait' | 'done' | 'renew' | 'resend' | 'lost';

/** Errors with which a replica surely did not keep the record. */
const SURELY_NOT = ['OVERLOADED', 'NOT_A_MEMBER', 'STATE_UNCONFIGURED', 'METHOD_UNKNOWN', 'BODY_TOO_LARGE'];
const RETRY_AFTER_MS = 1_000;

export class Ticket {
  readonly draft: Draft;
  readonly slot: number;
  readonly count: number;
  readonly bytes: number;
  readonly trace: Trace;
  readonly promise: Promise<Written>;
  readonly #resolve: (written: Written) => void;
  readonly #reject: (error: unknown) => void;
  /** The record as it was signed last; kept when it is sent again. */
  record: CheckedRecord | undefined;
  /**
   * A repeat of a write whose outcome was unknown: a replica that holds something newer counts as done, because the write
   * may have been there before it.
   */
  readonly resumed: boolean;
  settled = false;
  timer: Disposable | undefined;
  /** Told once when the sending of its batch is over for this one. */
  onLanded: (() => void) | undefined;
  #ballot: Ballot | undefined;
  /** Grows with each sending; answers to earlier ones count no more. */
  #round = 0;
  #renew = false;
  #resend = false;
  #maybeKept = false;
  #acknowledged = false;
  readonly #refusals = new Set<string>();
  readonly #ownVersions = new Set<string>();
  #replaced: { readonly version: string; readonly live: boolean } | undefined;

  constructor(
    draft: Draft,
    place: { readonly slot: number; readonly count: number },
    resume: CheckedRecord | undefined,
  ) {
    this.draft = draft;
    this.slot = place.slot;
    this.count = place.count;
    this.bytes = draft.key.length + draft.partition.length + (draft.value?.length ?? 0);
    this.record = resume;
    this.resumed = resume !== undefined;
    this.#maybeKept = this.resumed;
    this.trace = new Trace(place.slot);
    const { promise, resolve, reject } = Promise.withResolvers<Written>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Begins a sending of the present record; answers who is to be asked. */
  begin(sets: readonly PeerSet[], isSilent: (peerId: PeerId) => boolean): { round: number; peers: PeerId[] } {
    this.#ballot = new Ballot(sets);
    this.#renew = false;
    this.#resend = false;
    this.#refusals.clear();
    this.#ownVersions.add((this.record as CheckedRecord).fields.version);
    const all = this.#ballot.unasked();
    const peers = all.filter((peerId) => !isSilent(peerId));
    for (const peerId of peers) this.#ballot.ask(peerId);
    // Without the silent ones there is no majority: then they are the only hope.
    const late = this.#ballot.isLost() ? all.filter((peerId) => this.#ballot?.ask(peerId)) : [];
    const asked = [...peers, ...late];
    for (const peerId of asked) this.trace.ask(peerId);
    return { round: ++this.#round, peers: asked };
  }

  /** Ends the present sending; answers that are still to come change nothing but what may have been kept. */
  suspend(): void {
    this.#land();
    this.#maybeKept = this.mayBeKept();
    this.#ballot = undefined;
    this.#round++;
  }

  /** The sets may have become fewer since the sending. */
  narrow(sets: readonly PeerSet[]): void {
    if (this.#ballot) this.#ballot.sets = sets;
  }

  answer(round: number, peerId: PeerId, { result, text, replaced }: WriteAnswer, ms: number): void {
    const kept = result === 'taken' || result === 'held';
    if (kept || result === 'learning') this.#maybeKept = true;
    if (replaced && !this.#ownVersions.has(replaced.version)) this.#note(replaced);
    if (this.settled) return;
    this.trace.answer(peerId, ms, text !== undefined && result === 'refused' ? text : result);
    if (round !== this.#round) return;
    this.#ballot?.answer(peerId, kept || (result === 'behind' && this.resumed));
    if (result === 'behind' && !this.resumed) this.#renew = true;
    if (result === 'elsewhere') this.#resend = true;
    // What is damaged at one replica is no fault of the write, nor of this node's database.
    if (result === 'refused' && text !== undefined && text !== 'STORE_CORRUPT') this.#refusals.add(text);
  }

  fail(round: number, peerId: PeerId, error: unknown, ms: number): void {
    const code = isP2posError(error) ? error.code : 'INTERNAL';
    if (!SURELY_NOT.includes(code)) this.#maybeKept = true;
    if (this.settled) return;
    this.trace.answer(peerId, ms, code);
    if (round !== this.#round) return;
    this.#ballot?.answer(peerId, false);
    if (code === 'PLACEMENT_STALE') this.#resend = true;
  }

  turn(): Turn {
    if (this.settled || !this.#ballot) return 'wait';
    if (this.#ballot.isReached()) return 'done';
    if (this.#renew) return 'renew';
    if (!this.#ballot.isLost()) return 'wait';
    return this.#resend ? 'resend' : 'lost';
  }

  /** Acknowledged: a replica that fails now has missed it. */
  get acknowledged(): boolean {
    return this.#acknowledged;
  }

  /** Replicas that were not asked, or did not keep it, by the time it was acknowledged. */
  missing(): PeerId[] {
    const ballot = this.#ballot;
    return ballot ? [...ballot.unasked(), ...ballot.no()] : [];
  }

  succeed(): void {
    if (this.settled || !this.#ballot || !this.record) return;
    this.settle();
    this.#acknowledged = true;
    this.#resolve({
      version: this.record.fields.version,
      replicas: this.#ballot.yes(),
      explain: this.trace.explain(),
      existed: this.#replaced?.live ?? false,
    });
  }

  /** No majority: the error says whether the write may still be found later. */
  lose(): void {
    const outcome = this.mayBeKept() ? 'unknown' : 'none';
    const details = { outcome, retryAfterMs: RETRY_AFTER_MS, slot: this.slot };
    const missing = this.#ballot?.shortfall() ?? { answered: 0, needed: majorityOf(this.count) };
    const refusal = [...this.#refusals].find((code) => code !== 'VERSION_AHEAD') ?? [...this.#refusals][0];
    const code = refusal !== undefined && isErrorCode(refusal) ? refusal : 'RECORDS_QUORUM_LOST';
    this.reject(new P2posError(code, { ...missing, ...details }));
  }

  /** This node cannot go on with it. Where an earlier sending may have left it, that matters more than why. */
  giveUp(error: unknown): void {
    if (this.mayBeKept()) this.lose();
    else if (isP2posError(error))
      this.reject(new P2posError(error.code, { ...error.details, outcome: 'none' }, { cause: error }));
    else this.reject(error);
  }

  reject(error: unknown): void {
    if (this.settled) return;
    this.settle();
    this.#reject(error);
  }

  /** Whether some replica may hold it, so that a repeat must bear the same version. */
  mayBeKept(): boolean {
    return this.#maybeKept || (this.#ballot?.anyWaiting() ?? false);
  }

  settle(): void {
    this.settled = true;
    this.timer?.[Symbol.dispose]();
    this.#land();
  }

  #land(): void {
    const { onLanded } = this;
    this.onLanded = undefined;
    onLanded?.();
  }

  #note(replaced: { readonly version: string; readonly live: boolean }): void {
    if (!this.#replaced || replaced.version > this.#replaced.version) this.#replaced = replaced;
  }
}
