/**
 * What one replica accepts, keeps and answers. Everything a peer sends is checked before it is kept: form, size, author,
 * signature, clock, and that this node is a replica of the slot. An answer is given only for the snapshot that was in
 * force from the request's arrival to the end of its commit.
 */
import {
  type Crypto,
  type ErrorCode,
  equalBytes,
  isP2posError,
  isVersion,
  P2posError,
  parseVersion,
  toHex,
} from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import { MAX_BALLOT_AGE_MS, type Promises } from '../cas/promises.ts';
import { checkedState, STATE_OVERHEAD_BYTES, storedState } from '../cas/state.ts';
import type { Ceiling } from '../clock/ceiling.ts';
import type { HybridClock } from '../clock/hybrid-clock.ts';
import type { Declarations } from '../declarations.ts';
import { leafHash } from '../format/merkle.ts';
import { decodeHeader, fitsValue, MAX_CALLER_BYTES, type RecordHeader } from '../format/record.ts';
import { type SealVerifier, signatureRefused } from '../format/seal.ts';
import type { Placed, RecordBody, WriteAnswer } from '../format/wire.ts';
import { slotOf } from '../placement/slot.ts';
import type { RecordsMembership, Topology } from '../placement/topology.ts';
import type { Standing } from '../repair/standing/standing.ts';
import type { RecordTable } from './store.ts';
import type { CheckedRecord, StoredRecord } from './stored.ts';

/** A version may be this much ahead of corrected time. */
export const MAX_AHEAD_MS = 10_000;

export interface ReplicaDeps {
  readonly self: PeerId;
  readonly membership: Pick<RecordsMembership, 'isActive' | 'slots'>;
  readonly topology: Topology;
  readonly declarations: Declarations;
  readonly table: RecordTable;
  readonly promises: Pick<Promises, 'find'>;
  readonly standing: Pick<Standing, 'votes' | 'votesOn' | 'known' | 'isLost' | 'isBarred'>;
  /** A deletion that every replica had, and that this one has let go since. */
  readonly isForgotten: (leaf: Uint8Array) => boolean;
  readonly verifier: SealVerifier;
  readonly crypto: Crypto;
  readonly hybridClock: HybridClock;
  /** Corrected time, ms. */
  readonly now: () => number;
  readonly ceiling: Pick<Ceiling, 'allows'>;
  /** What is older is not taken from its author, whose clock may have stood still: its deletion may be forgotten. */
  readonly maxAgeMs: number;
  /** Told of a peer that follows another snapshot. */
  readonly onStalePeer: (peerId: PeerId) => void;
  /** Told of what others pass on that is too far ahead until then, corrected time in ms. Nothing of it was checked. */
  readonly onAhead: (body: RecordBody, dueAt: number) => void;
  /** Told when something came to lie here of a slot that only others hold. */
  readonly onStray: () => void;
}

/** Proof that a request was admitted; asked again when its work is done. */
export interface Admission {
  /** @throws P2posError PLACEMENT_STALE when another snapshot took effect since */
  confirm(): void;
}

export interface Replica {
  /** @throws P2posError STATE_UNCONFIGURED, NOT_A_MEMBER, PLACEMENT_STALE */
  admit(placed: Placed, from: PeerId): Admission;
  /** `relayed`: by another than the author. One answer per record, in their order. */
  write(
    input: Placed & { readonly records: readonly RecordBody[] },
    from: PeerId,
    options: { readonly relayed: boolean },
  ): Promise<WriteAnswer[]>;
  /** Records that this node itself has made: nothing about them needs proof but that others would keep them too. */
  writeOwn(placed: Placed, records: readonly CheckedRecord[]): Promise<WriteAnswer[]>;
}

type PlacedName = Pick<CheckedRecord, 'slot' | 'count' | 'fields'> & { readonly register?: unknown };

