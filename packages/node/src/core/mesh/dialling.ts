/** When to try whom: some at a time, each as its backoff allows, of two that look for each other one first. */
import { isP2posError } from '@p2pos/protocol';
import { type Clock, deadline } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Net, PeerId } from '../net/index.ts';
import { jitter, type Random } from '../random/index.ts';
import type { TaskGroup } from '../tasks/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Backoff } from './backoff.ts';
import type { Bootstrap } from './bootstrap.ts';
import type { Seeking, Target } from './seeking.ts';

export interface Dialling extends Disposable {
  /** Starts what is due, and sleeps until the next is. */
  pursue(): void;
  /** What happens within a while is looked at together. */
  pursueSoon(): void;
  /** The peer answered at the target's first address. */
  reached(target: Target, peerId: PeerId): void;
  /** Another address of the peer is known: what is tried without it would be waited for in vain. */
  retry(peerId: PeerId): void;
  /** How long this node waits for the other's call, of two members that look for each other. */
  yieldMs(peerId: PeerId): number;
}

export interface DiallingDeps {
  readonly net: Pick<Net, 'peerId' | 'connections' | 'isConnected' | 'dial'>;
  readonly membership: Pick<Membership, 'view'>;
  readonly seeking: Seeking;
  readonly backoff: Backoff;
  readonly bootstrap: Bootstrap;
  readonly book: AddressBook;
  readonly tasks: TaskGroup;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface DiallingConfig {
  readonly dialTimeoutMs: number;
  /** Dials under way at once. */
  readonly maxDials: number;
}

/** Of two nodes that look for each other the one with the lesser id waits this long for the other's call. */
const YIELD_MS = 250;
/** What happens within this time is looked at together; a look at more members costs more. */
const SOON_MS = 20;
const SOON_MS_PER_MEMBER = 0.25;

export function createDialling(deps: DiallingDeps, config: DiallingConfig): Dialling {
  const { net, membership, seeking, backoff, bootstrap, book, tasks, clock, random, log } = deps;
  const { dialTimeoutMs, maxDials } = config;
  const { isListed } = seeking;
  const self = net.peerId;
  /** Aborted where a better way turns up meanwhile. */
  const underWay = new Map<string, AbortController>();
  let wake: Disposable | undefined;
  let soon: Disposable | undefined;

  function yieldMs(peerId: PeerId): number {
    return isListed(self) && isListed(peerId) && self < peerId ? jitter(random, YIELD_MS) : 0;
  }
  function soonMs(): number {
    return Math.max(SOON_MS, SOON_MS_PER_MEMBER * membership.view().members.size);
  }
  function sleepNoMore(): void {
    wake?.[Symbol.dispose]();
    soon?.[Symbol.dispose]();
    wake = soon = undefined;
  }

  function pursue(): void {
    if (tasks.signal.aborted) return;
    sleepNoMore();
    // The end of a dial comes back here.
    if (underWay.size >= maxDials) return;
    const now = clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const target of seeking.wanted()) {
      if (underWay.has(target.name)) continue;
      if (target.peerId !== undefined) backoff.hold(target.name, yieldMs(target.peerId));
      const dueAt = backoff.dueAt(target.name);
      if (dueAt > now) next = Math.min(next, dueAt);
      else if (underWay.size < maxDials) dial(target);
    }
    // Others fall due meanwhile; and a difference of floating-point times may be too small to move the clock.
    if (next < Number.POSITIVE_INFINITY) wake = clock.after(Math.max(soonMs(), next - now), pursue);
  }
  function pursueSoon(): void {
    if (!tasks.signal.aborted) soon ??= clock.after(soonMs(), pursue);
  }

  function dial(target: Target): void {
    const own = new AbortController();
    underWay.set(target.name, own);
    backoff.attempted(target.name);
    tasks.run('dial', async (parent) => {
      try {
        const signal = AbortSignal.any([parent, own.signal]);
        using limit = deadline(clock, dialTimeoutMs, { what: 'The dialled node', signal });
        reached(target, await net.dial(target.addresses, { signal: limit.signal }));
      } catch (error) {
        if (own.signal.aborted) backoff.renew(target.name);
        else if (!parent.aborted) missed(target, error);
      } finally {
        underWay.delete(target.name);
        pursueSoon();
      }
    });
  }
  function reached(target: Target, peerId: PeerId): void {
    const [address] = target.addresses;
    if (target.peerId === undefined && address !== undefined) {
      bootstrap.answered(address, peerId);
      backoff.connected(address);
    }
    // Closed before it could be used; else the next attempt would follow at once.
    if (!net.isConnected(peerId)) backoff.failed(target.name);
    if (isListed(peerId) || bootstrap.isAt(peerId)) {
      if (bootstrap.isAt(peerId)) book.learn(peerId, target.addresses, 'config');
      for (const connection of net.connections()) {
        if (connection.peerId !== peerId || connection.direction !== 'outbound') continue;
        book.succeeded(peerId, connection.remoteAddress);
      }
    }
    log.debug({ action: 'dial', peer: peerId, result: 'connected' }, 'peer reached');
  }
  function missed(target: Target, error: unknown): void {
    backoff.failed(target.name);
    const refused = isP2posError(error, 'CONFIG_INVALID') ? error.details['key'] : undefined;
    if (target.peerId !== undefined && typeof refused === 'string') book.remove(target.peerId, refused);
    log.debug({ action: 'dial', peer: target.peerId, result: 'failed', error }, 'peer not reached');
  }

  return {
    pursue,
    pursueSoon,
    reached,
    retry(peerId) {
      backoff.renew(peerId);
      underWay.get(peerId)?.abort(new Error('another address is known'));
    },
    yieldMs,
    [Symbol.dispose]: sleepNoMore,
  };
}
