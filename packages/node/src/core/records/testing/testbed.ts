/**
 * Nodes with real records, rpc, membership and stores in one process, on virtual time and a network that can be cut.
 * Every snapshot is given to each node by hand, so nodes can learn of one at different times.
 */
import { type Member, type SignedDocument, type Snapshot, toHex } from '@p2pos/protocol';
import { createManualClock, type ManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryHub } from '../../../testing/memory-net.ts';
import { createMemoryDisk, type MemoryDisk } from '../../../testing/memory-store.ts';
import { createSeededRandom, type SeededRandom } from '../../../testing/seeded-random.ts';
import { createTestSystem, type TestSystem } from '../../../testing/test-system.ts';
import type { Clock } from '../../clock/index.ts';
import type { ClockOpinion } from '../../liveness/index.ts';
import { middlesOf } from '../../liveness/pulse.ts';
import { silentLogger } from '../../log/index.ts';
import { type MembershipJournal, openMembership } from '../../membership/index.ts';
import type { Net } from '../../net/index.ts';
import { createRpc, type Rpc } from '../../rpc/index.ts';
import type { Store } from '../../store/index.ts';
import type { RecordsConfig } from '../config.ts';
import type { Records } from '../port.ts';
import { createRecords } from '../records.ts';

export const NAMESPACE = 'default/kv';

export interface TestNode {
  readonly index: number;
  readonly peerId: string;
  readonly records: Records;
  readonly membership: MembershipJournal;
  readonly store: Store;
  readonly rpc: Rpc;
  readonly net: Net;
  isUp(): boolean;
}

export interface Testbed extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly random: SeededRandom;
  readonly system: TestSystem;
  node(index: number): TestNode;
  nodes(): readonly TestNode[];
  readonly size: number;
  /** Goes forward in time until the work has settled. */
  run<T>(work: PromiseLike<T>, limitMs?: number): Promise<T>;
  put(
    index: number,
    key: string,
    value: string,
    options?: { ttlMs?: number; idempotencyKey?: string },
  ): ReturnType<Records['put']>;
  get(index: number, key: string): Promise<string | undefined>;
  remove(index: number, key: string): ReturnType<Records['delete']>;
  /** A child of the newest snapshot, not yet known to any node. */
  snapshot(
    members: readonly Member[],
    body?: Partial<Snapshot>,
    after?: SignedDocument<Snapshot>,
  ): Promise<SignedDocument<Snapshot>>;
  /** Also one that is no child of what the node follows. */
  push(index: number, snapshot: SignedDocument<Snapshot>): Promise<void>;
  members(...indexes: readonly number[]): Member[];
  give(index: number, snapshot: SignedDocument<Snapshot>): Promise<void>;
  giveAll(snapshot: SignedDocument<Snapshot>): Promise<void>;
  /** Gives every node that is up every snapshot so far. */
  settleMembership(): Promise<void>;
  partition(...groups: readonly (readonly number[])[]): void;
  /** Nothing goes between the two any more, either way. */
  cut(a: number, b: number): void;
  heal(): Promise<void>;
  /** What was not committed is gone; the disk stays. */
  crash(index: number): Promise<void>;
  start(index: number): Promise<void>;
  /** Of a node that is down: an empty disk, or the one in a file. It knows the membership again. */
  replaceDisk(index: number, file?: string): void;
  /** Until every node that is up counts in all its slots. */
  settleStanding(limitMs?: number): Promise<void>;
  /** Replicas of a key, as indexes. */
  replicasOf(key: string, from?: number): number[];
  /** The first of `key0`, `key1`, … for which the test holds. */
  findKey(test: (replicas: readonly number[], key: string) => boolean, from?: number): string;
}

export interface TestbedConfig {
  readonly nodes: number;
  /** Members at first; default all. */
  readonly members?: readonly number[];
  readonly seed?: string | number;
  readonly slots?: number;
  readonly latencyMs?: number | ((from: number, to: number) => number);
  /** Wall clock of a node ahead of the others, ms; asked when it starts. */
  readonly skewMs?: (index: number) => number;
  /** Whether nodes learn the clocks of those that they are connected with. Default: all take theirs for right. */
  readonly pings?: boolean;
  /** What a node has heard of the others' clocks, instead. */
  readonly clocks?: (index: number) => ClockOpinion;
  readonly records?: RecordsConfig;
  readonly sent?: (from: number, bytes: number) => void;
  /** Greatest size of a node's disk; 0: without bound. */
  readonly maxDiskBytes?: (index: number) => number;
  /** Where a node's disk lies; default in memory. */
  readonly diskFile?: (index: number) => string;
  /** Comes between a node and its disk. */
  readonly wrapStore?: (index: number, store: Store) => Store;
  /** False: the test declares its namespaces itself. */
  readonly declare?: boolean;
  /** Declares `default/kv-cas` too. */
  readonly registers?: boolean;
  /** Whether nodes that notice another snapshot exchange it. Default true. */
  readonly exchange?: boolean;
}

const encode = (text: string) => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export function nameOf(key: string) {
  return { namespace: NAMESPACE, partition: encode(key), key: encode(key) };
}

