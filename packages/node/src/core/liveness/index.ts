/** Who answers now: rpc pings over the connections there are (Lifeguard-stretched), round trips and clock offsets. */
import type { Events } from '../events/index.ts';
import type { PeerId } from '../net/index.ts';

export interface Pulse {
  /** On the local monotonic clock, ms. */
  readonly lastAnswerAt: number;
  readonly roundTripMs: number;
  /** The peer's wall clock minus ours, ms. */
  readonly offsetMs: number;
}

export type LivenessEvents = { 'peer:alive': PeerId; 'peer:lost': PeerId };

export interface Liveness extends AsyncDisposable {
  readonly events: Events<LivenessEvents>;
  pulse(peerId: PeerId): Pulse | undefined;
  /** Answered a ping within the last 10 s. */
  isAlive(peerId: PeerId): boolean;
  /** Median over members of their clocks minus ours, ms; 0 with fewer than two answers. */
  clockOffsetMs(): number;
}

export type NodeState = 'unconfigured' | 'degraded' | 'healthy';
