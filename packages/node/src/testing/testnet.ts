/**
 * Whole nodes of one system in one process, on virtual time and an in-memory network: everything but sockets, disks and
 * HTTP is what runs in production.
 *
 * @example
 * await using net = await createTestnet(3);
 * await net.nodes[0].kv.put({ app: 'default', key: 'a', value });
 * net.partition([0], [1, 2]);
 */
import {
  type Crypto,
  isP2posError,
  type Member,
  P2posError,
  type SignedDocument,
  type Signer,
  type Snapshot,
} from '@p2pos/protocol';
import { type Logger, silentLogger } from '../core/log/index.ts';
import { createNode, type Node, type NodeConfig, type NodePorts } from '../node.ts';
import { instantCrypto } from './instant-crypto.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryHub, type MemoryHub, type MemoryNet } from './memory-net.ts';
import { createMemoryDisk, type MemoryDisk } from './memory-store.ts';
import { createMortality, type Mortality } from './mortal.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createTestSystem, type TestSystem } from './test-system.ts';

export interface Testnet extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly hub: MemoryHub;
  readonly system: TestSystem;
  /** By number; one that is stopped stays in its place. */
  readonly nodes: readonly Node[];
  /** The newest snapshot made here. */
  readonly snapshot: SignedDocument<Snapshot>;
  /** Runs virtual time until the work is done, and answers its result. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Runs virtual time until the condition holds. */
  until(done: () => boolean): Promise<void>;
  partition(...groups: readonly (readonly number[])[]): void;
  /** What `from` sends to `to` does not arrive. */
  cut(from: number, to: number): void;
  /** These ways are cut and no others. */
  setCuts(ways: readonly (readonly [from: number, to: number])[]): void;
  heal(): void;
  /** Ends the node in good order; its disk stays. */
  stop(i: number): Promise<void>;
  /**
   * Kills it as it is: what was not committed is gone, nothing that it still does reaches anybody, calls of clients break off. The others hear of it at once,
   * as of a process that is killed, or not at all, as where a machine loses its power. Default: drawn from the seed. While it
   * starts, `start` rejects with STORE_FAILED.
   */
  crash(i: number, how?: 'reset' | 'silent'): Promise<void>;
  isUp(i: number): boolean;
  disk(i: number): MemoryDisk;
  /** Of a node that is stopped: it comes back under its old key with an empty disk, or a copy of one. */
  replaceDisk(i: number, image?: Uint8Array): void;
  /** Brings a stopped node back on its disk. */
  start(i: number): Promise<void>;
  /** Signs a snapshot with these members and pushes it to node `at`. */
  change(members: (before: readonly Member[]) => readonly Member[], at?: number): Promise<void>;
  /** Until all follow one snapshot and every running member is healthy and connected to every other. */
  settle(): Promise<void>;
}

export interface TestnetConfig {
  /** Listed by the first snapshot; the others run as strangers. Default: all. */
  readonly members?: number;
  readonly latencyMs?: number | ((from: number, to: number) => number);
  /** What shares one moment; see the hub. */
  readonly momentMs?: number;
  /** What meets a cut link; see the hub. */
  readonly cut?: 'lost' | 'held';
  readonly seed?: string;
  readonly log?: Logger;
  /** Default 256: every node reads each of them when it starts. */
  readonly slots?: number;
  readonly pingIntervalMs?: number;
  readonly presenceIntervalMs?: number;
  readonly records?: Partial<NodeConfig['records']>;
  /** Default: Ed25519. */
  readonly keys?: { readonly crypto: Crypto; readonly signerOf: (seed: Uint8Array) => Signer };
  /** Stands between a node and its ports: a disk that fails, a clock that goes wrong. Asked at each start. */
  readonly wrap?: (i: number, ports: NodePorts) => NodePorts;
}

