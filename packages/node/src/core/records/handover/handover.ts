/**
 * Follows the moves of slots. A new replica copies what a majority of every needed set holds and marks the slot as settled;
 * every node learns from the marks which older sets are needed no more; a former replica offers what it holds to the
 * present ones and lets it go when a majority of them has it.
 *
 * What is older than deletions are remembered may have been deleted and forgotten since, so it is not given to who holds
 * nothing of its key, and set aside. It cannot have been acknowledged and be missing there: a set is closed only once a
 * majority of a newer one has copied all that was ever acknowledged (`moves.ts`), so that one of every majority knows it.
 */
import { type Crypto, parseVersion } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { TaskGroup } from '../../tasks/index.ts';
import { agesBy, type Clocks } from '../clock/ages.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Preference } from '../coordinator/preference.ts';
import type { Declarations } from '../declarations.ts';
import { textOf } from '../format/names.ts';
import { decodeHeader } from '../format/record.ts';
import { MAX_INVENTORY_LEAVES, type Placed, type RecordBody } from '../format/wire.ts';
import { majorityOf, reaches } from '../placement/quorum.ts';
import type { Ring } from '../placement/ring.ts';
import type { Topology } from '../placement/topology.ts';
import type { Aside } from '../repair/reconciliation/aside.ts';
import type { Standing } from '../repair/standing/standing.ts';
import { type RecordTable, ringStatement } from '../replica/store.ts';
import type { RecordName } from '../replica/stored.ts';
import { type Fate, fateOf, type Lack } from './fate.ts';
import { learnProgress } from './progress.ts';
import { createPulling, type PullingDeps } from './pulling.ts';

export interface HandoverDeps extends PullingDeps, Clocks {
  readonly self: PeerId;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'ask' | 'digest' | 'read'>;
  readonly standing: Pick<Standing, 'votes' | 'returns'>;
  readonly preference: Preference;
  readonly declarations: Pick<Declarations, 'get'>;
  readonly table: Pick<RecordTable, 'slots' | 'leaves' | 'findLeaf' | 'drop' | 'saveRings' | 'markSlot'>;
  readonly aside: Aside;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: TaskGroup;
}

export interface HandoverConfig {
  /** Between two steps while a move is unfinished. */
  readonly stepMs: number;
  /** Greatest wait for one answer. */
  readonly timeoutMs: number;
  /** How long deletions are remembered at least. */
  readonly keepDeletedMs: number;
}

/** Slots that a former replica offers in one step. */
const STRAYS_PER_STEP = 256;
const MAX_STEP_MS = 5_000;
/** A replica that answers so holds neither the record nor a newer one, and never will by this way. */
const REFUSED_FOR_GOOD: readonly string[] = ['RECORD_SIGNATURE', 'RECORD_TOO_LARGE', 'RECORD_INVALID'];
const EMPTY = new Uint8Array(0);

export interface Handover {
  /** Whether records may lie here of slots that only others hold now, or may come to while moves are under way. */
  holdsStrays(): boolean;
  /** Whether some lie here now, as far as was looked. */
  liesAstray(): boolean;
  /** Until the disk holds which sets are closed, and what this node has settled. */
  save(): Promise<void>;
  /** Something came to lie here of a slot that was closed meanwhile. */
  noticeStray(): void;
}

