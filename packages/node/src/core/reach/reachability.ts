/** Finds out how this node is reached and keeps it so: one look about every half minute, and at once when something changes. */
import type { Clock } from '../clock/index.ts';
import type { Liveness } from '../liveness/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Mesh } from '../mesh/index.ts';
import type { Address, Nat, Net, PeerId } from '../net/index.ts';
import type { Presence } from '../presence/index.ts';
import { jitter, type Random, shuffle } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { isLoopback, isRelayed, throughRelay, withoutPeer } from './address.ts';
import { createDiallingBack } from './dialling-back.ts';
import type { NetworkMode, PortMappingMode, PortMappingView, Reachability, ReachView } from './port.ts';
import { createPortMapping } from './port-mapping.ts';
import { createPunching } from './punching.ts';
import type { PortMapper } from './upnp/port.ts';
import { REACH } from './wire.ts';

export interface ReachabilityDeps {
  readonly net: Pick<Net, 'peerId' | 'events' | 'addresses' | 'connections' | 'dial' | 'nat'>;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly membership: Pick<Membership, 'view' | 'isActive' | 'events'>;
  readonly liveness: Pick<Liveness, 'pulse'>;
  readonly mesh: Pick<Mesh, 'book'>;
  readonly presence: Pick<Presence, 'announce'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Leads ports of the router here; absent: nobody can. */
  readonly mapper?: PortMapper | undefined;
}

export interface ReachabilityConfig {
  readonly mode: NetworkMode;
  /** That a node takes which is not reached itself. */
  readonly relays?: number;
  /** Default `auto`. */
  readonly portMapping?: PortMappingMode;
  readonly intervalMs?: number;
}

const WITNESSES = 3;
/** How long what members found stands, ms. */
const FINDING_MS = 10 * 60_000;
/** A node that just came up hears from its members together. */
const SETTLE_MS = 200;
const ADDRESSES_A_RELAY = 2;
const RETRY_MS = 15_000;
const MAX_RETRY_MS = 30 * 60_000;
/** Calls under way over the relay may end before it is dropped. */
const GRACE_MS = 2_000;

/** Where the network is none with routers (in a simulation), or nothing is asked for, it does nothing. */
export function createReachability(deps: ReachabilityDeps, config?: ReachabilityConfig): Reachability {
  const { nat } = deps.net;
  if (nat && config) return createActive({ ...deps, nat }, config);
  const portMapping: PortMappingView = { state: 'off', addresses: [] };
  return {
    current: () => ({ reach: 'unknown', relays: [], portMapping }),
    [Symbol.asyncDispose]: async () => {},
  };
}

