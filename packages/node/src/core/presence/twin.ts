/**
 * Two live processes with one node key. Peers keep the newest incarnation only, so the processes would take turns in
 * being believed. Each learns of the other from a third member: it answers a push of either with what the other signed.
 */
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Heartbeat } from './index.ts';
import type { Held } from './sightings.ts';

/** What a process sent before it died may still arrive this long after its successor was first heard. */
const AFTERLIFE_MS = 5_000;
const REMEMBER_MS = 300_000;

export interface TwinWatch {
  /**
   * A member pushed first-hand, validly signed, a heartbeat of an incarnation before the newest known. True when that
   * cannot be an echo: the older process lives.
   */
  outdated(heartbeat: Heartbeat, document: Uint8Array, newest: Held): boolean;
  /** What the other process of this peer signed, for the one of `incarnation`. */
  rival(peerId: PeerId, incarnation: number): Uint8Array | undefined;
  retain(keep: (peerId: PeerId) => boolean): void;
}

export function createTwinWatch(clock: Pick<Clock, 'monotonic'>): TwinWatch {
  const rivals = new Map<PeerId, { incarnation: number; document: Uint8Array; at: number }>();
  return {
    outdated(heartbeat, document, newest) {
      const now = clock.monotonic();
      if (now - newest.livesSince < AFTERLIFE_MS) return false;
      rivals.set(heartbeat.peerId, { incarnation: heartbeat.incarnation, document, at: now });
      return true;
    },
    rival(peerId, incarnation) {
      const rival = rivals.get(peerId);
      if (!rival || rival.incarnation === incarnation) return undefined;
      return clock.monotonic() - rival.at < REMEMBER_MS ? rival.document : undefined;
    },
    retain(keep) {
      for (const peerId of rivals.keys()) if (!keep(peerId)) rivals.delete(peerId);
    },
  };
}

/** Two heartbeats of the other process must be dated and met at least this far apart: echoes of one death are not. */
const PROGRESS_MS = 10_000;

export interface OwnWatch {
  /** One of our own key that this process did not send was met, dated `at`; true: its sender lives. */
  met(at: number): boolean;
}

/** @param correctedNow This process's wall time by the members' median; our own clock may be wrong until they answered. */
export function createOwnWatch(clock: Pick<Clock, 'monotonic'>, correctedNow: () => number): OwnWatch {
  const startedAt = clock.monotonic();
  let first: { readonly at: number; readonly metAt: number } | undefined;
  return {
    met(at) {
      const now = clock.monotonic();
      const startedWall = correctedNow() - (now - startedAt);
      if (first && first.at <= startedWall + PROGRESS_MS) first = undefined;
      if (at <= startedWall + PROGRESS_MS) return false;
      first ??= { at, metAt: now };
      return at - first.at >= PROGRESS_MS && now - first.metAt >= PROGRESS_MS;
    },
  };
}