export async function createTestbed(config: TestbedConfig): Promise<Testbed> {
  const { nodes: size, slots = 64, seed = 'records', exchange = true, latencyMs = 1 } = config;
  const clock = createManualClock();
  const random = createSeededRandom(seed);
  const system = await createTestSystem({ nodes: size, slots, now: clock.now(), seed: String(seed) });
  const indexOf = new Map(system.nodes.map(({ peerId }, index) => [peerId, index]));
  const delay =
    typeof latencyMs === 'number'
      ? latencyMs
      : (from: string, to: string) => latencyMs(indexOf.get(from) as number, indexOf.get(to) as number);
  const hub = createMemoryHub(
    { clock },
    {
      latencyMs: delay,
      sent: (from, _to, bytes) => config.sent?.(indexOf.get(from) as number, bytes),
    },
  );
  let madeDisks = 0;
  const newDisk = (index: number, file?: string) =>
    createMemoryDisk(random.fork(`disk${index}.${madeDisks++}`), {
      ...(config.maxDiskBytes !== undefined && { maxBytes: config.maxDiskBytes(index) }),
      ...(file !== undefined && { file }),
    });
  const disks = system.nodes.map((_, index) => newDisk(index, config.diskFile?.(index)));
  const nodes: (TestNode & AsyncDisposable)[] = [];
  const snapshots: SignedDocument<Snapshot>[] = [];
  const skews: number[] = [];

  async function boot(index: number): Promise<TestNode & AsyncDisposable> {
    const identity = system.nodes[index] as TestSystem['nodes'][0];
    const { peerId } = identity;
    const { crypto, systemId, genesis } = system;
    const skew = config.skewMs?.(index) ?? 0;
    skews[index] = skew;
    const ownClock: Clock = { ...clock, now: () => clock.now() + skew };
    const log = silentLogger;
    const raw = (disks[index] as MemoryDisk).open();
    const store = config.wrapStore?.(index, raw) ?? raw;
    const opened = store.position();
    // Membership judges dates; here only the records' clocks differ.
    const membership = await openMembership(
      { store: raw, crypto, clock, log, identity },
      { systemId, genesisBytes: genesis.bytes },
    );
    const net = hub.join(peerId);
    const rpc = createRpc({ net, clock, log });
    let up = true;
    const heard = new Set<number>();
    /** As pings would have told by now. */
    const clocks = () => {
      if (config.clocks) return config.clocks(index);
      if (!config.pings) return { answered: 2, offsetMs: 0 };
      for (const other of nodes)
        if (other.index !== index && other.isUp() && net.isConnected(other.peerId)) heard.add(other.index);
      const offsets = [...heard].map((other) => (skews[other] as number) - skew);
      const offsetMs = offsets.length === 1 ? (offsets[0] as number) : middlesOf([0, ...offsets]).near;
      return { answered: offsets.length, offsetMs };
    };
    const records = await createRecords(
      {
        store,
        opened,
        rpc,
        membership,
        liveness: { isAlive: () => true, pulse: () => undefined, clocks },
        identity,
        crypto,
        clock: ownClock,
        random: random.fork(`node${index}`),
        log,
        onStalePeer: (other) => {
          if (exchange) exchangeSoon(index, indexOf.get(other) as number);
        },
      },
      config.records,
    );
    if (config.declare !== false) {
      records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas: 3, maxValueBytes: 65_536 });
    }
    if (config.registers) {
      records.declare({
        suffix: '/kv-cas',
        kind: 'cas',
        author: 'member',
        replicas: 3,
        maxValueBytes: 65_536,
      });
    }
    await net.start();
    const never = new AbortController().signal;
    for (const other of nodes) {
      if (other.isUp()) await net.dial([hub.addressOf(other.peerId)], { signal: never }).catch(() => {});
    }
    return {
      index,
      peerId,
      records,
      membership,
      store,
      rpc,
      net,
      isUp: () => up,
      async [Symbol.asyncDispose]() {
        up = false;
        await net[Symbol.asyncDispose]();
        await rpc[Symbol.asyncDispose]();
        await records[Symbol.asyncDispose]();
        await membership[Symbol.asyncDispose]();
      },
    };
  }

  async function submit(
    index: number,
    { bytes, hash, body: { previous } }: SignedDocument<Snapshot>,
  ): Promise<void> {
    const { membership } = node(index);
    const before = snapshots.find((snapshot) => toHex(snapshot.hash) === toHex(previous));
    const voucher = before?.body.members[0]?.peerId;
    const countersignature =
      voucher === undefined
        ? undefined
        : await system.countersign({ hash } as SignedDocument<Snapshot>, indexOf.get(voucher) as number);
    const verdict = await membership.submit({
      kind: 'snapshot',
      bytes,
      from: 'test',
      ...(countersignature && { countersignature }),
    });
    if (verdict.result === 'refused') throw verdict.error;
  }

  /** As the members service would: whoever is behind takes what it lacks, in order. */
  const exchanging = new Set<string>();
  function exchangeSoon(a: number, b: number): void {
    const name = `${Math.min(a, b)}-${Math.max(a, b)}`;
    if (exchanging.has(name)) return;
    exchanging.add(name);
    clock.after(40, () => {
      exchanging.delete(name);
      const one = nodes[a];
      const other = nodes[b];
      if (!one?.isUp() || !other?.isUp() || !one.net.isConnected(other.peerId)) return;
      const epoch = Math.max(one.membership.view().epoch, other.membership.view().epoch);
      for (const index of [a, b]) void catchUp(index, epoch).catch(() => {});
    });
  }

  async function catchUp(index: number, epoch: number): Promise<void> {
    for (const snapshot of snapshots) {
      const own = node(index).membership.view().epoch;
      if (snapshot.body.epoch > own && snapshot.body.epoch <= epoch) await submit(index, snapshot);
    }
  }

  function node(index: number): TestNode & AsyncDisposable {
    return nodes[index] as TestNode & AsyncDisposable;
  }

  async function run<T>(work: PromiseLike<T>, limitMs = 120_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    work.then(done, done);
    await clock.advanceUntil(() => settled, { stepMs: 1, limitMs });
    return work;
  }

  async function connectAll(): Promise<void> {
    const never = new AbortController().signal;
    for (const a of nodes) {
      for (const b of nodes) {
        if (a === b || !a.isUp() || !b.isUp()) continue;
        if (!a.net.isConnected(b.peerId) || !b.net.isConnected(a.peerId)) {
          await a.net.dial([hub.addressOf(b.peerId)], { signal: never }).catch(() => {});
        }
      }
    }
  }

  for (const index of system.nodes.keys()) nodes.push(await boot(index));
  const bed: Testbed = {
    clock,
    random,
    system,
    size,
    node,
    nodes: () => nodes,
    run,
    put: (index, key, value, options) =>
      run(node(index).records.put({ ...nameOf(key), value: encode(value), ...options })),
    async get(index, key) {
      const { found } = await run(node(index).records.get({ ...nameOf(key), consistency: 'quorum' }));
      return found && decode(found.value);
    },
    remove: (index, key) => run(node(index).records.delete(nameOf(key))),
    async snapshot(members, body, after = snapshots.at(-1)) {
      const snapshot = await system.snapshot({
        members,
        issuedAtMs: clock.now(),
        ...(after && { after }),
        ...(body && { body }),
      });
      snapshots.push(snapshot);
      return snapshot;
    },
    push: submit,
    members: (...indexes) => system.members(indexes),
    give: (index, snapshot) => catchUp(index, snapshot.body.epoch),
    async giveAll(snapshot) {
      for (const index of system.nodes.keys()) if (node(index).isUp()) await bed.give(index, snapshot);
    },
    async settleMembership() {
      const newest = snapshots.at(-1);
      if (newest) await bed.giveAll(newest);
    },
    partition(...groups) {
      hub.partition(...groups.map((group) => group.map((index) => node(index).peerId)));
    },
    cut(a, b) {
      const [one, other] = [node(a).peerId, node(b).peerId];
      hub.cut(one, other);
      hub.cut(other, one);
    },
    async heal() {
      hub.heal();
      // Bytes were lost on the way, so every stream that was cut is broken.
      for (const a of nodes) if (a.isUp()) for (const b of nodes) if (a !== b) await a.net.hangUp(b.peerId);
      await connectAll();
    },
    async crash(index) {
      (disks[index] as MemoryDisk).open();
      await node(index)[Symbol.asyncDispose]();
    },
    async start(index) {
      nodes[index] = await boot(index);
      for (const snapshot of snapshots) {
        if (snapshot.body.epoch > node(index).membership.view().epoch) await submit(index, snapshot);
      }
      await connectAll();
    },
    replaceDisk(index, file) {
      disks[index]?.[Symbol.dispose]();
      disks[index] = newDisk(index, file);
    },
    settleStanding: (limitMs = 60_000) =>
      clock.advanceUntil(
        () => nodes.every((one) => !one.isUp() || one.records.repair.standing() === 'voter'),
        { stepMs: 5, limitMs },
      ),
    replicasOf(key, from = 0) {
      return node(from)
        .records.locate(nameOf(key))
        .replicas.map((peerId) => indexOf.get(peerId) as number);
    },
    findKey(test, from = 0) {
      for (let i = 0; i < 10_000; i++) {
        const key = `key${i}`;
        if (test(bed.replicasOf(key, from), key)) return key;
      }
      throw new Error('no such key');
    },
    async [Symbol.asyncDispose]() {
      for (const one of nodes) if (one.isUp()) await run(one[Symbol.asyncDispose]());
      for (const disk of disks) disk[Symbol.dispose]();
    },
  };
  const founders = config.members ?? [...system.nodes.keys()];
  const first = await bed.snapshot(system.members(founders));
  for (const index of founders) await bed.give(index, first);
  await connectAll();
  // As soon as the founders have heard of each other's disks they count.
  await clock
    .advanceUntil(() => founders.every((index) => node(index).records.repair.standing() !== 'unproven'), {
      stepMs: 1,
      limitMs: 500,
    })
    .catch(() => {});
  return bed;
}
