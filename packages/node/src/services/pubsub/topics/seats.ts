/**
 * Work that one node at a time does for all, chosen by a lease: done here where this node holds it, asked of whoever else
 * does, taken over when nobody does. A node holds so many at a time, and an app no more than a share of them: when all are
 * taken, the app with the most gives one up to an app with less.
 */
import { P2posError } from '@p2pos/protocol';
import { type Clock, deadline, sleep } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Lease, Records } from '../../../core/records/index.ts';
import { createTaskGroup } from '../../../core/tasks/index.ts';

export interface Seat extends AsyncDisposable {
  /** Aborts when it is lost. */
  readonly over: AbortSignal;
  /** Monotonic, of the last use. */
  readonly usedAt: number;
  /** Called about every second. */
  tick(): void;
}

export interface SeatKey {
  readonly app: string;
  /** Of the lease, in the namespace of leases. */
  readonly key: Uint8Array;
  /** For maps. */
  readonly text: string;
}

export interface SeatsDeps<N, T extends Seat> {
  readonly self: PeerId;
  readonly records: Pick<Records, 'leases'>;
  readonly isMember: (peerId: PeerId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly keyOf: (name: N) => SeatKey;
  readonly open: (name: N, lease: Lease) => Promise<T>;
  /** Who was last written down as its holder. */
  readonly holderOf: (name: N, signal: AbortSignal) => Promise<PeerId | null>;
}

export interface SeatsConfig {
  readonly leaseMs: number;
  readonly idleMs: number;
  readonly maxHeld: number;
}

export interface Ways<T, R> {
  here(seat: T): Promise<R>;
  there(holder: PeerId, signal: AbortSignal): Promise<R>;
}

export interface Seats<N, T extends Seat> extends AsyncDisposable {
  /**
   * Repeats until it is done, so `here` and `there` must bear that.
   *
   * @throws P2posError RECORDS_QUORUM_LOST {outcome: unknown} when time is up, OVERLOADED where no seat is to be had, and what
   *   is no matter of the seat
   */
  reach<R>(
    name: N,
    ways: Ways<T, R>,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<R>;
  /** This node's own, if it has it already. */
  held(name: N): Promise<T | undefined>;
  /** The member that it was last reached at, as far as is known. */
  holder(name: N): PeerId | undefined;
}

const RETRY_MS = 150;
/** An app's share of the seats of a node. */
const SHARE = 1 / 4;
/** Unused for so long, one gives way to another of the same app. */
const RESTING_MS = 2_000;

/** One that is held, or that this node tries to get. */
interface Sitting<T> {
  readonly app: string;
  readonly coming: Promise<T | undefined>;
  seat?: T;
}

export function createSeats<N, T extends Seat>(
  deps: SeatsDeps<N, T>,
  { leaseMs, idleMs, maxHeld }: SeatsConfig,
): Seats<N, T> {
  const { self, records, isMember, clock, random, log, keyOf } = deps;
  const tasks = createTaskGroup({ clock, random, log });
  const seats = new Map<string, Sitting<T>>();
  const leaving = new Set<Promise<void>>();
  const holders = new Map<string, PeerId>();

  async function sit(name: N): Promise<T | undefined> {
    const { app, key } = keyOf(name);
    const lease = await records.leases.acquire({
      namespace: `${app}/topic-leases`,
      partition: key,
      key,
      holder: self,
      ttlMs: leaseMs,
    });
    if (!lease) return undefined;
    try {
      return await deps.open(name, lease);
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
  }

  function countsByApp(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { app } of seats.values()) counts.set(app, (counts.get(app) ?? 0) + 1);
    return counts;
  }

  const hasShare = (app: string) => (countsByApp().get(app) ?? 0) >= maxHeld * SHARE;
  const isFull = (app: string) => seats.size >= maxHeld || hasShare(app);

  function longestUnused(app: string): [string, T] | undefined {
    let found: [string, T] | undefined;
    for (const [text, one] of seats)
      if (one.app === app && one.seat && !(found && found[1].usedAt <= one.seat.usedAt))
        found = [text, one.seat];
    return found;
  }

  /** The one that gives way to another of this app. @throws P2posError OVERLOADED */
  function giver(app: string): [string, T] {
    if (!hasShare(app)) {
      const counts = countsByApp();
      const [most, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
      const found = count > (counts.get(app) ?? 0) + 1 ? longestUnused(most) : undefined;
      if (found) return found;
    }
    const found = longestUnused(app);
    if (found && clock.monotonic() - found[1].usedAt >= RESTING_MS) return found;
    throw new P2posError('OVERLOADED', { what: 'This node' });
  }

  async function dispose(seat: T): Promise<void> {
    try {
      await seat[Symbol.asyncDispose]();
    } catch (error) {
      log.warn({ action: 'seat_disposal_failed', error }, 'a seat could not be given up; its lease runs out');
    }
  }

  function letGo([text, seat]: [string, T]): Promise<void> {
    seats.delete(text);
    const left = dispose(seat).finally(() => leaving.delete(left));
    leaving.add(left);
    return left;
  }

  async function take(name: N): Promise<T | undefined> {
    const { app, text } = keyOf(name);
    const found = seats.get(text);
    if (found) return found.coming;
    const room = isFull(app) ? letGo(giver(app)) : undefined;
    const made: Sitting<T> = { app, coming: (room ?? Promise.resolve()).then(() => sit(name)) };
    seats.set(text, made);
    const drop = () => {
      if (seats.get(text) === made) seats.delete(text);
    };
    made.coming.then((seat) => {
      if (!seat) return drop();
      made.seat = seat;
      const end = () => {
        if (seats.get(text) === made) void letGo([text, seat]);
      };
      if (seat.over.aborted) end();
      else seat.over.addEventListener('abort', end, { once: true });
    }, drop);
    return made.coming;
  }

  /** Who leads it, where that is another member. */
  async function lookUp(name: N, signal: AbortSignal): Promise<PeerId | undefined> {
    const other = await deps.holderOf(name, signal);
    if (other === null || other === self || !isMember(other)) return undefined;
    holders.set(keyOf(name).text, other);
    if (holders.size > 10 * maxHeld) holders.delete(holders.keys().next().value as string);
    return other;
  }

  async function once<R>(name: N, ways: Ways<T, R>, signal: AbortSignal): Promise<{ done: R } | undefined> {
    const { app, text } = keyOf(name);
    let holder: PeerId | undefined;
    // Before another gives way to it here, it is asked whether it is led elsewhere.
    if (!seats.has(text))
      holder = holders.get(text) ?? (isFull(app) ? await lookUp(name, signal) : undefined);
    if (holder !== undefined) {
      try {
        return { done: await ways.there(holder, signal) };
      } catch (error) {
        if (signal.aborted || !isMoving(error)) throw error;
        holders.delete(text);
      }
    }
    const seat = await take(name);
    if (seat) return { done: await ways.here(seat) };
    await lookUp(name, signal);
    return undefined;
  }

  tasks.every({ name: 'topic_seats', intervalMs: 1_000 }, async () => {
    for (const [text, { seat }] of seats) {
      if (!seat) continue;
      seat.tick();
      if (clock.monotonic() - seat.usedAt >= idleMs) void letGo([text, seat]);
    }
  });

  return {
    async reach(name, ways, { timeoutMs, signal: outer }) {
      using limit = deadline(clock, timeoutMs, { what: 'The topic', signal: outer });
      const { signal } = limit;
      let cause: unknown;
      while (!signal.aborted) {
        try {
          const outcome = await Promise.race([once(name, ways, signal), rejected(signal)]);
          if (outcome) return outcome.done;
        } catch (error) {
          if (signal.aborted) break;
          if (!isMoving(error)) throw error;
          cause = error;
        }
        await sleep(clock, RETRY_MS * (0.5 + random.float()), { signal }).catch(() => {});
      }
      if (outer?.aborted) throw outer.reason;
      throw new P2posError(
        'RECORDS_QUORUM_LOST',
        { answered: 0, needed: 1, outcome: 'unknown' },
        cause === undefined ? undefined : { cause },
      );
    },
    holder: (name) => holders.get(keyOf(name).text),
    held: async (name) => seats.get(keyOf(name).text)?.coming,
    async [Symbol.asyncDispose]() {
      await tasks[Symbol.asyncDispose]();
      const all = [...seats.values()];
      seats.clear();
      await Promise.all([
        ...leaving,
        ...all.map(async ({ coming }) => (await coming.catch(() => undefined))?.[Symbol.asyncDispose]()),
      ]);
    },
  };
}

/** `METHOD_UNKNOWN`: its holder is about to end, or has only begun. */
const MOVING: ReadonlySet<string> = new Set(['LEASE_LOST', 'TIMEOUT', 'METHOD_UNKNOWN', 'NOT_A_MEMBER']);

/** Another holds it, or soon will, or its registers have no majority for the moment. */
function isMoving(error: unknown): boolean {
  if (!(error instanceof P2posError) || error.code === 'OVERLOADED') return false;
  return error.retry || MOVING.has(error.code);
}

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
