/** Whether members can dial this node, and doing the same for them. */
import { P2posError } from '@p2pos/protocol';
import { createAllowance } from '../allowance/index.ts';
import { type Clock, deadline } from '../clock/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Address, Nat, Net, PeerId } from '../net/index.ts';
import type { Rpc } from '../rpc/index.ts';
import { atHost, hostOf, isLoopback, isRelayed, withoutPeer } from './address.ts';
import { MAX_CANDIDATES, REACH } from './wire.ts';

export interface DiallingBackDeps {
  readonly nat: Nat;
  readonly net: Pick<Net, 'peerId' | 'addresses' | 'connections'>;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly membership: Pick<Membership, 'view'>;
  readonly clock: Clock;
}

export interface Finding {
  /** Members that tried; none of the others says anything. */
  readonly asked: number;
  /** Of them, those that reached this node where it listens. */
  readonly reachedBy: number;
  /**
   * Addresses that led here and that this node does not listen on: a router's. Some routers let in only whom one has sent to
   * before, as these members; so they are worth trying, and no proof.
   */
  readonly outside: readonly Address[];
}

const TIMEOUT_MS = 15_000;
const TRIAL_TIMEOUT_MS = 4_000;

export function createDiallingBack({ nat, net, rpc, membership, clock }: DiallingBackDeps) {
  const askers = createAllowance(clock, { burst: () => 8, perSecond: () => 0.1 });

  /** Where the peer is seen to come from. */
  const hostsOf = (peerId: PeerId) =>
    new Set(
      net
        .connections()
        .filter((one) => one.peerId === peerId && one.relayed !== true)
        .map(({ remoteAddress }) => hostOf(remoteAddress)),
    );

  async function ask(peerId: PeerId, parent: AbortSignal) {
    using limit = deadline(clock, TIMEOUT_MS, { what: `Node ${peerId}`, signal: parent });
    const { signal } = limit;
    const own = net.addresses().filter((address) => !isRelayed(address) && !isLoopback(address));
    const seen = await nat.observed(peerId, { signal }).then(hostOf, () => undefined);
    // The router may lead its own port of the same number here: a rule that somebody made, or UPnP.
    const mapped = seen === undefined ? [] : own.map((address) => atHost(address, seen));
    const candidates = [...new Set([...mapped, ...own])].map(withoutPeer).slice(0, MAX_CANDIDATES);
    using _trial = nat.expectTrial(peerId);
    const input = { addresses: candidates };
    return rpc.call(peerId, REACH, 'dialBack', input, { timeoutMs: TIMEOUT_MS, signal });
  }

  return {
    /** Whether the peer sees this node at a host that it does not have itself: there is a router between. */
    async isSeenElsewhere(peerId: PeerId, parent: AbortSignal): Promise<boolean> {
      using limit = deadline(clock, TRIAL_TIMEOUT_MS, { what: `Node ${peerId}`, signal: parent });
      const own = new Set(net.addresses().map(hostOf));
      const seen = await nat.observed(peerId, limit).then(hostOf, () => undefined);
      return seen !== undefined && !own.has(seen);
    },
    /** Asks these members, side by side. `doubtful`: announced, but no proof, by an earlier finding. */
    async find(
      peers: readonly PeerId[],
      { doubtful, signal }: { readonly doubtful: ReadonlySet<Address>; readonly signal: AbortSignal },
    ): Promise<Finding> {
      const answers = await Promise.allSettled(peers.map((peerId) => ask(peerId, signal)));
      const given = answers.filter((one) => one.status === 'fulfilled').map(({ value }) => value);
      const listened = new Set(
        net
          .addresses()
          .map(withoutPeer)
          .filter((address) => !doubtful.has(address)),
      );
      const reached = given.flatMap((answer) => answer.reached);
      return {
        asked: given.length,
        reachedBy: given.filter((answer) => answer.reached.some((address) => listened.has(address))).length,
        outside: [...new Set(reached)].filter((address) => !listened.has(address)),
      };
    },
    async serve(addresses: readonly Address[], peerId: PeerId, signal: AbortSignal) {
      if (!membership.view().members.has(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      if (!askers.take(peerId, 1)) throw new P2posError('OVERLOADED', { what: 'Dialling back by this node' });
      using limit = deadline(clock, TRIAL_TIMEOUT_MS, { what: `Node ${peerId}`, signal });
      const hosts = hostsOf(peerId);
      const tried = addresses.filter((address) => hosts.has(hostOf(address) ?? '') && !isRelayed(address));
      const outcomes = await Promise.all(
        tried.map((address) =>
          nat.isReachedAt(`${withoutPeer(address)}/p2p/${peerId}`, { signal: limit.signal }),
        ),
      );
      return { tried: tried.length, reached: tried.filter((_, i) => outcomes[i]) };
    },
    retain: () => askers.retain((peerId) => membership.view().members.has(peerId)),
  };
}
