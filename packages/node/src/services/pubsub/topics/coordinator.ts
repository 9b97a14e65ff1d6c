/**
 * Hands a topic's messages out to the members of one group: each to one of them, again to another when it is not
 * acknowledged in time or its member is gone. Positions are written down behind the acknowledgements, so after a crash some
 * come again and none is left out.
 */
import type { Clock } from '../../../core/clock/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Lease } from '../../../core/records/index.ts';
import type { PositionStore } from './position.ts';
import type { From, TopicEvent } from './reader.ts';
import type { Seat } from './seats.ts';

export interface CoordinatorDeps {
  readonly self: PeerId;
  readonly lease: Lease;
  readonly positions: PositionStore;
  readonly clock: Clock;
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

export type Delivery = Extract<TopicEvent, { readonly type: 'message' }> & { readonly attempt: number };

export interface Coordinator extends Seat {
  /** Up to so many for this member; waits a little where there is none. */
  pull(member: string, from: From, most: number): Promise<Delivery[]>;
  /** How many of them were new. */
  acknowledge(sequences: readonly number[]): number;
  leave(member: string): void;
}

interface Waiter {
  readonly member: string;
  readonly most: number;
  answer(deliveries: Delivery[]): void;
}

interface Out {
  readonly delivery: Delivery;
  readonly member: string;
  readonly until: number;
}

const WAIT_MS = 1_000;
/** Read ahead of what is handed out. */
const MAX_READY = 512;
const MAX_READY_BYTES = 8 * 1_048_576;
/** In one answer to a member. */
const MAX_PULL_BYTES = 2 * 1_048_576;
const MAX_EARLY = 10_000;
const WRITE_ACKS = 1_000;

export async function createCoordinator(
  { self, lease, positions, clock, read }: CoordinatorDeps,
  { ackMs, memberMs, maxOut }: CoordinatorConfig,
): Promise<Coordinator> {
  const { token } = lease;
  const over = new AbortController();
  lease.lost.addEventListener('abort', () => over.abort(lease.lost.reason), { once: true });
  const members = new Map<string, number>();
  const out = new Map<number, Out>();
  /** Acknowledged to an earlier holder's members, and not read here yet. */
  const early = new Set<number>();
  let ready: Delivery[] = [];
  let readyBytes = 0;
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

  /** What is there to those who wait, in equal shares. */
  function dispatch(): void {
    for (const waiter of waiters) {
      if (ready.length === 0 || out.size >= maxOut) return;
      const share = Math.ceil(ready.length / waiters.size);
      waiters.delete(waiter);
      // It may be gone by now, and so would be what it is given.
      waiter.answer(members.has(waiter.member) ? take(waiter.member, Math.min(share, waiter.most)) : []);
    }
  }

  /** All before it are done with. */
  function position(): number {
    let least = next;
    for (const sequence of out.keys()) least = Math.min(least, sequence);
    for (const { sequence } of ready) least = Math.min(least, sequence);
    return Math.max(least, written);
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
        for (const event of batch) {
          if (event.type === 'begin') {
            // Written down, or a group that begins at the end would begin at a later one after a crash.
            next = event.sequence ?? next;
            if (next !== written) await write();
            continue;
          }
          next = (event.type === 'gap' ? event.to : event.sequence) + 1;
          if (event.type === 'gap' || early.delete(event.sequence)) continue;
          ready.push({ ...event, attempt: 1 });
          readyBytes += event.data.length;
        }
        dispatch();
        while (ready.length >= MAX_READY || readyBytes >= MAX_READY_BYTES) {
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

  function takeBack(isDue: (one: Out) => boolean): void {
    const back: Delivery[] = [];
    for (const [sequence, one] of out) {
      if (!isDue(one)) continue;
      out.delete(sequence);
      back.push({ ...one.delivery, attempt: one.delivery.attempt + 1 });
      readyBytes += one.delivery.data.length;
    }
    if (back.length === 0) return;
    ready = [...back, ...ready].sort((a, b) => a.sequence - b.sequence);
    dispatch();
  }

  function leave(member: string): void {
    if (members.delete(member)) takeBack((one) => one.member === member);
  }

  function take(member: string, most: number): Delivery[] {
    const until = clock.monotonic() + ackMs;
    const room = Math.max(0, Math.min(most, maxOut - out.size, ready.length));
    let count = 0;
    for (let bytes = 0; count < room; count++) {
      bytes += (ready[count] as Delivery).data.length;
      if (count > 0 && bytes > MAX_PULL_BYTES) break;
    }
    const taken = ready.splice(0, count);
    for (const delivery of taken) {
      out.set(delivery.sequence, { delivery, member, until });
      readyBytes -= delivery.data.length;
    }
    if (taken.length > 0) wakeReader();
    return taken;
  }

  return {
    over: over.signal,
    get usedAt() {
      return usedAt;
    },
    tick() {
      const now = clock.monotonic();
      for (const [member, seenAt] of members) if (now - seenAt > memberMs) leave(member);
      takeBack(({ until }) => until <= now);
      if (position() !== written) void write().catch(() => {});
    },
    pull(member, from, most) {
      usedAt = clock.monotonic();
      members.set(member, usedAt);
      if (!begun) {
        begun = true;
        void fill(written > 0 ? { kind: 'sequence', sequence: written } : from);
      }
      return new Promise((resolve) => {
        const waiter: Waiter = {
          member,
          most,
          answer(deliveries) {
            timer[Symbol.dispose]();
            waiters.delete(waiter);
            resolve(deliveries);
          },
        };
        const timer = clock.after(WAIT_MS, () => waiter.answer([]));
        waiters.add(waiter);
        dispatch();
      });
    },
    acknowledge(sequences) {
      usedAt = clock.monotonic();
      let fresh = 0;
      for (const sequence of sequences) {
        const index = ready.findIndex((one) => one.sequence === sequence);
        if (index >= 0) {
          // Taken back, and done with all the same.
          readyBytes -= (ready[index] as Delivery).data.length;
          ready.splice(index, 1);
          fresh++;
        } else if (out.delete(sequence)) fresh++;
        else if (sequence >= Math.max(next, written) && early.size < MAX_EARLY) {
          if (!early.has(sequence)) fresh++;
          early.add(sequence);
        }
      }
      acks += fresh;
      if (acks >= WRITE_ACKS) void write().catch(() => {});
      dispatch();
      wakeReader();
      return fresh;
    },
    leave,
    async [Symbol.asyncDispose]() {
      if (!over.signal.aborted) await write().catch(() => {});
      over.abort(lease.lost.reason ?? new Error('the seat was given up'));
      wakeReader();
      for (const waiter of [...waiters]) waiter.answer([]);
      await lease[Symbol.asyncDispose]();
    },
  };
}
