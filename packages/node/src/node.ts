/**
 * One node, composed: the file that knows every part. Read from top to bottom it is the start order; disposal
 * runs it backwards. What applications use is composed in `data-services.ts`. Everything from outside (time, randomness, keys, disk, network) comes in as a port, so the same
 * node runs as a process (`daemon.ts`) and in a network inside a test (`testing/testnet.ts`).
 */
import { type Crypto, membersRoutes, networkRoutes } from '@p2pos/protocol';
import { MEMBERSHIP, MEMBERSHIP_PUSH } from '@p2pos/protocol/membership';
import { CLIENT, type Rpc } from '@p2pos/protocol/rpc';
import type { Clock } from './core/clock/index.ts';
import { createMemberDht, type Dht, KAD } from './core/dht/index.ts';
import type { Identity } from './core/identity/index.ts';
import { createLiveness, createNodeState, type NodeStateMonitor } from './core/liveness/index.ts';
import type { Logger } from './core/log/index.ts';
import { type MembershipJournal, openMembership } from './core/membership/index.ts';
import { createMesh, type Mesh } from './core/mesh/index.ts';
import type { Address, Net, PeerId } from './core/net/index.ts';
import { createPresence, type Presence } from './core/presence/index.ts';
import type { Random } from './core/random/index.ts';
import {
  createReachability,
  type PortMapper,
  type Reachability,
  type ReachabilityConfig,
} from './core/reach/index.ts';
import { createPlacer, createRecords, type Records, requireHeldBy } from './core/records/index.ts';
import { createRpc } from './core/rpc/index.ts';
import type { Store } from './core/store/index.ts';
import { createDataServices, type DataServices } from './data-services.ts';
import { bindRoutes, type Service, type StreamOperation } from './gateway/index.ts';
import { createMembers, createMembersHandlers, type Members } from './services/members/index.ts';
import {
  createNetwork,
  createNetworkHandlers,
  createReach,
  type Network,
  serveStatus,
} from './services/network/index.ts';
import type { Shelf, SqlConfig } from './services/sql/index.ts';
import { createStrangers } from './strangers.ts';
import { createUpkeep, type UpkeepConfig, type UpkeepPorts } from './upkeep.ts';

/** Whether a peer may open a protocol here now. */
export type Admit = (peerId: PeerId, protocol: string) => boolean;

export interface NodePorts extends UpkeepPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Logger;
  readonly identity: Pick<Identity, 'peerId' | 'signer'>;
  readonly store: Store;
  /** A network that is not started yet; it asks `admit` for each inbound channel. */
  readonly openNet: (admit: Admit, isMember: (peerId: PeerId) => boolean) => Promise<Net>;
  /** Share of this machine in use, 0 … 1. */
  readonly load: () => number;
  readonly disk: () => Promise<{ readonly usedBytes: number; readonly freeBytes: number }>;
  /** Leads ports of a router here; undefined: there is none. */
  readonly portMapper?: PortMapper | undefined;
  /** Where SQL databases lie; undefined: this node holds none. */
  readonly sqlShelf?: Shelf | undefined;
}

export interface NodeConfig extends UpkeepConfig {
  readonly version: string;
  readonly systemId: string;
  readonly genesisBytes?: Uint8Array | undefined;
  /** The founding snapshot, where it lies in the home: taken when the node knows none. */
  readonly snapshotBytes?: Uint8Array | undefined;
  readonly liveness: { readonly pingIntervalMs: number; readonly misses: number };
  readonly presence: { readonly intervalMs: number };
  readonly mesh: {
    readonly initConnections: readonly Address[];
    readonly intervalMs: number;
    readonly wantedConnections: number;
  };
  readonly reach?: ReachabilityConfig;
  readonly records: {
    readonly replicas: number;
    readonly writeTimeoutMs: number;
    readonly readTimeoutMs: number;
    readonly keepDeletedMs: number;
    readonly scrubMs: number;
  };
  readonly kv: { readonly maxValueBytes: number };
  readonly sql: Omit<SqlConfig, 'replicas'>;
}

export interface Node extends DataServices, AsyncDisposable {
  /** Aborts when it must not go on: another process uses its key. */
  readonly failed: AbortSignal;
  readonly peerId: PeerId;
  readonly net: Net;
  readonly rpc: Rpc;
  readonly membership: MembershipJournal;
  readonly state: NodeStateMonitor;
  readonly presence: Presence;
  readonly mesh: Mesh;
  readonly reach: Reachability;
  readonly records: Records;
  readonly dht: Dht;
  readonly members: Members;
  readonly network: Network;
  /** What the HTTP door binds. */
  readonly services: readonly Service[];
  /** What the WebSocket door lets clients follow. */
  readonly streams: readonly StreamOperation[];
}

/** Of what every gateway needs to take a call at all: apps, tokens, catalogues. */
const CATALOGUE_REPLICAS = 7;

/** Open to everyone, since it is how one becomes a member, or by a client's token; each bounds what strangers may ask. */
const OPEN_TO_ALL: ReadonlySet<string> = new Set([
  MEMBERSHIP.protocol,
  MEMBERSHIP_PUSH.protocol,
  CLIENT.protocol,
]);

