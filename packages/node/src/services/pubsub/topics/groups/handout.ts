/**
 * The messages of a group that are read and not acknowledged: those that are ready, and those that are with a member, each of
 * which has no more than it can hold.
 */
import type { Account } from '../account.ts';
import type { TopicEvent } from '../reader.ts';

export type Delivery = Extract<TopicEvent, { readonly type: 'message' }> & { readonly attempt: number };

export interface Handout {
  /** How many are with nobody. */
  ready(): number;
  /** Enough was read for now. A group that has nothing reads on, so that each comes forward whatever the others keep. */
  isAhead(): boolean;
  add(delivery: Delivery): void;
  /** A member asks, at this time. */
  see(member: string, now: number): void;
  knows(member: string): boolean;
  /** Members that have not asked since. */
  silentSince(time: number): string[];
  /** Whether it could be given more, so many being with it at a time. */
  hasRoom(member: string, most: number): boolean;
  /** The next ones are its own until the time. */
  give(
    member: string,
    bounds: { readonly share: number; readonly most: number; readonly until: number },
  ): Delivery[];
  /** What was with it is ready again. */
  forget(member: string): void;
  /** What it was given last did not arrive, unless it ended with this sequence. */
  check(member: string, last: number): void;
  /** What was not acknowledged in time is ready again. */
  expire(now: number): void;
  /** Nobody gets it again. False: it was not here. */
  finish(sequence: number): boolean;
  /** The first of all, or this one. */
  least(next: number): number;
  clear(): void;
}

export interface HandoutConfig {
  /** With members, of all of them. */
  readonly maxOut: number;
}

interface Member {
  seenAt: number;
  /** Sequences of what it was given last. */
  given: readonly number[];
  /** With it: messages, and bytes of their data. */
  count: number;
  bytes: number;
}

interface Out {
  readonly delivery: Delivery;
  readonly member: string;
  readonly until: number;
}

const MAX_READY = 512;
const MAX_READY_BYTES = 8 * 1_048_576;
/** Given at once to a member, and with it at a time; one message always. */
const MAX_GIVEN_BYTES = 256 * 1_024;
const MAX_MEMBER_BYTES = 16 * 1_048_576;

/** @param account Of what the groups of an app keep; beyond it nothing is read ahead. */
export function createHandout(
  { account }: { readonly account: Account },
  { maxOut }: HandoutConfig,
): Handout {
  const members = new Map<string, Member>();
  const out = new Map<number, Out>();
  /** By their sequence. */
  let ready: Delivery[] = [];
  let readyBytes = 0;

  function leaves(sequence: number, { delivery, member: name }: Out): void {
    out.delete(sequence);
    const member = members.get(name);
    if (!member) return;
    member.count--;
    member.bytes -= delivery.data.length;
  }

  function takeBack(isDue: (one: Out) => boolean): void {
    const back: Delivery[] = [];
    for (const [sequence, one] of out) {
      if (!isDue(one)) continue;
      leaves(sequence, one);
      back.push({ ...one.delivery, attempt: one.delivery.attempt + 1 });
      readyBytes += one.delivery.data.length;
    }
    if (back.length > 0) ready = [...back, ...ready].sort((a, b) => a.sequence - b.sequence);
  }

  return {
    ready: () => ready.length,
    isAhead() {
      if (ready.length >= MAX_READY || readyBytes >= MAX_READY_BYTES) return true;
      return account.bytes >= account.maxBytes && ready.length + out.size > 0;
    },
    add(delivery) {
      ready.push(delivery);
      readyBytes += delivery.data.length;
      account.bytes += delivery.data.length;
    },
    see(name, now) {
      const member = members.get(name);
      if (member) member.seenAt = now;
      else members.set(name, { seenAt: now, given: [], count: 0, bytes: 0 });
    },
    knows: (name) => members.has(name),
    silentSince: (time) => [...members].filter(([, { seenAt }]) => seenAt < time).map(([name]) => name),
    hasRoom: (name, most) => (members.get(name)?.count ?? 0) < most && out.size < maxOut,
    give(name, { share, most, until }) {
      const member = members.get(name);
      if (!member) return [];
      const room = Math.min(share, most - member.count, maxOut - out.size, ready.length);
      let count = 0;
      for (let bytes = 0; count < room; count++) {
        bytes += (ready[count] as Delivery).data.length;
        if (count > 0 && bytes > MAX_GIVEN_BYTES) break;
        if (count + member.count > 0 && member.bytes + bytes > MAX_MEMBER_BYTES) break;
      }
      const given = ready.splice(0, Math.max(0, count));
      for (const delivery of given) {
        out.set(delivery.sequence, { delivery, member: name, until });
        readyBytes -= delivery.data.length;
        member.bytes += delivery.data.length;
      }
      member.count += given.length;
      if (given.length > 0) member.given = given.map(({ sequence }) => sequence);
      return given;
    },
    forget(name) {
      if (members.delete(name)) takeBack(({ member }) => member === name);
    },
    check(name, last) {
      const given = members.get(name)?.given ?? [];
      if (given.at(-1) === last) return;
      takeBack(({ member, delivery }) => member === name && given.includes(delivery.sequence));
    },
    expire: (now) => takeBack(({ until }) => until <= now),
    finish(sequence) {
      const one = out.get(sequence);
      const index = one ? -1 : indexOf(ready, sequence);
      const { data } = (one?.delivery ?? ready[index] ?? {}) as Partial<Delivery>;
      if (!data) return false;
      account.bytes -= data.length;
      if (one) leaves(sequence, one);
      else {
        // Taken back, and done with all the same.
        ready.splice(index, 1);
        readyBytes -= data.length;
      }
      return true;
    },
    least(next) {
      let least = ready[0] ? Math.min(next, ready[0].sequence) : next;
      for (const sequence of out.keys()) least = Math.min(least, sequence);
      return least;
    },
    clear() {
      for (const { delivery } of out.values()) account.bytes -= delivery.data.length;
      account.bytes -= readyBytes;
      out.clear();
      ready = [];
      readyBytes = 0;
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
