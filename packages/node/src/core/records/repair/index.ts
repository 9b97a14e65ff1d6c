/**
 * Keeps replicas alike: which disks count, and how a lost one is filled again (standing/), how two replicas find what either
 * lacks (reconciliation/), how damage is found (scrub), which deletions may be forgotten (tombstones), and when all that
 * happens (repair).
 *
 * @example
 * const repair = await openRepair(deps, { timeoutMs: 5_000, maxBytesPerSecond, keepDeletedMs, scrubMs });
 * await repair.round(); // true: all members hold the same
 */
import type { Store } from '../../store/index.ts';
import type { RecordsRepair } from '../port.ts';
import { type Hints, openHints } from './hints.ts';
import { lossOf } from './loss.ts';
import { createSyncing, type SyncingDeps } from './reconciliation/syncing.ts';
import { type RepairDeps, startRepair } from './repair.ts';
import { type ScrubDeps, startScrub } from './scrub.ts';
import { createTombstones, type TombstonesDeps } from './tombstones.ts';

export interface OpenRepairDeps
  extends Omit<RepairDeps, 'syncing'>,
    SyncingDeps,
    Pick<ScrubDeps, 'verifier' | 'declarations' | 'crypto' | 'random' | 'slotOf' | 'now'> {
  readonly store: Pick<Store, 'migrate' | 'read' | 'write'>;
  readonly saveMoves: TombstonesDeps['saveMoves'];
}

export interface OpenRepairConfig {
  /** Greatest wait for one answer. */
  readonly timeoutMs: number;
  /** Greatest wait of a write for its answers. */
  readonly writeTimeoutMs: number;
  /** Of records that are moved. */
  readonly maxBytesPerSecond: number;
  /** How long deletions are remembered at least. */
  readonly keepDeletedMs: number;
  /** In which everything that is held is read through once. */
  readonly scrubMs: number;
}

const EVERY_MS = 60_000;
const HINT_KEEP_MS = 3 * 3_600_000;
const HINT_EVERY_MS = 1_000;
const MAX_HINT_BYTES = 64 * 1_048_576;

export async function openRepair(
  deps: OpenRepairDeps,
  { timeoutMs, writeTimeoutMs, maxBytesPerSecond, keepDeletedMs, scrubMs }: OpenRepairConfig,
): Promise<{ readonly door: RecordsRepair; readonly hint: Hints['keep'] }> {
  const { standing, memory } = deps;
  const syncing = createSyncing(deps, { timeoutMs, maxBytesPerSecond });
  const repair = startRepair(
    { ...deps, syncing },
    { timeoutMs, writeTimeoutMs, intervalMs: EVERY_MS, keepDeletedMs },
  );
  const hints = await openHints(deps, {
    // What is handed over late must not be older than what deletes it is remembered.
    keepMs: Math.min(HINT_KEEP_MS, keepDeletedMs / 2),
    maxBytes: MAX_HINT_BYTES,
    everyMs: HINT_EVERY_MS,
    timeoutMs,
  });
  const tombstones = createTombstones(
    {
      ...deps,
      marks: repair.marks,
      members: () => [
        // One that is refused until a branch is merged is listed, and comes back.
        ...(deps.membership.view().snapshot?.members ?? [])
          .map(({ peerId }) => peerId)
          // Who may not store any more may still hold what it did.
          .filter((peerId) => peerId !== deps.self && deps.topology.couldStore(peerId)),
      ],
      votes: standing.votes,
    },
    { keepMs: keepDeletedMs },
  );
  startScrub(deps, { timeoutMs, wholeMs: scrubMs });
  deps.tasks.every({ name: 'records_tombstones', intervalMs: EVERY_MS }, () => tombstones.sweep());
  return {
    hint: hints.keep,
    door: {
      notice: repair.notice,
      notePosition: memory.note,
      position: standing.position,
      round: repair.round,
      standing: standing.state,
      acceptLoss: standing.force,
      heldBackBy: tombstones.heldBackBy,
      lossOf: (removed) => lossOf(deps, new Set(removed), { timeoutMs }),
      hintsFor: hints.waiting,
    },
  };
}