export function createReplica(deps: ReplicaDeps): Replica {
  const { self, membership, topology, declarations, table, promises, verifier, crypto, hybridClock, now } =
    deps;
  const { standing } = deps;

  function admit({ epoch, placement }: Placed, from: PeerId): Admission {
    const era = topology.current();
    if (from !== self && !membership.isActive(from)) throw new P2posError('NOT_A_MEMBER', { peerId: from });
    const stale = () => new P2posError('PLACEMENT_STALE', { peerId: self, epoch: era.epoch });
    if (epoch !== era.epoch || !equalBytes(placement, era.hash)) {
      deps.onStalePeer(from);
      throw stale();
    }
    const generation = topology.generation();
    return {
      confirm() {
        if (topology.generation() !== generation) throw stale();
      },
    };
  }

  /**
   * All but the signature, whose verdict comes with it. What a replica of the slot hands over may have been acknowledged, by
   * replicas that had not heard of a rule or of the author's removal yet; so it is kept out by neither.
   *
   * @throws P2posError for what is refused
   */
  function check(
    body: RecordBody,
    from: PeerId,
    relayed: boolean,
  ): { readonly record: CheckedRecord; readonly verdict: Promise<boolean> } {
    const [header, value, proof] = body;
    const fields = decodeHeader(header);
    const declaration = declarations.find(fields.namespace);
    const { replicas: count } = declaration;
    const slot = slotOf(crypto, membership.slots, fields.namespace, fields.partition);
    const handedOver = relayed && topology.moves.required(slot, count).some((set) => set.includes(from));
    const register = declaration.kind === 'cas';
    const maxValueBytes = handedOver ? MAX_CALLER_BYTES : declaration.maxValueBytes;
    const tooLarge = () => new P2posError('RECORD_TOO_LARGE', { what: 'value', maxBytes: maxValueBytes });
    const maxBytes = maxValueBytes + (register ? STATE_OVERHEAD_BYTES : 0);
    if (fields.value && fields.value.bytes > maxBytes) throw tooLarge();
    const { ms, author } = parseVersion(fields.version);
    if (!relayed && author !== from) throw signatureRefused(`${from} sent it first-hand for ${author}`);
    if (relayed && !(handedOver ? topology.wasEverMember(author) : topology.wasMember(author, ms)))
      throw signatureRefused(`${author} was no member then`);
    if (ms > now() + MAX_AHEAD_MS) {
      if (relayed) deps.onAhead(body, ms - MAX_AHEAD_MS);
      throw new P2posError('VERSION_AHEAD', { maxAheadMs: MAX_AHEAD_MS });
    }
    if (!relayed && ms < now() - (register ? MAX_BALLOT_AGE_MS : deps.maxAgeMs))
      throw new P2posError('RECORD_INVALID', { reason: 'it is too old to be taken from its author' });
    checkValue(fields, value);
    // What an earlier release took is passed on, so that replicas stay alike: it holds nothing (`storedState`).
    const read = relayed ? storedState : checkedState;
    const carried = register && value ? read(value, fields.version).value : value;
    if (carried && carried.length > maxValueBytes) throw tooLarge();
    if (carried && !handedOver)
      declaration.validate?.({ namespace: fields.namespace, key: fields.key, value: carried });
    const leaf = leafHash(crypto, header);
    const verdict = verifier.verify({ header, proof, leaf }, author);
    const base = { header, value, proof, fields, leaf, slot, count };
    return { record: register ? { ...base, register: { deleted: carried === null } } : base, verdict };
  }

  function checkValue(fields: RecordHeader, value: Uint8Array | null): void {
    const invalid = (reason: string) => new P2posError('RECORD_INVALID', { reason });
    if (value) {
      if (!fitsValue(crypto, fields, value)) throw invalid('its value is not the one that was signed');
    } else if (
      fields.value &&
      !(fields.expiresAt !== undefined && fields.expiresAt <= now() + MAX_AHEAD_MS)
    ) {
      throw invalid('its value is missing');
    }
  }

  /** Refusals become outcomes; what concerns this node rather than the record is thrown on. */
  async function outcomesOf(
    bodies: readonly RecordBody[],
    from: PeerId,
    relayed: boolean,
  ): Promise<(CheckedRecord | WriteAnswer)[]> {
    const refusalOf = (error: unknown): WriteAnswer => {
      if (isP2posError(error) && error.code !== 'PLACEMENT_STALE') return refused(error.code);
      throw error;
    };
    const checked = bodies.map((body) => {
      try {
        return check(body, from, relayed);
      } catch (error) {
        return refusalOf(error);
      }
    });
    // All are begun before any is waited for; those of one batch share one verdict.
    for (const one of checked) if ('verdict' in one) one.verdict.catch(() => {});
    const outcomes: (CheckedRecord | WriteAnswer)[] = [];
    const refuse = async (answer: WriteAnswer) => {
      const body = bodies[outcomes.length] as RecordBody;
      outcomes.push((relayed && (await heldInstead(body[0]))) || answer);
    };
    let latest: { readonly verdict: Promise<boolean>; readonly valid: boolean } | undefined;
    for (const one of checked) {
      if (!('verdict' in one)) {
        await refuse(one);
        continue;
      }
      try {
        const { verdict } = one;
        if (latest?.verdict !== verdict) latest = { verdict, valid: await verdict };
        if (!latest.valid) throw signatureRefused('its proof does not verify');
        outcomes.push(one.record);
      } catch (error) {
        await refuse(refusalOf(error));
      }
    }
    return outcomes;
  }

  /** Who passes on what would be refused need not know that, where this very record or a newer one is held here. */
  async function heldInstead(header: Uint8Array): Promise<WriteAnswer | undefined> {
    const name = placeOf(header);
    if (!name || !topology.moves.isHolder(name.slot, name.count)) return undefined;
    const leaf = leafHash(crypto, header);
    const held = await table.find(name.fields);
    if (isForgotten(name.fields, leaf, held) || (held && !held.damaged && equalBytes(held.leaf, leaf)))
      return counted(name, { result: 'held' });
    const newer = held && !held.damaged && held.version > name.fields.version;
    return newer ? counted(name, { result: 'behind', text: held.version }) : undefined;
  }

  /** Undefined where nothing can be judged. */
  function placeOf(header: Uint8Array): PlacedName | undefined {
    try {
      const fields = decodeHeader(header);
      const { kind, replicas: count } = declarations.find(fields.namespace);
      const slot = slotOf(crypto, membership.slots, fields.namespace, fields.partition);
      return { fields, count, slot, ...(kind === 'cas' && { register: true }) };
    } catch {
      return undefined;
    }
  }

  /** Its time may have been corrected since they were signed. */
  function outcomesOfOwn(records: readonly CheckedRecord[]): (CheckedRecord | WriteAnswer)[] {
    return records.map((record) =>
      deps.ceiling.allows(parseVersion(record.fields.version).ms) ? record : refused('VERSION_AHEAD'),
    );
  }

  /** A deletion that was let go here, of a key under which nothing older has come back. */
  function isForgotten(
    { version }: RecordHeader,
    leaf: Uint8Array,
    held: Pick<StoredRecord, 'version'> | undefined,
  ): boolean {
    return deps.isForgotten(leaf) && (!held || held.version >= version);
  }

  /**
   * A learner takes what it is given of a register though it keeps a promise against it: that it took from others since, or it
   * lies below the floor, by which the record counts for nothing here. To wait until the register is settled would be to wait
   * for itself.
   */
  function learned(record: CheckedRecord): CheckedRecord {
    const { register, fields, slot, count } = record;
    if (!register || !standing.isLost(slot, count)) return record;
    const barred = standing.isBarred(parseVersion(fields.version).ms);
    return barred ? { ...record, register: { ...register, barred } } : record;
  }

  async function keep(records: readonly CheckedRecord[]): Promise<WriteAnswer[]> {
    const answers = new Array<WriteAnswer>(records.length);
    const mine: number[] = [];
    for (let i = 0; i < records.length; i++) {
      const { slot, count, leaf, fields } = records[i] as CheckedRecord;
      // Nearly none was, and only then is it looked up.
      if (deps.isForgotten(leaf) && isForgotten(fields, leaf, await table.find(fields)))
        answers[i] = { result: 'held' };
      else if (topology.moves.isHolder(slot, count)) mine.push(i);
      else answers[i] = { result: 'elsewhere', text: String(topology.moves.closedAt(slot, count)) };
    }
    if (mine.length > 0) {
      const kept = mine.map((i) => records[i] as CheckedRecord);
      const results = await accept(kept);
      // They were on their way to the disk when their slot was closed.
      if (kept.some(({ slot, count }) => !topology.moves.isHolder(slot, count))) deps.onStray();
      for (const { slot, count } of kept) if (!standing.votes(slot, count)) await standing.known(slot, count);
      for (let at = 0; at < mine.length; at++)
        answers[mine[at] as number] = counted(kept[at] as CheckedRecord, results[at] as WriteAnswer);
    }
    return answers;
  }

  async function keepGood(
    outcomes: readonly (CheckedRecord | WriteAnswer)[],
    admission: Admission,
  ): Promise<WriteAnswer[]> {
    const good = outcomes.filter((outcome) => 'leaf' in outcome);
    const kept = good.length > 0 ? await keep(good) : [];
    admission.confirm();
    let at = 0;
    return outcomes.map((outcome) => ('leaf' in outcome ? (kept[at++] as WriteAnswer) : outcome));
  }

  /** What a learner has on disk counts toward no majority. */
  function counted({ slot, count, fields, register }: PlacedName, answer: WriteAnswer): WriteAnswer {
    if (!['taken', 'held', 'behind'].includes(answer.result)) return answer;
    const version = answer.result === 'behind' ? (answer.text as string) : fields.version;
    const counts = register
      ? standing.votesOn(slot, count, parseVersion(version).ms)
      : standing.votes(slot, count);
    return counts ? answer : { result: 'learning' };
  }

  async function accept(records: readonly CheckedRecord[]): Promise<WriteAnswer[]> {
    let taken: boolean[];
    try {
      taken = await table.accept(records, now());
    } catch (error) {
      if (!isP2posError(error) || error.code === 'STORE_FAILED') throw error;
      // What a full disk holds already it holds.
      const held = records.map(({ header }) => heldInstead(header));
      return (await Promise.all(held)).map((answer) => answer ?? refused(error.code));
    }
    let newest = '';
    for (const { fields } of records) if (fields.version > newest) newest = fields.version;
    hybridClock.observe(parseVersion(newest));
    const answers: (WriteAnswer | Promise<WriteAnswer>)[] = records.map((record, i) =>
      taken[i] && record.fields.value ? TAKEN : describe(record, taken[i] as boolean),
    );
    return answers.every((answer) => answer === TAKEN) ? (answers as WriteAnswer[]) : Promise.all(answers);
  }

  /** What the table holds after the write, where the write alone does not tell. */
  async function describe({ fields, leaf, register }: CheckedRecord, taken: boolean): Promise<WriteAnswer> {
    // In this order: a promise that is kept meanwhile is seen as one or as the record.
    const promised = register && !taken ? await promises.find(fields) : undefined;
    const held = await table.find(fields);
    const same = held !== undefined && equalBytes(held.leaf, leaf);
    if (taken || same) {
      const replaced = same && !fields.value ? held.replaced : undefined;
      return { result: taken ? 'taken' : 'held', ...(replaced && { replaced }) };
    }
    if (promised !== undefined && promised > fields.version && (!held || held.version < fields.version))
      return { result: 'promised', text: promised };
    // A damaged row keeps it out, and nobody has anything newer for that.
    if (held?.damaged && (held.version < fields.version || isOlder(held, fields.version))) {
      await table.markDamaged(fields, held.version);
      return refused('STORE_CORRUPT');
    }
    if (!held)
      throw new P2posError('STORE_FAILED', {
        reason: `a record of ${toHex(leaf)} was neither kept nor held`,
      });
    return isVersion(held.version) ? { result: 'behind', text: held.version } : refused('STORE_CORRUPT');
  }

  /** By its header, where that is whole: its row may say something else. */
  function isOlder({ record: { header }, leaf }: StoredRecord, version: string): boolean {
    return equalBytes(leafHash(crypto, header), leaf) && decodeHeader(header).version < version;
  }

  return {
    admit,
    async write(input, from, { relayed }) {
      const admission = admit(input, from);
      const outcomes = await outcomesOf(input.records, from, relayed);
      const taken = relayed ? outcomes.map((one) => ('leaf' in one ? learned(one) : one)) : outcomes;
      return keepGood(taken, admission);
    },
    writeOwn: (placed, records) => keepGood(outcomesOfOwn(records), admit(placed, self)),
  };
}

const TAKEN: WriteAnswer = { result: 'taken' };

function refused(code: ErrorCode): WriteAnswer {
  return { result: 'refused', text: code };
}
