/** The newest heartbeat of each listed member, and how old it is. */
import { parseTimestamp } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Sighting } from './port.ts';

/** Newest is the greatest (incarnation, seq). */
export interface Stamp {
  readonly incarnation: number;
  readonly seq: number;
}

export interface Held {
  readonly sighting: Sighting;
  readonly document: Uint8Array;
  /** Monotonic, ms, when this heartbeat was accepted. */
  readonly heardAt: number;
}

export interface Sightings {
  get(peerId: PeerId): Held | undefined;
  all(): IterableIterator<Held>;
  set(sighting: Sighting, document: Uint8Array, heardAt: number): Held;
  delete(peerId: PeerId): void;
  /** The greater of the time since it was accepted and of the age it gives itself, ms; so no late copy looks fresh. */
  ageMs(held: Held): number;
}

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.incarnation - b.incarnation || a.seq - b.seq;
}

export function createSightings(clock: Pick<Clock, 'monotonic'>, correctedNow: () => number): Sightings {
  const newest = new Map<PeerId, Held>();
  return {
    get: (peerId) => newest.get(peerId),
    all: () => newest.values(),
    set(sighting, document, heardAt) {
      const held: Held = { sighting, document, heardAt };
      newest.set(sighting.heartbeat.peerId, held);
      return held;
    },
    delete: (peerId) => void newest.delete(peerId),
    ageMs: (held) =>
      Math.max(
        0,
        clock.monotonic() - held.heardAt,
        correctedNow() - parseTimestamp(held.sighting.heartbeat.at),
      ),
  };
}