export async function createNode(ports: NodePorts, config: NodeConfig): Promise<Node> {
  const { clock, random, crypto, log, identity, store } = ports;
  const self = identity.peerId;
  const opened = store.position();
  let position = () => opened;
  await using starting = new AsyncDisposableStack();

  const placer = createPlacer({ crypto }, { slots: () => membership.slots });
  const membership: MembershipJournal = starting.use(
    await openMembership(
      {
        store,
        crypto,
        clock,
        log,
        identity,
        replicasOf: (slot, members) => placer.place(members).replicas(slot, config.records.replicas),
        clockOffsetMs: () => liveness.clockOffsetMs(),
      },
      { systemId: config.systemId, genesisBytes: config.genesisBytes },
    ),
  );
  const admit: Admit = (peerId, protocol) =>
    (OPEN_TO_ALL.has(protocol) && strangers.hears(peerId)) ||
    (!presence.duplicate() &&
      membership.isActive(self) &&
      membership.isActive(peerId) &&
      (protocol !== KAD.protocol || dht.hears(peerId)));
  const net = starting.use(await ports.openNet(admit, (peerId) => membership.view().members.has(peerId)));
  const isMember = (peerId: PeerId) => membership.view().members.has(peerId);
  const strangers = starting.use(createStrangers({ net, isMember, clock, log }));
  const rpc = starting.use(createRpc({ net, clock, log, random }, { admit, onMisconduct: strangers.note }));
  const liveness = starting.use(
    createLiveness({ rpc, net, membership, position: () => position(), clock, random, log }, config.liveness),
  );
  if (config.snapshotBytes && membership.view().epoch === 0) {
    await membership.submit({ kind: 'snapshot', bytes: config.snapshotBytes, from: 'home' });
  }
  const state = starting.use(createNodeState({ peerId: self, membership, liveness, clock, log }));
  const presence = starting.use(
    await createPresence(
      {
        rpc,
        net,
        membership,
        state,
        liveness,
        store,
        position: () => position(),
        signer: identity.signer,
        crypto,
        clock,
        random,
        log,
        addresses: () => net.addresses(),
        load: ports.load,
        disk: ports.disk,
      },
      { version: config.version, ...config.presence },
    ),
  );
  const failure = new AbortController();
  presence.events.on('identity:duplicate', (error) => failure.abort(error));
  const mesh = starting.use(
    await createMesh({ net, rpc, membership, presence, store, clock, random, log }, config.mesh),
  );
  const { portMapper: mapper } = ports;
  const reachability = { net, rpc, membership, liveness, mesh, presence, mapper, clock, random, log };
  const reach = starting.use(createReachability(reachability, config.reach));
  const onFault = (peerId: PeerId) => strangers.note(peerId, 'fault');
  const members = starting.use(createMembers({ membership, rpc, net, clock, random, log, onFault }));
  presence.events.on('heartbeat:accepted', ({ heartbeat }) =>
    members.noticeHeads(heartbeat.peerId, heartbeat.heads),
  );
  await requireHeldBy(store, config.records.replicas);
  const records = starting.use(
    await createRecords(
      {
        store,
        opened,
        rpc,
        membership,
        liveness,
        identity,
        crypto,
        clock,
        random,
        log,
        onStalePeer: (peerId) => members.noticeStale(peerId),
      },
      {
        replicaCounts: [...new Set([config.records.replicas, CATALOGUE_REPLICAS])],
        writeTimeoutMs: config.records.writeTimeoutMs,
        readTimeoutMs: config.records.readTimeoutMs,
        keepDeletedMs: config.records.keepDeletedMs,
        scrubMs: config.records.scrubMs,
      },
    ),
  );
  position = records.repair.position;
  presence.events.on('heartbeat:accepted', ({ heartbeat }) =>
    records.repair.notePosition(heartbeat.peerId, heartbeat.store),
  );
  liveness.events.on('peer:position', ({ peerId, store }) => records.repair.notePosition(peerId, store));
  net.events.on('peer:connected', (peerId) => {
    if (membership.isActive(peerId)) records.repair.notice(peerId);
  });
  const dht = starting.use(
    createMemberDht({ rpc, net, membership, presence, signer: identity.signer, crypto, clock, random, log }),
  );
  const data = createDataServices(
    starting,
    {
      ...{ self, rpc, net, records, membership, liveness, presence, dht, crypto, clock, random, log },
      signer: identity.signer,
      shelf: ports.sqlShelf,
    },
    {
      replicas: config.records.replicas,
      catalogueReplicas: CATALOGUE_REPLICAS,
      kv: config.kv,
      sql: config.sql,
    },
  );
  const network = createNetwork(
    { rpc, net, membership, liveness, state, presence, reach, clock },
    { version: config.version },
  );
  const byHand = createReach({ net, membership, mesh, signer: identity.signer, crypto, clock, random });
  starting.use(serveStatus({ rpc, network, membership, clock }));
  const upkeep = starting.use(
    await createUpkeep(
      { ports, records, membership, net, presence, state, store, rpc, network, crypto, clock, random, log },
      { ...config, replicas: config.records.replicas },
    ),
  );
  await net.start();

  const started = starting.move();
  return {
    peerId: self,
    failed: failure.signal,
    net,
    rpc,
    membership,
    state,
    presence,
    mesh,
    reach,
    records,
    dht,
    members,
    network,
    ...data.services,
    services: [
      ...data.routes,
      bindRoutes('network', networkRoutes, createNetworkHandlers(network, byHand)),
      bindRoutes(
        'members',
        membersRoutes,
        createMembersHandlers({ membership, members, records: records.repair }),
      ),
      ...upkeep.services,
    ],
    streams: data.streams,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
