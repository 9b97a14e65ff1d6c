/**
 * Nodes without services: network, calls, liveness, state, presence and mesh over virtual time, with a membership that
 * the test sets. For whole nodes see `testnet.ts`.
 *
 * @example
 * await using group = await createPeerGroup(3);
 * await group.until(() => group.peers.every((peer) => peer.state.current() === 'healthy'));
 */
import { createHash } from 'node:crypto';
import { type Member, P2posError } from '@p2pos/protocol';
import type { Clock } from '../core/clock/index.ts';
import { createEmitter } from '../core/events/index.ts';
import {
  createLiveness,
  createNodeState,
  type Liveness,
  type NodeStateMonitor,
} from '../core/liveness/index.ts';
import type { Membership, MembershipEvents, View } from '../core/membership/index.ts';
import { createMesh, type Mesh, type MeshConfig } from '../core/mesh/index.ts';
import type { Address, Net, PeerId } from '../core/net/index.ts';
import { createPresence, type Presence, type PresenceConfig } from '../core/presence/index.ts';
import { createRpc, type Rpc } from '../core/rpc/index.ts';
import type { Store } from '../core/store/index.ts';
import { instantCrypto } from './instant-crypto.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryHub, type MemoryHub } from './memory-net.ts';
import { createMemoryDisk, type MemoryDisk } from './memory-store.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createTestLogger, type LogLine } from './test-membership.ts';
import { createTestSystem, type TestSystem } from './test-system.ts';

type ListedMembership = Pick<Membership, 'systemId' | 'view' | 'isActive' | 'heads' | 'events'>;

export interface Peer extends AsyncDisposable {
  readonly peerId: PeerId;
  readonly clock: Clock;
  readonly net: Net;
  readonly rpc: Rpc;
  readonly membership: ListedMembership;
  readonly liveness: Liveness;
  readonly state: NodeStateMonitor;
  readonly presence: Presence;
  readonly mesh: Mesh;
  readonly store: Store;
  readonly lines: readonly LogLine[];
  /** Virtual times at which it dialled, ms. */
  readonly dials: readonly number[];
}

export interface PeerGroupConfig {
  readonly latencyMs?: number;
  /** Listed from the start; default: all. */
  readonly members?: readonly number[];
  readonly member?: (i: number) => Partial<Member>;
  /** Default: the address of peer 0. */
  readonly initConnections?: (i: number, addressOf: (n: number) => Address) => readonly Address[];
  /** What the network says is no address. */
  readonly unreadable?: (address: Address) => boolean;
  /** How far the wall clock of a peer is off. */
  readonly skewMs?: (i: number) => number;
  readonly mesh?: Partial<MeshConfig>;
  readonly presence?: Partial<PresenceConfig>;
  /** Not started by `createPeerGroup`. */
  readonly later?: readonly number[];
}

export interface PeerGroup extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly hub: MemoryHub;
  readonly system: TestSystem;
  readonly peers: Peer[];
  idOf(i: number): PeerId;
  /** Starts a peer on its disk. */
  start(i: number): Promise<Peer>;
  stop(i: number): Promise<void>;
  /** A further process with the key and a copy of nothing of peer `i`; the caller disposes it. */
  twin(i: number): Promise<Peer>;
  setMembers(members: readonly number[], fields?: (i: number) => Partial<Member>): void;
  partition(...groups: readonly (readonly number[])[]): void;
  during<T>(work: Promise<T>): Promise<T>;
  /** Runs virtual time until the condition holds; answers how long that took, ms. */
  until(done: () => boolean, limitMs?: number): Promise<number>;
}

