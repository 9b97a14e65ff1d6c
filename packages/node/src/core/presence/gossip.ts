/**
 * Passing heartbeats on: a member tells its own to all that it is connected to (direct mail), and passes on what is new to
 * it to two random ones, and two more while one of them had not heard it, up to log2(n) (rumour mongering with feedback;
 * Demers et al. 1987, §1.4), for those who are not connected to where it came from. Where all are connected to all, almost
 * nobody is told twice. One push per peer is under way at a time; what comes meanwhile waits, newest per subject.
 */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Net, PeerId } from '../net/index.ts';
import { type Random, shuffle } from '../random/index.ts';
import type { TaskGroup } from '../tasks/index.ts';

export interface Rumour {
  readonly subject: PeerId;
  readonly document: Uint8Array;
  /** Who told it; undefined: this node itself. */
  readonly from: PeerId | undefined;
  /** How many were told by this node already. */
  readonly told?: number;
}

export interface Gossip extends Disposable {
  /** Sends it on with the next flush. */
  spread(rumour: Rumour): void;
}

export interface GossipDeps {
  readonly net: Pick<Net, 'peerId' | 'connections' | 'events'>;
  readonly isListed: (peerId: PeerId) => boolean;
  readonly listed: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly tasks: TaskGroup;
  /** Answers how many were news to the target. */
  readonly push: (target: PeerId, documents: readonly Uint8Array[], signal: AbortSignal) => Promise<number>;
}

export const MAX_BATCH = 64;
/** What arrives within this time goes on together. */
const FLUSH_MS = 50;

/** To how many a rumour is passed on at once. */
const AT_ONCE = 2;

/** To how many a rumour is passed on at most: log2(n), at least 3. */
export function fanOut(members: number): number {
  return Math.max(3, Math.ceil(Math.log2(Math.max(2, members))));
}

export function createGossip(deps: GossipDeps): Gossip {
  const { net, isListed, clock, random, tasks } = deps;
  const rumours = new Map<PeerId, Rumour>();
  const outboxes = new Map<PeerId, Map<PeerId, Rumour>>();
  const busy = new Set<PeerId>();
  /** Peers without the protocol (a console): nothing more is sent until they connect anew. */
  const deaf = new Set<PeerId>();
  let timer: Disposable | undefined;

  function flush(): void {
    timer = undefined;
    const connected = new Set(net.connections().map((connection) => connection.peerId));
    const targets = [...connected].filter(
      (peerId) => peerId !== net.peerId && isListed(peerId) && !deaf.has(peerId),
    );
    const all = [...rumours.values()];
    const own = all.filter(({ from }) => from === undefined);
    for (const [i, target] of shuffle(random, targets).entries()) {
      const told = i < AT_ONCE ? all : own;
      if (told.length === 0) break;
      const outbox = outboxes.get(target) ?? new Map<PeerId, Rumour>();
      for (const rumour of told) {
        if (rumour.subject !== target && rumour.from !== target) outbox.set(rumour.subject, rumour);
      }
      if (outbox.size === 0) continue;
      outboxes.set(target, outbox);
      pump(target);
    }
    rumours.clear();
  }

  function pump(target: PeerId): void {
    const outbox = outboxes.get(target);
    if (!outbox || busy.has(target)) return;
    const batch = [...outbox.values()].slice(0, MAX_BATCH);
    for (const rumour of batch) outbox.delete(rumour.subject);
    if (outbox.size === 0) outboxes.delete(target);
    busy.add(target);
    tasks.run('push_heartbeats', async (signal) => {
      try {
        const news = await deps.push(
          target,
          batch.map((rumour) => rumour.document),
          signal,
        );
        const others = batch.filter(({ from }) => from !== undefined);
        if (news > batch.length - others.length) goOn(others);
      } catch (error) {
        // What is lost comes by another way, or with the next exchange.
        outboxes.delete(target);
        if (isP2posError(error, 'METHOD_UNKNOWN')) deaf.add(target);
      } finally {
        busy.delete(target);
        pump(target);
      }
    });
  }

  /** Some of these were news to the one that was told last, so others may not have heard them either. */
  function goOn(told: readonly Rumour[]): void {
    const most = fanOut(deps.listed());
    for (const rumour of told) {
      const count = (rumour.told ?? 0) + AT_ONCE;
      if (count < most && !rumours.has(rumour.subject)) spread({ ...rumour, told: count });
    }
  }

  function spread(rumour: Rumour): void {
    rumours.set(rumour.subject, rumour);
    timer ??= clock.after(FLUSH_MS, flush);
  }

  const subscription = net.events.on('peer:disconnected', (peerId) => {
    outboxes.delete(peerId);
    deaf.delete(peerId);
  });

  return {
    spread,
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      subscription[Symbol.dispose]();
      rumours.clear();
      outboxes.clear();
    },
  };
}