export function startHandover(
  deps: HandoverDeps,
  { stepMs, timeoutMs, keepDeletedMs }: HandoverConfig,
): Handover {
  const { self, topology, standing, calls, preference, table, aside, replica, crypto, clock, log, tasks } =
    deps;
  const { settleRegister, declarations, promises, slotOf, now } = deps;
  const { moves } = topology;
  const pulling = createPulling(
    { calls, replica, topology, table, promises, slotOf, crypto, now, settleRegister },
    { timeoutMs },
  );
  let wake = Promise.withResolvers<void>();
  /** What the disk holds of the rings, to write only what changed. */
  let saved = '';
  let mayHoldStrays = true;
  let someLie = true;
  /** Grows with each that came after the slots were looked through, perhaps. */
  let strays = 0;
  /** By number of replicas. */
  const offeredLast = new Map<number, number>();

  async function save(): Promise<void> {
    const era = moves.current();
    if (!era) return;
    const sides = moves.sides();
    const state = JSON.stringify([
      era.hex,
      moves.rings().map(({ settled, closed }) => [hash(settled), hash(closed)]),
      sides.map((side) => [textOf(side.hash), side.fork]),
    ]);
    if (state === saved) return;
    await table.saveRings(moves.rings(), era.hash, sides);
    saved = state;
  }

  const hash = ({ buffer, byteOffset, byteLength }: Uint32Array) =>
    textOf(crypto.sha256(new Uint8Array(buffer, byteOffset, byteLength)));

  async function settle(ring: Ring, placed: Placed, generation: number): Promise<void> {
    const { count } = ring;
    // What was held before an absence may be long deleted: it is no part of what is copied.
    const slots = moves.unsettled(count).filter((slot) => !standing.returns.isDue(slot, count));
    if (slots.length === 0) return;
    const bySource = new Map<PeerId, number[]>();
    for (const slot of slots) {
      for (const peerId of new Set(moves.required(slot, count).flat())) {
        if (peerId === self || preference.isSilent(peerId)) continue;
        const list = bySource.get(peerId);
        if (list) list.push(slot);
        else bySource.set(peerId, [slot]);
      }
    }
    const copied = new Map<number, Set<PeerId>>(slots.map((slot) => [slot, new Set()]));
    await Promise.all(
      [...bySource].map(([peerId, list]) =>
        pulling
          .pull(peerId, { placed, count, slots: list }, (slot) => copied.get(slot)?.add(peerId))
          .catch((error) =>
            log.debug({ action: 'handover_pull', peerId, error }, 'copying from a replica failed'),
          ),
      ),
    );
    if (generation !== topology.generation()) return;
    const settled = slots.filter((slot) => {
      const has = (peerId: PeerId) =>
        peerId === self ? standing.votes(slot, count) : (copied.get(slot)?.has(peerId) ?? false);
      return reaches(moves.required(slot, count), has);
    });
    if (settled.length > 0) await mark(ring, settled, placed, generation);
  }

  /** On disk before anybody is told. */
  async function mark(
    ring: Ring,
    slots: readonly number[],
    { epoch, placement }: Placed,
    generation: number,
  ): Promise<void> {
    const marked = ring.settled.slice();
    for (const slot of slots) marked[slot] = epoch;
    await table.saveRings([{ ...ring, settled: marked }], placement);
    if (generation !== topology.generation()) return;
    for (const slot of slots) ring.settled[slot] = epoch;
    log.info(
      { action: 'slots_settled', slots: slots.length, left: moves.unsettled(ring.count).length, epoch },
      'copied slots from their former replicas',
    );
  }

  async function dropStrays(ring: Ring, placed: Placed, generation: number): Promise<boolean> {
    const { count } = ring;
    const isNone = (slot: number) => slot >= ring.settled.length;
    const strays = (await table.slots(count)).filter((slot) => isNone(slot) || !moves.isHolder(slot, count));
    const last = offeredLast.get(count) ?? -1;
    // Those that cannot be let go yet put off no others.
    const inTurn = [...strays.filter((slot) => slot > last), ...strays.filter((slot) => slot <= last)];
    let dropped = 0;
    for (const slot of inTurn.slice(0, STRAYS_PER_STEP)) {
      offeredLast.set(count, slot);
      // There is no such slot, so a bit of the row has flipped.
      if (isNone(slot)) await table.markSlot(count, slot);
      else if (await offer(ring, slot, placed, generation)) dropped++;
      if (generation !== topology.generation()) return true;
    }
    if (dropped > 0)
      log.info({ action: 'slots_dropped', slots: dropped }, 'let go slots that others hold now');
    return strays.length > dropped;
  }

  /** Whether the slot is empty here: a majority of the present replicas has all that was held, or knows nothing of it. */
  async function offer(ring: Ring, slot: number, placed: Placed, generation: number): Promise<boolean> {
    const { count } = ring;
    const [present = []] = moves.required(slot, count);
    const leaves = (await table.leaves(count, slot, EMPTY, MAX_INVENTORY_LEAVES)).map(
      (leaf) => new Uint8Array(leaf),
    );
    const answers = await Promise.all(
      present.map(async (peerId) => {
        if (preference.isSilent(peerId)) return undefined;
        try {
          return await give(peerId, { placed, count, slot }, leaves);
        } catch (error) {
          log.debug({ action: 'handover_offer', peerId, slot, error }, 'offering a slot failed');
          return undefined;
        }
      }),
    );
    const confirmed = answers.filter((lacks) => lacks !== undefined);
    if (confirmed.length < majorityOf(present.length)) return false;
    const fates = leaves.map((leaf) =>
      fateOf(
        confirmed.map((lacks) => lacks.get(textOf(leaf))),
        present.length,
      ),
    );
    const whose = (...wanted: readonly Fate[]) => leaves.filter((_, i) => wanted.includes(fates[i] as Fate));
    if (fates.includes('waits')) return false;
    // The same instant as the writes: what takes effect later finds the records gone and its mark too.
    if (generation !== topology.generation() || moves.isHolder(slot, count)) return false;
    // They may be unknown only because the present replicas have not copied the slot yet.
    if (whose('aside', 'forgotten').length > 0 && moves.required(slot, count).length > 1) return false;
    ring.settled[slot] = 0;
    const unknown = whose('aside');
    await Promise.all([
      aside.set(count, slot, unknown),
      table.drop(count, slot, whose('held', 'forgotten'), ringStatement(ring, placed.placement)),
    ]);
    if (unknown.length > 0) {
      const fields = { action: 'strays_set_aside', slot, records: unknown.length };
      log.warn(
        fields,
        'set aside records that their replicas neither have nor take: old, refused or damaged',
      );
    }
    return leaves.length < MAX_INVENTORY_LEAVES;
  }

  /** Those that the peer has not, by name, and could not be given; undefined: it does not have all the others. */
  async function give(
    peerId: PeerId,
    { placed, count, slot }: { readonly placed: Placed; readonly count: number; readonly slot: number },
    leaves: readonly Uint8Array[],
  ): Promise<ReadonlyMap<string, Lack> | undefined> {
    const theirs = await pulling.inventory(peerId, { placed, count, slot });
    if (!theirs) return undefined;
    const lacks = new Map<string, Lack>();
    for (const leaf of leaves) {
      if (theirs.has(textOf(leaf))) continue;
      const stored = await table.findLeaf(count, slot, leaf);
      if (!stored) return undefined;
      if (stored.damaged) {
        lacks.set(textOf(leaf), 'unknown'); // nobody would take it
        continue;
      }
      const { header, value, proof } = stored.record;
      const name = decodeHeader(header);
      const ages = agesBy(deps, keepDeletedMs);
      const { ms } = parseVersion(stored.version);
      if (!ages?.isYoung(ms)) {
        const known = await isKnown(peerId, placed, name);
        if (known === undefined || (!known && !ages?.isOld(ms))) return undefined;
        if (!known) {
          lacks.set(textOf(leaf), stored.record.value === null ? 'forgotten' : 'unknown');
          continue;
        }
      }
      const record: RecordBody = [header, value, proof];
      const { answers } = await calls.ask(peerId, 'relay', { ...placed, records: [record] }, { timeoutMs });
      const [{ result, text } = { result: '', text: '' }] = answers;
      if (result === 'promised') {
        await settleRegister(name);
        // Settled without it, it was acknowledged by nobody.
        if ((await isKnown(peerId, placed, name)) !== false) return undefined;
        lacks.set(textOf(leaf), 'unknown');
      } else if (result === 'learning' && declarations.get(name.namespace)?.kind === 'cas') {
        // What it has counts for nothing there until the register is accepted anew, as it is now where too few others have it.
        await settleRegister(name);
        lacks.set(textOf(leaf), 'unclear');
      } else if (result === 'refused' && REFUSED_FOR_GOOD.includes(text ?? ''))
        lacks.set(textOf(leaf), 'unknown');
      else if (result === 'behind') lacks.set(textOf(leaf), 'newer');
      else if (!['taken', 'held'].includes(result)) return undefined;
    }
    return lacks;
  }

  /** Whether the peer holds anything of the key; undefined: it does not count. */
  async function isKnown(peerId: PeerId, placed: Placed, name: RecordName): Promise<boolean | undefined> {
    const digest = await calls.digest(peerId, placed, name, timeoutMs);
    if (digest !== false) return digest !== null;
    const { result } = await calls.read(peerId, placed, name, timeoutMs);
    if (result === 'absent') return false;
    return result === 'found' || result === 'damaged' ? true : undefined;
  }

  /** Whether something is left to do. */
  async function step(): Promise<boolean> {
    const placed = topology.placedNow();
    if (!placed) return false; // a change of the membership wakes this again
    const generation = topology.generation();
    // What else is written of the rings names the snapshot in force: first the disk must know what is needed beside its chain.
    await save();
    if (generation !== topology.generation()) return true;
    const before = strays;
    let left = false;
    let lie = false;
    for (const ring of moves.rings()) {
      const { count } = ring;
      if (moves.open(count).length > 0) await learnProgress(deps, { placed, count }, { timeoutMs });
      if (generation !== topology.generation()) return true;
      await settle(ring, placed, generation);
      if (generation !== topology.generation()) return true;
      if (mayHoldStrays && (await dropStrays(ring, placed, generation))) lie = true;
      if (generation !== topology.generation()) return true;
      if (moves.open(count).length > 0 || moves.unsettled(count).length > 0) left = true;
    }
    lie ||= strays !== before;
    someLie = lie;
    left ||= lie;
    mayHoldStrays = left;
    await save();
    return left;
  }

  tasks.run('records_handover', async (signal) => {
    const stop = () => wake.resolve();
    signal.addEventListener('abort', stop, { once: true });
    let before = '';
    let delayMs = stepMs;
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      const left = await step().catch((error) => {
        if (!signal.aborted) {
          log.warn({ action: 'handover_step', error }, 'a step of the handover failed and is repeated');
        }
        return true;
      });
      // While replicas that are needed are gone there is nothing to do but to look now and then.
      delayMs = saved === before ? Math.min(2 * delayMs, MAX_STEP_MS) : stepMs;
      before = saved;
      using _timer = left ? clock.after(delayMs, () => wake.resolve()) : undefined;
      await wake.promise;
    }
  });

  function lookForStrays(): void {
    mayHoldStrays = true;
    someLie = true;
    wake.resolve();
  }

  topology.onChange(lookForStrays);

  return {
    holdsStrays: () => mayHoldStrays,
    liesAstray: () => someLie,
    save,
    noticeStray() {
      strays++;
      lookForStrays();
    },
  };
}