export async function createTestnet(count: number, config: TestnetConfig = {}): Promise<Testnet> {
  const { members: listed = count, latencyMs = 1, seed = 'testnet', log = silentLogger } = config;
  const {
    slots = 256,
    pingIntervalMs = 2_000,
    presenceIntervalMs = 30_000,
    keys,
    wrap = (_, ports) => ports,
  } = config;
  const clock = createManualClock();
  const random = createSeededRandom(seed);
  const system = await createTestSystem({ nodes: count, now: clock.now(), seed, slots, ...keys });
  const numbers = new Map(system.nodes.map(({ peerId }, i) => [peerId, i]));
  const delay =
    typeof latencyMs === 'number'
      ? latencyMs
      : (from: string, to: string) => latencyMs(numbers.get(from) as number, numbers.get(to) as number);
  const { cut, momentMs } = config;
  const hub = createMemoryHub(
    { clock },
    { latencyMs: delay, ...(cut && { cut }), ...(momentMs && { momentMs }) },
  );
  const identities = system.nodes;
  const disks: MemoryDisk[] = identities.map((_, i) => createMemoryDisk(random.fork(`disk${i}`)));
  const first = await system.first(system.members(identities.slice(0, listed)));
  const nodes: Node[] = [];
  const nets: MemoryNet[] = [];
  const lives: Mortality[] = [];
  /** Of those that start: what ends it. */
  const starting = new Map<number, (error: Error) => void>();
  const crashes = random.fork('crashes');
  const running = new Set<number>();
  /** Oldest first. */
  const made = [first];
  const newest = () => made.at(-1) as SignedDocument<Snapshot>;
  let starts = 0;

  async function open(i: number): Promise<void> {
    const identity = identities[i];
    const disk = disks[i];
    if (!identity || !disk) throw new RangeError(`there is no node ${i}`);
    const life = createMortality(identity.peerId);
    lives[i] = life;
    const ports = wrap(i, {
      clock,
      random: random.fork(`node${i}/${starts++}`),
      crypto: keys?.crypto ?? instantCrypto,
      log: log.child({ node: `node${i}` }),
      identity,
      store: disk.open(),
      openNet: async (admit) => {
        const net = hub.join(identity.peerId, { admit });
        nets[i] = net;
        return net;
      },
      load: () => 0,
      disk: async () => ({ usedBytes: 0, freeBytes: 2 ** 40 }),
    });
    const made = createNode(
      { ...ports, clock: life.clock(ports.clock) },
      {
        version: '0.0.0-test',
        systemId: system.systemId,
        genesisBytes: system.genesis.bytes,
        snapshotBytes: first.bytes,
        liveness: { pingIntervalMs, misses: 3 },
        presence: { intervalMs: presenceIntervalMs },
        mesh: {
          initConnections: identities.map(({ peerId }) => hub.addressOf(peerId)),
          intervalMs: 10_000,
          wantedConnections: 256,
        },
        records: {
          replicas: 3,
          writeTimeoutMs: 5_000,
          readTimeoutMs: 5_000,
          keepDeletedMs: 86_400_000,
          scrubMs: 7 * 86_400_000,
          ...config.records,
        },
        kv: { maxValueBytes: 65_536 },
        sql: { statementTimeoutMs: 10_000, replaceAfterMs: 600_000 },
      },
    );
    const died = Promise.withResolvers<never>();
    died.promise.catch(() => {});
    starting.set(i, died.reject);
    try {
      const node = await during(Promise.race([made, died.promise]));
      // It may have died since it was made.
      await Promise.race([died.promise, Promise.resolve()]);
      nodes[i] = mortal(node, life);
    } catch (error) {
      life.die();
      // One that died half-way ends whenever it does.
      made.then((node) => node[Symbol.asyncDispose]()).catch(() => {});
      throw error;
    } finally {
      starting.delete(i);
    }
    running.add(i);
  }

  async function during<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    finished.catch(() => {});
    await clock.advanceUntil(() => done, { stepMs: 1, limitMs: 120_000 });
    return finished;
  }
  const until = (done: () => boolean) => clock.advanceUntil(done, { stepMs: 50, limitMs: 600_000 });
  const peerIds = (numbers: readonly number[]) => numbers.map((i) => identities[i]?.peerId ?? '');

  async function settle(): Promise<void> {
    await until(() => {
      const live = [...running].map((i) => nodes[i] as Node);
      const members = live.filter((node) => node.membership.isActive(node.peerId));
      const heads = new Set(live.map((node) => JSON.stringify(node.membership.heads())));
      const meshed = members.every((node) =>
        members.every((other) => other === node || node.net.isConnected(other.peerId)),
      );
      return heads.size === 1 && meshed && members.every((node) => node.state.current() === 'healthy');
    });
  }

  for (let i = 0; i < count; i++) await open(i);

  return {
    clock,
    hub,
    system,
    nodes,
    get snapshot() {
      return newest();
    },
    during,
    until,
    partition: (...groups) => hub.partition(...groups.map(peerIds)),
    cut: (from, to) => hub.cut(...(peerIds([from, to]) as [string, string])),
    setCuts: (ways) => hub.setCuts(ways.map((way) => peerIds(way) as [string, string])),
    heal: () => hub.heal(),
    async stop(i) {
      if (!running.delete(i)) return;
      await during(Promise.resolve(nodes[i]?.[Symbol.asyncDispose]()));
      lives[i]?.die();
    },
    async crash(i, how = crashes.chance(0.5) ? 'reset' : 'silent') {
      const start = starting.get(i);
      if (!running.delete(i) && !start) return;
      nets[i]?.crash(how);
      disks[i]?.open();
      lives[i]?.die();
      if (start) return start(new P2posError('STORE_FAILED', { reason: 'the process died' }));
      // How it ends is nobody's concern any more.
      Promise.resolve(nodes[i]?.[Symbol.asyncDispose]()).catch(() => {});
    },
    isUp: (i) => running.has(i),
    disk: (i) => disks[i] as MemoryDisk,
    replaceDisk(i, image) {
      disks[i]?.[Symbol.dispose]();
      disks[i] = createMemoryDisk(random.fork(`disk${i}/${starts++}`), image ? { image } : {});
    },
    start: open,
    async change(edit, at = 0) {
      const members = edit(newest().body.members);
      const next = await system.snapshot({ after: newest(), members, issuedAtMs: clock.now() });
      const { signal } = new AbortController();
      let failure: unknown = new P2posError('NODE_UNREACHABLE', { url: 'any', reason: 'none runs' });
      // One that fails may have taken it all the same: another is given the same, or there would be two after one.
      for (const i of [at, ...running].filter((i) => running.has(i))) {
        try {
          await during(give(nodes[i] as Node, [...made, next], signal));
          failure = undefined;
          break;
        } catch (error) {
          failure = error;
        }
      }
      if (failure) throw failure;
      made.push(next);
    },
    settle,
    async [Symbol.asyncDispose]() {
      for (const i of [...running]) await during(Promise.resolve(nodes[i]?.[Symbol.asyncDispose]()));
      for (const disk of disks) disk[Symbol.dispose]();
    },
  };
}

/** What clients ask of a node. */
function mortal(node: Node, life: Mortality): Node {
  const { registers, leases } = node.records;
  const records = Object.create(node.records, {
    registers: { value: life.of(registers) },
    leases: { value: life.of(leases) },
  });
  return Object.create(node, {
    kv: { value: life.of(node.kv) },
    pubsub: { value: life.of(node.pubsub) },
    topics: { value: life.of(node.topics) },
    members: { value: life.of(node.members) },
    records: { value: life.of(records) },
  });
}

/** The last of these; those before it first where the node lacks them: the only one that had them may have lost its disk. */
async function give(
  node: Node,
  made: readonly SignedDocument<Snapshot>[],
  signal: AbortSignal,
): Promise<void> {
  const before = made.slice(0, -1);
  const { bytes } = made.at(-1) as SignedDocument<Snapshot>;
  try {
    await node.members.push(bytes, { signal });
  } catch (error) {
    if (!isP2posError(error, 'SNAPSHOT_PREVIOUS_UNKNOWN') || before.length === 0) throw error;
    await give(node, before, signal);
    await node.members.push(bytes, { signal });
  }
}
