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

export type Delivery = Extract<TopicEvent, { readonly type: 'message' }> & { readonly attempt: number };

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

interface Member {
  seenAt: number;
  /** Sequences of the last answer that was not empty. */
  given: readonly number[];
  /** With it, and not acknowledged: messages, and bytes of their data. */
  out: number;
  bytes: number;
}

interface Waiter {
  readonly name: string;
  readonly most: number;
  answer(deliveries: Delivery[]): void;
  refuse(reason: unknown): void;
}

interface Out {
  readonly delivery: Delivery;
  /** Whose it is for now. */
  readonly name: string;
  readonly until: number;
}

const WAIT_MS = 1_000;
/** Read ahead of what is handed out. */
const MAX_READY = 512;
const MAX_READY_BYTES = 8 * 1_048_576;
/** In one answer to a member, and with it at a time; one message always. */
const MAX_PULL_BYTES = 256 * 1_024;
const MAX_MEMBER_BYTES = 16 * 1_048_576;
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
  const members = new Map<string, Member>();
  const out = new Map<number, Out>();
  /** Acknowledged to an earlier holder's members, and not read here yet. */
  const early = new Set<number>();
  /** By their sequence. */
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

  /** What is there to those who wait and have room, in equal shares. */
  function dispatch(): void {
    const able = [...waiters].filter(({ name, most }) => (members.get(name)?.out ?? 0) < most);
    for (const [i, waiter] of able.entries()) {
      if (ready.length === 0 || out.size >= maxOut) return;
      const member = members.get(waiter.name);
      // It is gone by now, and so would be what it is given.
      if (!member) waiter.answer([]);
      else {
        const taken = take(waiter, member, Math.ceil(ready.length / (able.length - i)));
        if (taken.length > 0) waiter.answer(taken);
      }
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
          ready.push({ ...event, attempt: 1 });
          readyBytes += event.data.length;
          account.bytes += event.data.length;
        }
        dispatch();
        while (isAhead()) {
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

  /** A group that has nothing at all reads on, so that each comes forward however much the others keep. */
  function isAhead(): boolean {
    if (ready.length >= MAX_READY || readyBytes >= MAX_READY_BYTES) return true;
    return account.bytes >= account.maxBytes && ready.length + out.size > 0;
  }

  function outOf(sequence: number, { delivery, name }: Out): void {
    out.delete(sequence);
    const member = members.get(name);
    if (!member) return;
    member.out--;
    member.bytes -= delivery.data.length;
  }

  function takeBack(isDue: (one: Out) => boolean): void {
    const back: Delivery[] = [];
    for (const [sequence, one] of out) {
      if (!isDue(one)) continue;
      outOf(sequence, one);
      back.push({ ...one.delivery, attempt: one.delivery.attempt + 1 });
      readyBytes += one.delivery.data.length;
    }
    if (back.length === 0) return;
    ready = [...back, ...ready].sort((a, b) => a.sequence - b.sequence);
    dispatch();
  }

  function leave(name: string): void {
    if (members.delete(name)) takeBack((one) => one.name === name);
  }

  function take({ name, most }: Waiter, member: Member, share: number): Delivery[] {
    const until = clock.monotonic() + ackMs;
    const room = Math.min(share, most - member.out, maxOut - out.size);
    let count = 0;
    for (let bytes = 0; count < room; count++) {
      bytes += (ready[count] as Delivery).data.length;
      if (count > 0 && bytes > MAX_PULL_BYTES) break;
      if (count + member.out > 0 && member.bytes + bytes > MAX_MEMBER_BYTES) break;
    }
    const taken = ready.splice(0, count);
    for (const delivery of taken) {
      out.set(delivery.sequence, { delivery, name, until });
      readyBytes -= delivery.data.length;
      member.bytes += delivery.data.length;
    }
    if (count === 0) return taken;
    member.out += count;
    member.given = taken.map(({ sequence }) => sequence);
    wakeReader();
    return taken;
  }

  /** Nobody gets it again. False: it was not here. */
  function finish(sequence: number): boolean {
    const one = out.get(sequence);
    const index = one ? -1 : indexOf(ready, sequence);
    const { data } = (one?.delivery ?? ready[index] ?? {}) as Partial<Delivery>;
    if (!data) return false;
    account.bytes -= data.length;
    if (one) outOf(sequence, one);
    else {
      // Taken back, and done with all the same.
      ready.splice(index, 1);
      readyBytes -= data.length;
    }
    return true;
  }

  return {
    over: over.signal,
    get usedAt() {
      return usedAt;
    },
    tick() {
      const now = clock.monotonic();
      for (const [name, { seenAt }] of members) if (now - seenAt > memberMs) leave(name);
      takeBack(({ until }) => until <= now);
      if (position() !== written) void write().catch(() => {});
      // What other groups gave back makes room here.
      wakeReader();
    },
    async pull(name, from, most, { mayWait = true, last } = {}) {
      over.signal.throwIfAborted();
      usedAt = clock.monotonic();
      const member = members.get(name) ?? { seenAt: usedAt, given: [], out: 0, bytes: 0 };
      member.seenAt = usedAt;
      members.set(name, member);
      if (last !== undefined && member.given.at(-1) !== last)
        takeBack((one) => one.name === name && member.given.includes(one.delivery.sequence));
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
        if (finish(sequence)) fresh++;
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
      over.abort(lease.lost.reason ?? new P2posError('LEASE_LOST', { token }));
      wakeReader();
      for (const { data } of [...ready, ...[...out.values()].map(({ delivery }) => delivery)])
        account.bytes -= data.length;
      ready = [];
      out.clear();
      await lease[Symbol.asyncDispose]();
    },
  };
}

/** −1 where it is not. */
function indexOf(ready: readonly Delivery[], wanted: number): number {
  let low = 0;
  for (let high = ready.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((ready[middle] as Delivery).sequence < wanted) low = middle + 1;
    else high = middle;
  }
  return ready[low]?.sequence === wanted ? low : -1;
}
