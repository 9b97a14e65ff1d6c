/** Who answers, and the state that follows from it, as the rest of the node sees it. */
import type { Events } from '../events/index.ts';
import type { PeerId } from '../net/index.ts';
import type { StorePosition } from '../store/index.ts';

export interface Pulse {
  /** On the local monotonic clock, ms. */
  readonly lastAnswerAt: number;
  /** Smoothed (RFC 6298 §2, α = 1/8), of the first eight the median. */
  readonly roundTripMs: number;
  /** 95th percentile of the last 64 round trips. */
  readonly p95Ms: number;
  /** The peer's wall clock minus ours, ms. */
  readonly offsetMs: number;
}

export interface ClockOpinion {
  /** Members that told their time within the last hour. */
  readonly answered: number;
  /** Of one: its clock minus ours; of more: `clockOffsetMs`; of none: 0. */
  readonly offsetMs: number;
}

export type LivenessEvents = {
  'peer:alive': PeerId;
  'peer:lost': PeerId;
  /** With each answer of one that keeps records: how far its store had come. */
  'peer:position': { readonly peerId: PeerId; readonly store: StorePosition };
};

export interface Liveness extends AsyncDisposable {
  readonly events: Events<LivenessEvents>;
  pulse(peerId: PeerId): Pulse | undefined;
  /** Answered a ping within the last five intervals: 10 s by default. */
  isAlive(peerId: PeerId): boolean;
  /** Median over members of their clocks minus ours (this node's own 0 is one of them), ms; 0 with fewer than two answers. */
  clockOffsetMs(): number;
  /** What that median is worth. */
  clocks(): ClockOpinion;
}

export type NodeState = 'unconfigured' | 'degraded' | 'healthy';
