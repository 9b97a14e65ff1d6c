/**
 * Passing heartbeats on: a member tells its own to 3 · log2(n) random members that it is connected to. What is news to one it
 * offers, by name, to two random ones at a time, and hands over what they lack; it goes on until two knew it already
 * (rumour mongering with feedback and a counter; Demers et al. 1987, §1.4). Changes go on at once, what only says that a
 * member lives every two seconds, all of it in one message. Who was missed asks (`core/mesh`).
 */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Net, PeerId } from '../net/index.ts';
import { drawn, jitter, type Random } from '../random/index.ts';
import type { TaskGroup } from '../tasks/index.ts';

export interface Rumour {
  readonly subject: PeerId;
  readonly name: string;
  readonly document: Uint8Array;
  /** Who told it. */
  readonly from: PeerId;
  readonly urgent: boolean;
}

export interface Gossip extends Disposable {
  /** This node's own newest. */
  tell(document: Uint8Array): void;
  /** What was news here. */
  spread(rumour: Rumour): void;
}

export interface GossipDeps {
  readonly net: Pick<Net, 'peerId' | 'connections' | 'events'>;
  readonly isListed: (peerId: PeerId) => boolean;
  readonly listed: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly tasks: TaskGroup;
  readonly push: (target: PeerId, documents: readonly Uint8Array[], signal: AbortSignal) => Promise<void>;
  /** Answers which of them, by place, the target lacks. */
  readonly offer: (
    target: PeerId,
    names: readonly string[],
    signal: AbortSignal,
  ) => Promise<readonly number[]>;
}

/** Heartbeats of one push. */
export const MAX_BATCH = 64;
/** Names of one offer. */
export const MAX_OFFER = 512;
/** Rumours that wait; beyond, the older half is left to the exchange. */
const MAX_HOT = 16_384;
/** What arrives within this time goes on together. */
const URGENT_MS = 50;
const ROUTINE_MS = 2_000;
/** To how many a rumour is offered at once. */
const AT_ONCE = 2;
/** A rumour ends with so many that knew it. */
const ENOUGH_KNEW = 3;

/** To how many a rumour is offered at most: log2(n), at least 3. */
export function fanOut(members: number): number {
  return Math.max(3, Math.ceil(Math.log2(Math.max(2, members))));
}

/** How far a rumour has come. */
interface Course extends Rumour {
  offered: number;
  knew: number;
  /** Offers of it that were not answered yet. */
  pending: number;
}

export function createGossip(deps: GossipDeps): Gossip {
  const { net, isListed, clock, random, tasks } = deps;
  /** Offers under way: one per peer. */
  const busy = new Set<PeerId>();
  /** This node's own newest where a push of it is under way; true: one more is due. */
  const telling = new Map<PeerId, boolean>();
  /** Peers without the protocol (a console): nothing more is sent until they connect anew. */
  const deaf = new Set<PeerId>();
  let own: Uint8Array | undefined;
  const urgent = createRound(URGENT_MS);
  const routine = createRound(ROUTINE_MS);

  function drawTargets(count: number, except: ReadonlySet<PeerId>): PeerId[] {
    const targets = new Set<PeerId>();
    for (const { peerId } of drawn(random, net.connections())) {
      if (targets.size >= count) break;
      if (peerId === net.peerId || except.has(peerId) || deaf.has(peerId) || !isListed(peerId)) continue;
      targets.add(peerId);
    }
    return [...targets];
  }

  function run(target: PeerId, work: (signal: AbortSignal) => Promise<void>, ended: () => void): void {
    tasks.run('gossip_heartbeats', async (signal) => {
      try {
        await work(signal);
      } catch (error) {
        // What is lost comes by another way, or with the next exchange.
        if (isP2posError(error, 'METHOD_UNKNOWN')) deaf.add(target);
      } finally {
        ended();
      }
    });
  }

  function tellTo(target: PeerId): void {
    const document = own;
    if (!document) return;
    if (telling.has(target)) {
      telling.set(target, true);
      return;
    }
    telling.set(target, false);
    run(
      target,
      (signal) => deps.push(target, [document], signal),
      () => {
        const again = telling.get(target) === true;
        telling.delete(target);
        if (again && !deaf.has(target) && !tasks.signal.aborted) tellTo(target);
      },
    );
  }

  /** Rumours that go on together, at one pace. */
  function createRound(waitMs: number) {
    let hot: Course[] = [];
    let timer: Disposable | undefined;

    function wait(): void {
      timer ??= clock.after(jitter(random, waitMs), flush);
    }
    function flush(): void {
      timer = undefined;
      const most = fanOut(deps.listed());
      hot = hot.filter(({ knew, offered, pending }) => pending > 0 || (knew < ENOUGH_KNEW && offered < most));
      if (hot.length === 0) return;
      wait();
      const courses: Course[] = [];
      for (const course of hot) {
        if (course.pending === 0 && courses.length < MAX_OFFER) courses.push(course);
      }
      const targets = courses.length > 0 ? drawTargets(AT_ONCE, busy) : [];
      if (targets.length === 0 && busy.size > 0) return;
      for (const course of courses) course.offered += AT_ONCE;
      for (const target of targets) {
        const fit = courses.filter(({ subject, from }) => subject !== target && from !== target);
        if (fit.length > 0) offerTo(target, fit);
      }
    }
    function offerTo(target: PeerId, courses: readonly Course[]): void {
      busy.add(target);
      for (const course of courses) course.pending++;
      run(
        target,
        (signal) => hand(target, courses, signal),
        () => {
          busy.delete(target);
        },
      );
    }
    async function hand(target: PeerId, courses: readonly Course[], signal: AbortSignal): Promise<void> {
      let lacking: readonly number[];
      try {
        const names = courses.map(({ name }) => name);
        lacking = await deps.offer(target, names, signal);
        for (const course of courses) course.knew++;
      } finally {
        for (const course of courses) course.pending--;
      }
      const lacked = lacking.map((place) => courses[place]).filter((course) => course !== undefined);
      for (const course of lacked) course.knew--;
      for (let at = 0; at < lacked.length; at += MAX_BATCH) {
        const documents = lacked.slice(at, at + MAX_BATCH).map(({ document }) => document);
        await deps.push(target, documents, signal);
      }
    }
    return {
      add(rumour: Rumour): void {
        hot.push({ ...rumour, offered: 0, knew: 0, pending: 0 });
        if (hot.length > MAX_HOT) hot = hot.slice(-MAX_HOT / 2);
        wait();
      },
      [Symbol.dispose]() {
        timer?.[Symbol.dispose]();
        hot = [];
      },
    };
  }

  const subscription = net.events.on('peer:disconnected', (peerId) => {
    deaf.delete(peerId);
  });

  return {
    tell(document) {
      own = document;
      for (const target of drawTargets(3 * fanOut(deps.listed()), new Set())) tellTo(target);
    },
    spread: (rumour) => (rumour.urgent ? urgent : routine).add(rumour),
    [Symbol.dispose]() {
      subscription[Symbol.dispose]();
      urgent[Symbol.dispose]();
      routine[Symbol.dispose]();
    },
  };
}
