/**
 * Work that one node at a time does for all, chosen by a lease: done here where this node holds it, asked of whoever else
 * does, taken over when nobody does.
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
   * @throws P2posError RECORDS_QUORUM_LOST {outcome: unknown} when time is up, and what is no matter of the seat
   */
  reach<R>(
    name: N,
    ways: Ways<T, R>,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<R>;
  /** This node's own, if it has it already. */
  held(name: N): Promise<T | undefined>;
}

const RETRY_MS = 150;

export function createSeats<N, T extends Seat>(
  deps: SeatsDeps<N, T>,
  { leaseMs, idleMs, maxHeld }: SeatsConfig,
): Seats<N, T> {
  const { self, records, isMember, clock, random, log, keyOf } = deps;
  const tasks = createTaskGroup({ clock, random, log });
  const seats = new Map<string, Promise<T | undefined>>();
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

  function take(name: N): Promise<T | undefined> {
    const { text } = keyOf(name);
    const found = seats.get(text);
    if (found) return found;
    if (seats.size >= maxHeld) return Promise.reject(new P2posError('OVERLOADED', { what: 'This node' }));
    const made = sit(name);
    seats.set(text, made);
    const drop = () => {
      if (seats.get(text) === made) seats.delete(text);
    };
    made.then((seat) => {
      if (!seat) return drop();
      const end = () => {
        drop();
        void seat[Symbol.asyncDispose]();
      };
      if (seat.over.aborted) end();
      else seat.over.addEventListener('abort', end, { once: true });
    }, drop);
    return made;
  }

  async function once<R>(name: N, ways: Ways<T, R>, signal: AbortSignal): Promise<{ done: R } | undefined> {
    const { text } = keyOf(name);
    const holder = holders.get(text);
    if (holder !== undefined && !seats.has(text)) {
      try {
        return { done: await ways.there(holder, signal) };
      } catch (error) {
        if (signal.aborted || !isMoving(error)) throw error;
        holders.delete(text);
      }
    }
    const seat = await take(name);
    if (seat) return { done: await ways.here(seat) };
    const other = await deps.holderOf(name, signal);
    if (other !== null && other !== self && isMember(other)) holders.set(text, other);
    if (holders.size > 10 * maxHeld) holders.delete(holders.keys().next().value as string);
    return undefined;
  }

  tasks.every({ name: 'topic_seats', intervalMs: 1_000 }, async () => {
    for (const [text, sitting] of seats) {
      const seat = await sitting.catch(() => undefined);
      if (!seat) continue;
      seat.tick();
      if (clock.monotonic() - seat.usedAt < idleMs) continue;
      seats.delete(text);
      await seat[Symbol.asyncDispose]();
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
    held: async (name) => seats.get(keyOf(name).text),
    async [Symbol.asyncDispose]() {
      await tasks[Symbol.asyncDispose]();
      const all = [...seats.values()];
      seats.clear();
      await Promise.all(all.map(async (one) => (await one.catch(() => undefined))?.[Symbol.asyncDispose]()));
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
