/**
 * Hands a topic's messages out to the members of one group: each to one of them, again to another when it is not
 * acknowledged in time or its member is gone. Positions are written down behind the acknowledgements, so after a crash some
 * come again and none is left out.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../../core/clock/index.ts';
import type { PeerId } from '../../../../core/net/index.ts';
import type { Lease } from '../../../../core/records/index.ts';
import type { Account } from '../account.ts';
import type { From, TopicEvent } from '../reader.ts';
import type { Seat } from '../seats.ts';
import { createHandout, type Delivery } from './handout.ts';
import type { PositionStore } from './position.ts';

export interface CoordinatorDeps {
  readonly self: PeerId;
  readonly lease: Lease;
  readonly positions: PositionStore;
  readonly clock: Clock;
  /** Of what the groups of its app keep; beyond it nothing is read ahead. */
  readonly account: Account;
  readonly read: (from: From, signal: AbortSignal) => AsyncIterable<readonly TopicEvent[]>;
}

export interface CoordinatorConfig {
  /** For an acknowledgement. */
  readonly ackMs: number;
  /** A member that asks for nothing for this long is gone. */
  readonly memberMs: number;
  /** Messages handed out and not acknowledged, of all members. */
  readonly maxOut: number;
}

export interface Coordinator extends Seat {
  /**
   * So many are with this member at a time, until they are acknowledged; waits a little where there is none, or no room.
   *
   * @throws P2posError LEASE_LOST, and what the topic cannot be read for
   */
  pull(
    member: string,
    from: From,
    most: number,
    options?: {
      readonly mayWait?: boolean;
      /** An answer may have been lost: the last sequence that came, 0 for none. */
      readonly last?: number | undefined;
    },
  ): Promise<Delivery[]>;
  /** How many of them were new. */
  acknowledge(sequences: readonly number[]): number;
  leave(member: string): void;
}

interface Waiter {
  readonly name: string;
  readonly most: number;
  answer(deliveries: Delivery[]): void;
  refuse(reason: unknown): void;
}

const WAIT_MS = 1_000;
const MAX_EARLY = 10_000;
const WRITE_ACKS = 1_000;

export async function createCoordinator(
  { self, lease, positions, clock, account, read }: CoordinatorDeps,
  { ackMs, memberMs, maxOut }: CoordinatorConfig,
): Promise<Coordinator> {
  const { token } = lease;
  const over = new AbortController();
  lease.lost.addEventListener('abort', () => over.abort(lease.lost.reason), { once: true });
  over.signal.addEventListener('abort', () => {
    for (const waiter of [...waiters]) waiter.refuse(over.signal.reason);
  });
  const handout = createHandout({ account }, { maxOut });
  /** Acknowledged to an earlier holder's members, and not read here yet. */
  const early = new Set<number>();
  /** The next that will be read. */
  let next = 0;
  let begun = false;
  let written = 0;
  let acks = 0;
  let usedAt = clock.monotonic();
  /** Members that asked and have nothing yet, the longest waiting first. */
  const waiters = new Set<Waiter>();
  let wakeReader = () => {};
  let writing: Promise<void> | undefined;

  const before = await positions.read({ signal: over.signal });
  written = before.sequence;
  await positions.write({ sequence: written, holder: self, token }, { signal: over.signal });

  /** What is there to those who wait and have room, in equal shares. */
  function dispatch(): void {
    const until = clock.monotonic() + ackMs;
    const able = [...waiters].filter(({ name, most }) => handout.hasRoom(name, most));
    for (const [i, { name, most, answer }] of able.entries()) {
      if (handout.ready() === 0) break;
      const share = Math.ceil(handout.ready() / (able.length - i));
      const given = handout.give(name, { share, most, until });
      // One that is gone gets nothing, and hears it at once.
      if (given.length > 0 || !handout.knows(name)) answer(given);
    }
    wakeReader();
  }

  /** All before it are done with. */
  function position(): number {
    return Math.max(handout.least(next), written);
  }

  function write(): Promise<void> {
    writing ??= (async () => {
      const sequence = position();
      acks = 0;
      if (sequence === written) return;
      await positions.write({ sequence, holder: self, token }, { signal: over.signal });
      written = sequence;
    })().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  async function fill(from: From): Promise<void> {
    try {
      for await (const batch of read(from, over.signal)) {
        over.signal.throwIfAborted();
        for (const event of batch) {
          if (event.type === 'begin') {
            // Written down, or a group that begins at the end would begin at a later one after a crash.
            next = event.sequence ?? next;
            if (next !== written) await write();
            continue;
          }
          next = (event.type === 'gap' ? event.to : event.sequence) + 1;
          if (event.type === 'gap' || early.delete(event.sequence)) continue;
          handout.add({ ...event, attempt: 1 });
        }
        dispatch();
        while (handout.isAhead()) {
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
          over.signal.throwIfAborted();
        }
      }
    } catch (error) {
      over.abort(error);
    }
  }

  function leave(name: string): void {
    handout.forget(name);
    dispatch();
  }

  return {
    over: over.signal,
    get usedAt() {
      return usedAt;
    },
    tick() {
      const now = clock.monotonic();
      for (const name of handout.silentSince(now - memberMs)) handout.forget(name);
      handout.expire(now);
      // What other groups gave back may make room here, too.
      dispatch();
      if (position() !== written) void write().catch(() => {});
    },
    async pull(name, from, most, { mayWait = true, last } = {}) {
      over.signal.throwIfAborted();
      usedAt = clock.monotonic();
      handout.see(name, usedAt);
      if (last !== undefined) handout.check(name, last);
      if (!begun) {
        begun = true;
        void fill(written > 0 ? { kind: 'sequence', sequence: written } : from);
      }
      return new Promise((resolve, reject) => {
        const end = () => {
          timer[Symbol.dispose]();
          waiters.delete(waiter);
        };
        const waiter: Waiter = {
          name,
          most,
          answer(deliveries) {
            end();
            resolve(deliveries);
          },
          refuse(reason) {
            end();
            reject(reason);
          },
        };
        const timer = clock.after(WAIT_MS, () => waiter.answer([]));
        waiters.add(waiter);
        dispatch();
        if (!mayWait && waiters.has(waiter)) waiter.answer([]);
      });
    },
    acknowledge(sequences) {
      over.signal.throwIfAborted();
      usedAt = clock.monotonic();
      let fresh = 0;
      for (const sequence of sequences) {
        if (handout.finish(sequence)) fresh++;
        else if (sequence >= Math.max(next, written) && early.size < MAX_EARLY) {
          if (!early.has(sequence)) fresh++;
          early.add(sequence);
        }
      }
      acks += fresh;
      if (acks >= WRITE_ACKS) void write().catch(() => {});
      dispatch();
      return fresh;
    },
    leave,
    async [Symbol.asyncDispose]() {
      if (!over.signal.aborted) await write().catch(() => {});
      over.abort(lease.lost.reason ?? new P2posError('LEASE_LOST', { token }));
      wakeReader();
      handout.clear();
      await lease[Symbol.asyncDispose]();
    },
  };
}
