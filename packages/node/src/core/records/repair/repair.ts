/**
 * Keeps this node's replicas like those of others: tells which disk it runs on, catches up when that was lost, and compares
 * with each member about once a minute, when the membership changes and after a reconnection.
 */
import { equalBytes } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { TaskGroup } from '../../tasks/index.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Preference } from '../coordinator/preference.ts';
import type { Placed } from '../format/wire.ts';
import { unionOf } from '../placement/quorum.ts';
import type { RecordsMembership } from '../placement/topology.ts';
import { createMarks, type RepairMarks } from './marks.ts';
import type { Ask } from './reconciliation/syncing.ts';
import { createAbsences } from './standing/absences.ts';
import { type CatchingUpDeps, catchUp } from './standing/catching-up.ts';
import type { PeerMemory, PlacedSlot } from './standing/memory.ts';
import { comeBack, type ReturningDeps } from './standing/returning.ts';

export interface RepairDeps extends CatchingUpDeps, Pick<ReturningDeps, 'liesAstray' | 'store'> {
  readonly membership: Pick<RecordsMembership, 'view'>;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly preference: Pick<Preference, 'isSilent'>;
  readonly memory: PeerMemory;
  readonly clock: Clock;
  readonly tasks: TaskGroup;
}

export interface RepairConfig {
  readonly timeoutMs: number;
  /** How long an answer to a write may be counted. */
  readonly writeTimeoutMs: number;
  /** Between two comparisons with one member. */
  readonly intervalMs: number;
  /** How long deletions are remembered at least. */
  readonly keepDeletedMs: number;
}

export interface Repair {
  readonly marks: RepairMarks;
  /** Compare with this member now: its connection is new. */
  notice(peerId: PeerId): void;
  /** One round with everybody; whether all is the same everywhere. */
  round(): Promise<boolean>;
}

/** A disk that hangs must not keep the node from ending. */
async function unlessAborted(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const stop = () => ended.resolve();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([work, ended.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => {});
  }
}

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 2_000;

