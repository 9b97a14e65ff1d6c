/** How others reach this node, as the rest of the node sees it. */
import type { Address, PeerId } from '../net/index.ts';

export type NetworkMode = 'auto' | 'public' | 'private';

/** What became of leading ports of the router here. */
export interface PortMappingView {
  /** `off`: not asked for. `idle`: not needed. `none`: no router answered. */
  readonly state: 'off' | 'idle' | 'none' | 'mapped' | 'failed';
  /** What the router calls itself. */
  readonly router?: string;
  /** Where this node is reached by them, without its peer id. */
  readonly addresses: readonly Address[];
  readonly reason?: string;
}

/** `auto`: where members cannot dial this node. */
export type PortMappingMode = 'auto' | 'on' | 'off';

export interface ReachView {
  /** `public`: members dial it. `private`: some cannot. `unknown`: none was asked yet. */
  readonly reach: 'public' | 'private' | 'unknown';
  /** Members that relay for this node now. */
  readonly relays: readonly PeerId[];
  readonly portMapping: PortMappingView;
}

export interface Reachability extends AsyncDisposable {
  current(): ReachView;
}