function createActive(
  deps: ReachabilityDeps & { readonly nat: Nat },
  config: ReachabilityConfig,
): Reachability {
  const { nat, net, rpc, membership, liveness, mesh, presence, clock, random } = deps;
  const { mode, relays: wantedRelays = 2, portMapping: mapping = 'auto', intervalMs = 30_000 } = config;
  const log = deps.log.child({ module: 'reach' });
  const self = net.peerId;
  const tasks = createTaskGroup({ clock, random, log });
  const diallingBack = createDiallingBack(deps);
  const punching = createPunching({ ...deps, log, witnesses: direct });
  /** When a relayed peer may be tried next, monotonic ms. */
  const upgrades = new Map<PeerId, { readonly at: number; readonly failures: number }>();
  let reach: ReachView['reach'] = mode === 'auto' ? 'unknown' : mode;
  let outside: readonly Address[] = [];
  let foundAt = Number.NEGATIVE_INFINITY;
  let announced = '';
  let settling: Disposable | undefined;
  /** On one machine, where everybody reaches everybody; or not started yet. */
  const isLocal = () => net.addresses().every((address) => isRelayed(address) || isLoopback(address));
  const ports =
    deps.mapper && mapping !== 'off'
      ? createPortMapping(
          { ...deps, mapper: deps.mapper, log },
          {
            isWanted: () => !isLocal() && (mapping === 'on' || reach === 'private'),
            onChange() {
              // What members found does not stand any more.
              foundAt = Number.NEGATIVE_INFINITY;
              announce();
              look();
            },
          },
        )
      : undefined;
  const mapped = () => ports?.current().addresses ?? [];

  const members = () => membership.view().members;
  const isActive = (peerId: PeerId) => membership.isActive(peerId);

  /** Members with a direct connection, the nearest first. */
  function direct(): PeerId[] {
    const found = net.connections().filter((one) => one.relayed !== true && isActive(one.peerId));
    const roundTrip = (peerId: PeerId) => liveness.pulse(peerId)?.roundTripMs ?? Number.POSITIVE_INFINITY;
    const ids = [...new Set(found.map(({ peerId }) => peerId))];
    return ids.toSorted((a, b) => roundTrip(a) - roundTrip(b));
  }

  /** Until somebody has tried: behind a router it is rather not reached, and relays harm nobody. */
  async function guess(signal: AbortSignal): Promise<void> {
    const [nearest] = direct();
    if (mode !== 'auto' || reach !== 'unknown' || nearest === undefined) return;
    if (await diallingBack.isSeenElsewhere(nearest, signal)) reach = 'private';
  }

  async function findOut(signal: AbortSignal): Promise<void> {
    if (mode !== 'auto' || clock.monotonic() - foundAt < FINDING_MS) return;
    if (isLocal()) return;
    const asked = shuffle(random, direct()).slice(0, WITNESSES);
    const finding = await diallingBack.find(asked, { doubtful: new Set(outside), signal });
    if (finding.asked === 0) return;
    foundAt = clock.monotonic();
    const before = reach;
    // Whom a single member cannot dial, that one needs a relay for.
    reach = finding.reachedBy === finding.asked ? 'public' : 'private';
    outside = finding.outside;
    if (reach !== before)
      log.info(
        { action: 'reach', from: before, to: reach, asked: finding.asked, reached: finding.reachedBy },
        'how others reach this node',
      );
  }

  function askRouter(): void {
    if (reach === 'private' || mapping === 'on') ports?.look();
  }

  async function keepRelays(signal: AbortSignal): Promise<void> {
    if (reach !== 'private') return;
    for (const peerId of direct()) {
      const held = nat.relays();
      if (held.length >= wantedRelays) return;
      if (held.includes(peerId) || !members().get(peerId)?.capabilities.includes('relay')) continue;
      try {
        await nat.reserve(peerId, { signal });
        log.info({ action: 'relay_reserved', peer: peerId }, 'a member relays for this node');
      } catch (error) {
        signal.throwIfAborted();
        log.debug({ action: 'relay_reserve', peer: peerId, error }, 'a member does not relay for this node');
      }
    }
  }

  function announce(): void {
    const book = new Map(mesh.book().map(({ peerId, addresses }) => [peerId, addresses]));
    const relayed =
      reach === 'private' ? nat.relays().flatMap((peerId) => placesOf(peerId, book.get(peerId) ?? [])) : [];
    const places = [...new Set([...mapped(), ...outside])].map((address) => `${address}/p2p/${self}`);
    const all = [...places, ...relayed];
    if (all.join() === announced) return;
    announced = all.join();
    nat.announce(all);
    presence.announce();
  }
  function placesOf(relay: PeerId, known: readonly Address[]): Address[] {
    const used = net.connections().filter((one) => one.peerId === relay && one.direction === 'outbound');
    const all = [...used.map(({ remoteAddress }) => remoteAddress), ...known].filter(
      (address) => !isRelayed(address),
    );
    const named = [...new Set(all.map((address) => `${withoutPeer(address)}/p2p/${relay}`))];
    return named.slice(0, ADDRESSES_A_RELAY).map((address) => throughRelay(address, self));
  }

  /** Two that only a relay joins try to do without. */
  function upgradeRelayed(): void {
    const now = clock.monotonic();
    const directly = new Set(direct());
    for (const { peerId, relayed } of net.connections()) {
      if (relayed !== true || !isActive(peerId)) continue;
      if (directly.has(peerId)) {
        clock.after(GRACE_MS, () => nat.dropRelayed(peerId));
        continue;
      }
      const { at, failures } = upgrades.get(peerId) ?? { at: 0, failures: 0 };
      if (at > now) continue;
      upgrades.set(peerId, {
        at: now + jitter(random, Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** failures)),
        failures: failures + 1,
      });
      tasks.run('upgrade', async (signal) => {
        if (await punching.upgrade(peerId, self > peerId, signal)) look();
      });
    }
    for (const peerId of upgrades.keys()) if (!members().has(peerId)) upgrades.delete(peerId);
  }

  function look(): void {
    if (tasks.signal.aborted) return;
    settling ??= clock.after(SETTLE_MS, () => {
      settling = undefined;
      trigger();
    });
  }

  const served = rpc.serve(REACH, {
    dialBack: ({ addresses }, { peerId, signal }) => diallingBack.serve(addresses, peerId, signal),
    punch: async ({ address }, { peerId, signal }) => ({
      address: await punching.agree(address, peerId, signal),
    }),
    go: async (_input, { peerId }) => {
      await punching.go(peerId, tasks.signal);
      look();
      return {};
    },
  });
  const { trigger } = tasks.every({ name: 'reach', intervalMs }, async (signal) => {
    if (!isActive(self)) return;
    await guess(signal);
    askRouter();
    await keepRelays(signal);
    announce();
    upgradeRelayed();
    await findOut(signal);
    askRouter();
    await keepRelays(signal);
    announce();
    upgradeRelayed();
  });
  const subscriptions = [
    net.events.on('peer:connected', look),
    net.events.on('peer:disconnected', look),
    membership.events.on('membership:changed', () => {
      diallingBack.retain();
      look();
    }),
  ];
  look();

  return {
    current: () => ({
      reach,
      relays: nat.relays(),
      portMapping: ports?.current() ?? { state: 'off', addresses: [] },
    }),
    async [Symbol.asyncDispose]() {
      settling?.[Symbol.dispose]();
      for (const one of [served, ...subscriptions]) one[Symbol.dispose]();
      await ports?.[Symbol.asyncDispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}
