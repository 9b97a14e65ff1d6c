/**
 * The state of this node (P3): not listed as an active member → `unconfigured`; listed, and more than half of the
 * members (itself counted, tier 3 not) answered a ping within 10 s → `healthy`; else `degraded`.
 */
import type { Member } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import { createEmitter, type Events } from '../events/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Liveness, NodeState } from './port.ts';

export type NodeStateEvents = { 'state:changed': { readonly from: NodeState; readonly to: NodeState } };

export interface NodeStateMonitor extends Disposable {
  readonly events: Events<NodeStateEvents>;
  current(): NodeState;
  /** Members that count in the majority: all of the view but tier 3. */
  members(): number;
  /** How many of them answer, this node included. */
  online(): number;
}

export interface NodeStateDeps {
  readonly peerId: PeerId;
  readonly membership: Pick<Membership, 'view' | 'isActive' | 'events'>;
  readonly liveness: Pick<Liveness, 'isAlive' | 'events'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Rights of a member may end by date alone (`notAfter`); an hour at most passes between two looks. */
const MAX_WAIT_MS = 3_600_000;
const MIN_WAIT_MS = 1_000;

export function createNodeState({
  peerId,
  membership,
  liveness,
  clock,
  log,
}: NodeStateDeps): NodeStateMonitor {
  const events = createEmitter<NodeStateEvents>((error) =>
    log.error({ action: 'state_listener_failed', error }, 'a listener of the node state failed'),
  );
  let state = judge();
  let timer: Disposable | undefined;

  function counted(): Member[] {
    return [...membership.view().members.values()].filter((member) => member.tier !== 3);
  }
  function online(): number {
    return counted().filter((member) => member.peerId === peerId || liveness.isAlive(member.peerId)).length;
  }
  function judge(): NodeState {
    if (!membership.isActive(peerId)) return 'unconfigured';
    return online() * 2 > counted().length ? 'healthy' : 'degraded';
  }
  function update(): void {
    const from = state;
    state = judge();
    if (from === state) return;
    log.info(
      { action: 'state_changed', from, to: state, online: online(), members: counted().length },
      'node state changed',
    );
    events.emit('state:changed', { from, to: state });
  }
  function watchExpiry(): void {
    timer?.[Symbol.dispose]();
    const notAfter = membership.view().members.get(peerId)?.notAfter;
    if (notAfter === undefined) return;
    const left = Date.parse(notAfter) - clock.now();
    timer = clock.after(Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, left)), () => {
      update();
      watchExpiry();
    });
  }

  const subscriptions = [
    membership.events.on('membership:changed', () => {
      update();
      watchExpiry();
    }),
    liveness.events.on('peer:alive', update),
    liveness.events.on('peer:lost', update),
  ];
  watchExpiry();

  return {
    events,
    current: () => state,
    members: () => counted().length,
    online,
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
    },
  };
}
