/**
 * Follows the membership: which snapshot places the slots now, which sets of replicas are needed, who was a member when.
 * A child of the snapshot in force takes effect in the same instant; for anything else (the start, another branch)
 * the chain is read first, and until then this node answers no request.
 */
import {
  type Crypto,
  decodeDocument,
  equalBytes,
  P2posError,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { MembershipJournal, View } from '../../membership/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Placed } from '../format/wire.ts';
import type { RecordTable } from '../replica/store.ts';
import { type Absence, type Authors, type ChainLink, createAuthors, readChain, readFormer } from './chain.ts';
import type { Era, Side } from './eras.ts';
import { createMoves, type Moves } from './moves.ts';
import { createPlacer } from './placement.ts';

export type RecordsMembership = Pick<
  MembershipJournal,
  'systemId' | 'slots' | 'events' | 'view' | 'isActive' | 'documents' | 'snapshot'
>;

export interface Topology extends Disposable {
  readonly moves: Moves;
  /** @throws P2posError STATE_UNCONFIGURED unless this node is a member, PLACEMENT_STALE while the chain is read */
  current(): Era;
  /** The same as it is named to others; undefined where `current` refuses. `onChange` tells when that may have ended. */
  placedNow(): Placed | undefined;
  /** Grows with every change, so what began before one is known to be old. */
  generation(): number;
  /** Whether the peer was listed at that time, ms since the epoch. */
  wasMember(peerId: PeerId, ms: number): boolean;
  /** Whether it ever was, on a branch that lost too. */
  wasEverMember(peerId: PeerId): boolean;
  /** Each time that the peer was removed and listed again. */
  absencesOf(peerId: PeerId): readonly Absence[];
  /** Whether slots are placed on the peer, or ever were. */
  couldStore(peerId: PeerId): boolean;
  /** Told after each change. */
  onChange(listener: () => void): Disposable;
  /** Resolves when the chain has been read. */
  ready(): Promise<void>;
}

export interface TopologyDeps {
  readonly self: PeerId;
  readonly membership: RecordsMembership;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Logger;
  readonly table: Pick<RecordTable, 'rings' | 'sides'>;
}

/** Before the chain is read again, where it could not be read or did not lead to the snapshot in force. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

export async function openTopology(
  { self, membership, crypto, clock, log, table }: TopologyDeps,
  { counts }: { readonly counts: readonly number[] },
): Promise<Topology> {
  const placer = createPlacer({ crypto }, { slots: () => membership.slots });
  const saved = await table.rings();
  const sides = await readSides();
  const moves = createMoves({ self, placer, slots: () => membership.slots, saved, sides }, { counts });
  let authors: Authors = createAuthors();
  /** Listed by branches too that lost: who wrote while one was in force is an author all the same. */
  const onBranches = new Set<PeerId>();
  const learnBranch = ({ snapshot }: Pick<ChainLink, 'snapshot'>) => {
    for (const { peerId } of snapshot.members) onBranches.add(peerId);
  };
  let generation = 0;
  let reading: Promise<void> | undefined;
  let retry: Disposable | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  let closed = false;
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of listeners) listener();
  };

  async function readSides(): Promise<Side[]> {
    const found: Side[] = [];
    for (const { hash, fork } of await table.sides()) {
      const snapshot = await membership.snapshot(toHex(hash));
      if (snapshot) found.push({ link: { hash, snapshot }, fork });
      else
        log.error(
          { action: 'records_sides', hash: toHex(hash) },
          'a snapshot that was in force is not held any more: what was written under it alone may be missed',
        );
    }
    return found;
  }

  /** The chain that the marks on the disk were made on, where another won while this node was down. */
  async function readSaved(chain: readonly ChainLink[]): Promise<ChainLink[] | undefined> {
    const [ring] = saved.values();
    return moves.current() || !ring ? undefined : readFormer(membership, ring.headHash, chain);
  }

  async function readAll(): Promise<void> {
    for (;;) {
      const { hash: sought } = membership.view();
      const chain: ChainLink[] = [];
      const listed = createAuthors();
      await readChain({ membership, crypto }, 'snapshots', (link) => {
        chain.push(link);
        listed.learn(link);
      });
      const { hash, snapshot } = membership.view();
      // It has grown while it was read.
      if (!equalBytes(sought, hash)) continue;
      const head = chain.at(-1);
      // What is in force was on disk before: this disk does not give back what was written to it.
      if (head ? !equalBytes(head.hash, hash) : snapshot !== undefined) {
        const reason = 'the snapshot in force is not among those it gives back';
        throw new P2posError('STORE_CORRUPT', { file: 'of this node', reason });
      }
      await readChain({ membership, crypto }, 'branches', learnBranch);
      const former = await readSaved(chain);
      if (!equalBytes(sought, membership.view().hash)) continue;
      if (head) {
        if (former) moves.replace(former);
        moves.replace(chain);
        authors = listed;
      }
      return;
    }
  }

  /** Until it is done `current` refuses. */
  function startReading(): void {
    if (reading || closed) return;
    retry?.[Symbol.dispose]();
    retry = undefined;
    reading = readAll()
      .then(() => {
        reading = undefined;
        pauseMs = FIRST_PAUSE_MS;
        generation++;
        notify();
      })
      .catch((error) => {
        reading = undefined;
        log.error({ action: 'records_chain', error }, 'reading the chain of snapshots failed');
        // Nobody is told: whoever waits would ask again at once, and this would go round without end.
        if (!closed) retry = clock.after(pauseMs, startReading);
        pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
      });
  }

  function current(): Era {
    const { hash, epoch, members, snapshot } = membership.view();
    if (!snapshot || !members.has(self)) throw new P2posError('STATE_UNCONFIGURED', { peerId: self });
    const head = moves.current();
    if (!reading && head && equalBytes(head.hash, hash)) return head;
    if (!retry) startReading();
    throw new P2posError('PLACEMENT_STALE', { peerId: self, epoch });
  }

  function follow(current: View): void {
    generation++;
    const head = moves.current();
    if (!reading && current.snapshot && isChild(current, head)) {
      const link = { hash: current.hash, snapshot: current.snapshot };
      for (const [count, slots] of moves.append(link)) {
        log.error(
          {
            action: 'slots_lost',
            epoch: current.epoch,
            replicas: count,
            count: slots.length,
            slots: slots.slice(0, 64),
          },
          'a forced snapshot removed every replica of these slots: they start empty',
        );
      }
      authors.learn(link);
    } else if (!head || !equalBytes(head.hash, current.hash)) {
      startReading();
    }
    notify();
  }

  const listening = membership.events.on('membership:changed', ({ current }) => follow(current));
  const hearing = membership.events.on('document:accepted', ({ kind, bytes }) => {
    if (kind === 'snapshot') learnBranch({ snapshot: decodeDocument(snapshotDocument, bytes, crypto).body });
  });
  startReading();
  await reading;

  return {
    moves,
    current,
    placedNow() {
      try {
        const { epoch, hash } = current();
        return { epoch, placement: hash };
      } catch {
        return undefined;
      }
    },
    generation: () => generation,
    wasMember: (peerId, ms) => membership.isActive(peerId) || authors.wasMember(peerId, ms),
    absencesOf: (peerId) => authors.absencesOf(peerId),
    wasEverMember: (peerId) =>
      membership.isActive(peerId) || authors.wasEverMember(peerId) || onBranches.has(peerId),
    couldStore: (peerId) => authors.couldStore(peerId),
    onChange(listener) {
      const told = () => listener();
      listeners.add(told);
      return { [Symbol.dispose]: () => void listeners.delete(told) };
    },
    ready: async () => reading,
    [Symbol.dispose]() {
      closed = true;
      retry?.[Symbol.dispose]();
      listening[Symbol.dispose]();
      hearing[Symbol.dispose]();
    },
  };
}

function isChild({ snapshot, epoch }: View, head: Era | undefined): boolean {
  if (!snapshot) return false;
  return head ? equalBytes(snapshot.previous, head.hash) : epoch === 1;
}
