/**
 * What each node says of itself, signed and gossiped: state, load, disk, store position, heads, addresses, version (P10).
 * Newest per peer by (incarnation, seq); kept in SQLite in batches (P12).
 */
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
}

export interface Presence extends AsyncDisposable {
  readonly events: Events<{ 'heartbeat:accepted': Sighting }>;
  /** The newest known of a peer. */
  sighting(peerId: PeerId): Sighting | undefined;
  /** online = a heartbeat in the last 90 s or a live connection here; suspect; offline after 150 s. */
  reachability(peerId: PeerId): Reachability;
  /** Sends a heartbeat now: something changed. */
  announce(): void;
}
