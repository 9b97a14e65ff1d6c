/** Heartbeats and who is reachable, as the rest of the node sees it. */
import type { P2posError } from '@p2pos/protocol';
import type { Events } from '../events/index.ts';
import type { NodeState } from '../liveness/index.ts';
import type { Heads } from '../membership/index.ts';
import type { Address, PeerId } from '../net/index.ts';
import type { StorePosition } from '../store/index.ts';

export interface Heartbeat {
  readonly systemId: string;
  readonly peerId: PeerId;
  /** max(stored + 1, start time in ms): a restart is always newer. */
  readonly incarnation: number;
  readonly seq: number;
  /** RFC 3339, nanoseconds. */
  readonly at: string;
  readonly state: NodeState;
  /** 0 … 1, share of the event loop and of the cores in use. */
  readonly load: number;
  readonly disk: { readonly usedBytes: number; readonly freeBytes: number };
  readonly store: StorePosition;
  readonly heads: Heads;
  readonly addresses: readonly Address[];
  readonly version: string;
}

export type Reachability = 'online' | 'suspect' | 'offline';

export interface Sighting {
  readonly heartbeat: Heartbeat;
  /** Local wall clock, ms, when it was accepted. */
  readonly receivedAt: number;
  /** State, incarnation or addresses are not what the one before it said, or there was none. */
  readonly changed: boolean;
}

/** What is known of a peer, for finding what another lacks. */
export interface Known {
  readonly peerId: PeerId;
  readonly incarnation: number;
  readonly seq: number;
}

export type PresenceEvents = {
  'heartbeat:accepted': Sighting;
  /**
   * Another live process uses this node's key; the error is IDENTITY_DUPLICATE. Once per process, 30 s after `duplicate`
   * says so: time for the other to find out too before this one ends.
   */
  'identity:duplicate': P2posError;
};

export interface Presence extends AsyncDisposable {
  readonly events: Events<PresenceEvents>;
  /** The newest known of a peer, this node's own last one included. */
  sighting(peerId: PeerId): Sighting | undefined;
  /** Of this process, from its start on; raised where peers know a greater one of a former process. */
  incarnation(): number;
  /** Since it was heard, or by its own date when that is longer, ms; undefined: never heard. */
  ageMs(peerId: PeerId): number | undefined;
  /** online = a heartbeat in the last 90 s or a live connection here; suspect; offline after 150 s. */
  reachability(peerId: PeerId): Reachability;
  /** Sends a heartbeat now: something changed. Calls within a second are one. */
  announce(): void;
  /** Set once another live process with this node's key was found: whoever serves must stop. */
  duplicate(): P2posError | undefined;
  /** The newest stamp of every peer that was heard. */
  known(): Known[];
  /** Signed heartbeats that one who knows `known` lacks, at most about `maxBytes`. */
  newerThan(
    known: readonly Known[],
    maxBytes: number,
  ): { readonly documents: Uint8Array[]; readonly more: boolean };
  /** Takes signed heartbeats that the member `from` handed over. Answers how many were news. */
  accept(documents: readonly Uint8Array[], from: PeerId): Promise<number>;
}