export function startRepair(deps: RepairDeps, config: RepairConfig): Repair {
  const {
    self,
    membership,
    topology,
    standing,
    syncing,
    calls,
    preference,
    memory,
    clock,
    log,
    tasks,
    liesAstray,
  } = deps;
  const { timeoutMs, writeTimeoutMs, intervalMs, keepDeletedMs } = config;
  const { moves } = topology;
  const marks = createMarks();
  const noticed = new Set<PeerId>();
  /** Under way. */
  const comparing = new Map<PeerId, Promise<boolean>>();
  let wake = Promise.withResolvers<void>();
  let all = false;
  const startedAt = clock.monotonic();
  let changedAt = startedAt;
  // Some may hear of its return late, and forget deletions until then: by then this is twice as old.
  const oldMs = keepDeletedMs / 2;
  const absences = createAbsences(deps);
  absences.look();

  const members = () => [...membership.view().members.keys()].filter((peerId) => peerId !== self);

  function sharing(): PeerId[] {
    const sets = moves
      .rings()
      .flatMap(({ count }) => moves.held(count).flatMap((slot) => moves.required(slot, count)));
    return unionOf(sets.length > 0 ? sets : [[]]).filter((peerId) => peerId !== self);
  }

  /** False: the peer's own disk is not the one that is remembered. */
  async function claim(peerId: PeerId): Promise<boolean> {
    const at = clock.monotonic();
    const own = standing.claim(peerId);
    const answer = await calls.ask(peerId, 'claim', own, { timeoutMs });
    const word = { ...answer, sure: answer.sure ?? true, claimed: own.term };
    // One that follows another snapshot does not know yet what is not its own any more.
    marks.clean(peerId, answer.strays || !isPlacedBy(answer.placement) ? undefined : at);
    if (word.verdict === 'contradicted') standing.learn(peerId, word);
    // Before this disk counts, so that from then on it contradicts one that replaces the peer's.
    const heard = answer.own && (await memory.hear(peerId, answer.own));
    if (word.verdict !== 'contradicted') standing.learn(peerId, word);
    return heard?.verdict !== 'contradicted';
  }

  function isPlacedBy(placement: Uint8Array | undefined): boolean {
    const own = topology.placedNow();
    return own !== undefined && placement !== undefined && equalBytes(own.placement, placement);
  }

  /** Whether everybody whose word is needed has given it. */
  async function claimAll(): Promise<boolean> {
    const peers = sharing().filter((peerId) => !standing.isVouched(peerId));
    await Promise.all(
      peers.map((peerId) =>
        claim(peerId).catch((error) => {
          log.debug({ action: 'claim', peerId, error }, 'a member did not say what it remembers');
        }),
      ),
    );
    if (peers.length > 0) await standing.establish();
    return peers.every((peerId) => standing.isVouched(peerId));
  }

  /** What fails in one ring holds up no other, here and below. */
  async function learn(placed: Placed): Promise<void> {
    await standing.mark();
    // Until then what this node answered from another disk may be counted by who asked.
    if (clock.monotonic() - startedAt < writeTimeoutMs) return;
    const generation = topology.generation();
    let whole = true;
    for (const { count } of moves.rings()) {
      const caughtUp = catchUp(deps, { placed, count }, { keepDeletedMs }).catch((error) => {
        log.warn({ action: 'catch_up', replicas: count, error }, 'a step of the catching up failed');
        return false;
      });
      if (!(await caughtUp)) whole = false;
    }
    // What lies where it belongs no more was compared with nobody, and its slot may come back, or has since.
    if (!whole || liesAstray() || !standing.isContradicted() || generation !== topology.generation()) return;
    await standing.absolve();
    log.info({ action: 'caught_up' }, 'this replica has caught up and counts again');
  }

  /** Of a number of replicas that is asked for no more there is no ring. */
  const isReturning = () => standing.returns.all().some(({ count }) => moves.ring(count));

  async function returnTo(placed: Placed, isKept: boolean): Promise<void> {
    for (const { count } of moves.rings()) {
      await comeBack(deps, { placed, count }, { timeoutMs, oldMs, isKept }).catch((error) =>
        log.warn({ action: 'come_back', replicas: count, error }, 'a step of the coming back failed'),
      );
    }
  }

  async function compare(peerId: PeerId, placed: Placed): Promise<boolean> {
    const at = clock.monotonic();
    const generation = topology.generation();
    // What it holds may be long deleted.
    if (!(await claim(peerId))) return false;
    const apart: PlacedSlot[] = [];
    for (const { count } of moves.rings()) {
      const ask = { placed, count };
      const { slots, learning } = await syncing.difference(peerId, ask);
      for (const slot of learning) apart.push({ count, slot });
      for (const slot of slots) {
        if (learning.has(slot)) continue;
        if (!(await compareSlot(peerId, ask, slot))) apart.push({ count, slot });
        if (generation !== topology.generation()) return false;
      }
    }
    if (generation === topology.generation()) marks.reconciled(peerId, at, apart);
    return apart.length === 0;
  }

  /** Whether both hold the same there now. */
  async function compareSlot(peerId: PeerId, ask: Ask, slot: number): Promise<boolean> {
    const votes = () => standing.votes(slot, ask.count);
    // A learner asks for itself; what it alone holds may be long deleted.
    if (!votes()) return false;
    const outcome = await syncing.slot(peerId, ask, slot, { gives: votes, takes: (learns) => !learns });
    return outcome.complete && outcome.kept.length === 0 && !outcome.learning;
  }

  /** After one that is under way, if that ends in time: who takes long, or never comes to an end, keeps no others waiting. */
  async function compareInTime(peerId: PeerId): Promise<boolean> {
    const late = Promise.withResolvers<'late'>();
    using _timer = clock.after(intervalMs, () => late.resolve('late'));
    if ((await Promise.race([comparing.get(peerId), late.promise])) === 'late') return false;
    const placed = topology.placedNow();
    if (!placed) return false;
    const begun = compare(peerId, placed)
      .catch((error) => {
        log.debug({ action: 'compare', peerId, error }, 'comparing with a member failed');
        return false;
      })
      .finally(() => {
        if (comparing.get(peerId) === begun) comparing.delete(peerId);
      });
    comparing.set(peerId, begun);
    return (await Promise.race([begun, late.promise])) === true;
  }

  async function compareWith(peers: readonly PeerId[], signal?: AbortSignal): Promise<boolean> {
    let same = true;
    for (const peerId of peers) {
      if (!topology.placedNow() || signal?.aborted) return false;
      if (preference.isSilent(peerId)) {
        same = false;
        continue;
      }
      if (!(await compareInTime(peerId))) same = false;
    }
    return same;
  }

  /** What they said before they were removed says nothing when they come back. */
  function forgetRemoved(): void {
    const { snapshot, members: listed } = membership.view();
    if (!snapshot) return;
    marks.keepOnly((peerId) => listed.has(peerId));
  }

  tasks.run('records_standing', async (signal) => {
    const stop = () => wake.resolve();
    signal.addEventListener('abort', stop, { once: true });
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      const placed = topology.placedNow();
      const before = standing.isContradicted();
      let waits = false;
      let isKept = false;
      try {
        if (placed) {
          waits = true;
          await unlessAborted(
            signal,
            absences.conclude().then((kept) => {
              isKept = kept;
            }),
          );
          const claims = claimAll().then((all) => {
            waits = !all || !isKept;
          });
          await unlessAborted(signal, claims);
        }
        if (placed) await unlessAborted(signal, returnTo(placed, isKept));
        if (placed && standing.isContradicted()) {
          if (!before)
            log.warn(
              { action: 'learner' },
              'members remember another disk of this node: it catches up, and counts in no majority until then',
            );
          await unlessAborted(signal, learn(placed));
        }
      } catch (error) {
        if (!signal.aborted) log.warn({ action: 'standing', error }, 'a step of the catching up failed');
      }
      const left = waits || !placed || standing.isContradicted() || isReturning();
      pauseMs = left ? Math.min(MAX_PAUSE_MS, pauseMs * 2) : FIRST_PAUSE_MS;
      using _timer = left ? clock.after(pauseMs, () => wake.resolve()) : undefined;
      if (!signal.aborted) await wake.promise;
    }
  });
  const rounds = tasks.every({ name: 'records_anti_entropy', intervalMs }, async (signal) => {
    const some = [...noticed];
    noticed.clear();
    const everybody = all || some.length === 0;
    all = false;
    // Nobody's word is needed where there is nobody else. A disk that is new learns of others within that time.
    if (clock.monotonic() - changedAt >= intervalMs) await unlessAborted(signal, standing.establish());
    await unlessAborted(signal, compareWith(everybody ? members() : some, signal));
  });
  standing.onChange(() => wake.resolve());
  topology.onChange(() => {
    absences.look();
    forgetRemoved();
    changedAt = clock.monotonic();
    wake.resolve();
    all = true;
    rounds.trigger();
  });

  return {
    marks,
    notice(peerId) {
      wake.resolve();
      noticed.add(peerId);
      rounds.trigger();
    },
    round: () => compareWith(members()),
  };
}