export async function createPeerGroup(count: number, config: PeerGroupConfig = {}): Promise<PeerGroup> {
  const { latencyMs = 1, skewMs = () => 0, later = [] } = config;
  const clock = createManualClock();
  const hub = createMemoryHub({ clock }, { latencyMs });
  const system = await createTestSystem({ nodes: count, now: clock.now(), seed: 'peer-group' });
  const random = createSeededRandom('peer-group');
  const disks: MemoryDisk[] = system.nodes.map((_, i) => createMemoryDisk(random.fork(`disk${i}`)));
  const idOf = (i: number) => (system.nodes[i] as TestSystem['nodes'][number]).peerId;
  const memberships = new Set<ReturnType<typeof createListedMembership>>();
  let starts = 0;
  let epoch = 1;
  let listed = listOf(config.members ?? system.nodes.map((_, i) => i), config.member);

  function listOf(members: readonly number[], fields: (i: number) => Partial<Member> = () => ({})): Member[] {
    return members.map((i) => system.member(i, fields(i)));
  }

  async function open(i: number, disk: MemoryDisk): Promise<Peer> {
    const identity = system.nodes[i] as TestSystem['nodes'][number];
    const own = random.fork(`start${starts++}`);
    const log = createTestLogger();
    const dials: number[] = [];
    const hosted = hub.join(identity.peerId);
    const net: Net = {
      ...hosted,
      dial(addresses, options) {
        dials.push(clock.monotonic());
        const key = addresses.find((address) => config.unreadable?.(address));
        if (key !== undefined) {
          const reason = 'is not a multiaddr';
          return Promise.reject(new P2posError('CONFIG_INVALID', { place: 'address', key, reason }));
        }
        return hosted.dial(addresses, options);
      },
    };
    const local: Clock = { ...clock, now: () => clock.now() + skewMs(i) };
    const membership = createListedMembership(system.systemId, local);
    memberships.add(membership);
    membership.set(listed, epoch);
    const store = disk.open();
    await using starting = new AsyncDisposableStack();
    const deps = { net, membership, store, clock: local, random: own, log };
    const rpc = starting.use(createRpc(deps));
    const liveness = starting.use(createLiveness({ ...deps, rpc, position: () => store.position() }));
    const state = starting.use(createNodeState({ ...deps, peerId: identity.peerId, liveness }));
    const presence = starting.use(
      await createPresence(
        {
          ...deps,
          rpc,
          state,
          liveness,
          signer: identity.signer,
          crypto: instantCrypto,
          addresses: () => net.addresses(),
          load: () => 0.25,
          disk: async () => ({ usedBytes: 1, freeBytes: 2 }),
        },
        { version: 'test', ...config.presence },
      ),
    );
    const addressOf = (n: number) => hub.addressOf(idOf(n));
    const initConnections = config.initConnections?.(i, addressOf) ?? [addressOf(0)];
    const mesh = starting.use(
      await createMesh({ ...deps, rpc, presence }, { initConnections, ...config.mesh }),
    );
    await net.start();
    const running = starting.move();
    return {
      peerId: identity.peerId,
      clock: local,
      net,
      rpc,
      membership,
      liveness,
      state,
      presence,
      mesh,
      store,
      lines: log.lines,
      dials,
      async [Symbol.asyncDispose]() {
        memberships.delete(membership);
        await running.disposeAsync();
        await net[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  }

  const peers: Peer[] = [];
  const running = new Set<number>();
  const group: PeerGroup = {
    clock,
    hub,
    system,
    peers,
    idOf,
    async start(i) {
      const peer = await open(i, disks[i] as MemoryDisk);
      peers[i] = peer;
      running.add(i);
      return peer;
    },
    async stop(i) {
      running.delete(i);
      await group.during(Promise.resolve(peers[i]?.[Symbol.asyncDispose]()));
    },
    twin: (i) => open(i, createMemoryDisk(random.fork(`twin${i}`))),
    setMembers(members, fields) {
      listed = listOf(members, fields ?? config.member);
      epoch++;
      for (const membership of memberships) membership.set(listed, epoch);
    },
    partition: (...groups) => hub.partition(...groups.map((numbers) => numbers.map(idOf))),
    async during(work) {
      let done = false;
      const finished = work.finally(() => {
        done = true;
      });
      finished.catch(() => {});
      await clock.advanceUntil(() => done, { stepMs: 1, limitMs: 120_000 });
      return finished;
    },
    async until(done, limitMs = 120_000) {
      const from = clock.monotonic();
      await clock.advanceUntil(done, { stepMs: 10, limitMs });
      return clock.monotonic() - from;
    },
    async [Symbol.asyncDispose]() {
      for (const i of [...running]) await group.stop(i);
      for (const disk of disks) disk[Symbol.dispose]();
    },
  };
  for (let i = 0; i < count; i++) if (!later.includes(i)) await group.start(i);
  return group;
}

function createListedMembership(systemId: string, clock: Pick<Clock, 'now'>) {
  const events = createEmitter<MembershipEvents>((error) => {
    throw error;
  });
  const hashOf = (text: string) => new Uint8Array(createHash('sha256').update(text).digest());
  const viewOf = (epoch: number, members: readonly Member[]): View => ({
    epoch,
    hash: hashOf(`${epoch}`),
    members: new Map(members.map((member) => [member.peerId, member])),
    snapshot: undefined,
    bytes: undefined,
  });
  let view = viewOf(0, []);
  return {
    systemId,
    events,
    view: () => view,
    isActive(peerId: PeerId) {
      const member = view.members.get(peerId);
      return member !== undefined && !(member.notAfter && clock.now() >= Date.parse(member.notAfter));
    },
    heads: () => ({
      epoch: view.epoch,
      snapshot: Buffer.from(view.hash).toString('hex'),
      revocations: '0'.repeat(64),
      keys: '0'.repeat(64),
    }),
    set(members: readonly Member[], epoch: number) {
      const previous = view;
      view = viewOf(epoch, members);
      const removed = [...previous.members.keys()].filter((peerId) => !view.members.has(peerId));
      events.emit('membership:changed', { previous, current: view, removed });
    },
  };
}
