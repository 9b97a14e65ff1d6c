/** The newest heartbeat of each listed member, and how old it is. */
import type { Clock } from '../clock/index.ts';
import type { PeerId } from '../net/index.ts';
import type { ReadHeartbeat } from './heartbeat.ts';
import type { Heartbeat, Known, Sighting } from './port.ts';

/** Newest is the greatest (incarnation, seq). */
export interface Stamp {
  readonly incarnation: number;
  readonly seq: number;
}

export interface Held extends Sighting {
  readonly read: ReadHeartbeat;
  /** Monotonic, ms, when this heartbeat was accepted. */
  readonly heardAt: number;
  /** How many more may be heard just after it. */
  readonly patience: number;
}

export interface Sightings {
  get(peerId: PeerId): Held | undefined;
  all(): IterableIterator<Held>;
  /** Each member is heard at most ten times at once and once a second, since its heartbeats go on to everyone. */
  mayHear(peerId: PeerId): boolean;
  set(read: ReadHeartbeat, receivedAt: number, heardAt: number): Held;
  delete(peerId: PeerId): void;
  /** The greater of the time since it was accepted and of the age it gives itself, ms; so no late copy looks fresh. */
  ageMs(held: Held): number;
  /** What one who knows `known` lacks, but for what is on its way to everyone anyway. */
  lackedBy(known: readonly Known[]): Generator<Held, void>;
}

/** How many heartbeats of a member are taken at once, and a second. */
const BURST = 10;
const PER_SECOND = 1;
/** By then gossip has told nearly all; who has not heard it of gossip asks. */
const ON_ITS_WAY_MS = 15_000;

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.incarnation - b.incarnation || a.seq - b.seq;
}

function differs(before: Heartbeat, now: Heartbeat): boolean {
  return (
    before.state !== now.state ||
    before.incarnation !== now.incarnation ||
    before.addresses.length !== now.addresses.length ||
    before.addresses.some((address, i) => address !== now.addresses[i])
  );
}

export function createSightings(clock: Pick<Clock, 'monotonic'>, correctedNow: () => number): Sightings {
  const newest = new Map<PeerId, Held>();

  /** How many may be heard of it now. */
  function patienceFor(held: Held | undefined): number {
    if (!held) return BURST;
    const seconds = (clock.monotonic() - held.heardAt) / 1_000;
    return Math.min(BURST, held.patience + seconds * PER_SECOND);
  }

  return {
    get: (peerId) => newest.get(peerId),
    all: () => newest.values(),
    set(read, receivedAt, heardAt) {
      const { heartbeat } = read;
      const before = newest.get(heartbeat.peerId);
      const changed = before === undefined || differs(before.heartbeat, heartbeat);
      const patience = patienceFor(before) - 1;
      const held: Held = { heartbeat, receivedAt, changed, read, heardAt, patience };
      newest.set(heartbeat.peerId, held);
      return held;
    },
    mayHear: (peerId) => patienceFor(newest.get(peerId)) >= 1,
    delete: (peerId) => void newest.delete(peerId),
    ageMs: (held) => Math.max(0, clock.monotonic() - held.heardAt, correctedNow() - held.read.at),
    *lackedBy(known) {
      const stamps = new Map(known.map((one) => [one.peerId, one]));
      const now = clock.monotonic();
      for (const held of newest.values()) {
        const stamp = stamps.get(held.heartbeat.peerId);
        if (stamp && compareStamps(stamp, held.heartbeat) >= 0) continue;
        const isNext =
          stamp?.incarnation === held.heartbeat.incarnation && stamp.seq + 1 === held.heartbeat.seq;
        if (isNext && !held.changed && now - held.heardAt < ON_ITS_WAY_MS) continue;
        yield held;
      }
    },
  };
}
