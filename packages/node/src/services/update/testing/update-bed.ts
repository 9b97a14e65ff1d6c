/**
 * Updates over real records, calls and stores on virtual time. What lies outside of the process is a value per node: which
 * version runs, what the launcher's file says, what the last heartbeat told.
 */
import {
  formatTimestamp,
  type Member,
  type ReleaseManifest,
  releaseManifestDocument,
  signDocument,
} from '@p2pos/protocol';
import type { NodeState } from '../../../core/liveness/index.ts';
import type { Sighting } from '../../../core/presence/index.ts';
import { createTestbed, type Testbed } from '../../../core/records/testing/testbed.ts';
import { createTestLogger, type LogLine } from '../../../testing/test-membership.ts';
import type { Trial, UpdateHost } from '../host.ts';
import { createUpdate, type Update } from '../index.ts';

/** One machine: the node's place in the system and its installation. */
export interface Machine {
  readonly peerId: string;
  /** Of the process. */
  version: string;
  /** Told by its last heartbeat; undefined: none was heard. */
  told: string | undefined;
  state: NodeState;
  /** What the launcher's file says. */
  trial: Trial | undefined;
  failed: { readonly version: string; readonly reason: string } | undefined;
  /** What was done to the installation, in order. */
  readonly done: string[];
  readonly lines: readonly LogLine[];
  readonly update: Update;
  /** The process ends, and another runs this version. */
  reboot(version: string): Promise<void>;
  stop(): Promise<void>;
}

export interface UpdateBed extends AsyncDisposable {
  readonly bed: Testbed;
  machine(i: number): Machine;
  /** A signed manifest. */
  release(version: string, fields?: Partial<ReleaseManifest>): Promise<Uint8Array>;
}

const INTERVAL_MS = 10_000;
const DAY_MS = 86_400_000;

export async function createUpdateBed(
  nodes: number,
  {
    version = '1.0.0',
    member,
  }: { readonly version?: string; readonly member?: (i: number) => Partial<Member> } = {},
): Promise<UpdateBed> {
  const bed = await createTestbed({ nodes, declare: false, slots: 16 });
  const { crypto, identity } = bed.system;
  const releaseKey = identity('release').signer;
  if (member) {
    const fieldsOf = (peerId: string) => member(bed.nodes().findIndex((node) => node.peerId === peerId));
    const listed = bed.members(...Array(nodes).keys());
    await bed.giveAll(await bed.snapshot(listed.map((one) => ({ ...one, ...fieldsOf(one.peerId) }))));
  }
  await bed.settleStanding();
  const machines: Machine[] = [];
  for (let i = 0; i < nodes; i++) machines.push(await createMachine(i));

  async function createMachine(i: number): Promise<Machine> {
    const log = createTestLogger();
    const machine: { -readonly [K in keyof Machine]: Machine[K] } = {
      peerId: bed.node(i).peerId,
      version,
      told: version,
      state: 'healthy',
      trial: undefined,
      failed: undefined,
      done: [],
      lines: log.lines,
      update: undefined as unknown as Update,
      stop: async () => bed.run(machine.update[Symbol.asyncDispose]()),
      async reboot(next) {
        await machine.stop();
        await bed.crash(i);
        await bed.run(bed.start(i));
        machine.version = next;
        machine.update = await bed.run(open());
      },
    };
    const host: UpdateHost = {
      platform: 'linux-x64',
      unsupported: undefined,
      trial: async () => machine.trial,
      failure: async () => machine.failed,
      async forget() {
        machine.failed = undefined;
      },
      has: async () => true,
      read: async () => undefined,
      keep: async () => {},
      async *fetch() {},
      stage: async (_artefact, of) => void machine.done.push(`stage ${of}`),
      async activate(of) {
        machine.done.push(`activate ${of}`);
        machine.failed = undefined;
      },
      async confirm() {
        machine.done.push('confirm');
        machine.trial = undefined;
      },
      restart: () => void machine.done.push('restart'),
    };
    const open = () => {
      const { records, membership, net, store, rpc } = bed.node(i);
      return createUpdate(
        {
          host,
          records,
          membership: {
            view: () => membership.view(),
            isActive: (peerId) => membership.isActive(peerId),
            status() {
              const status = membership.status();
              const release = { releaseKeys: [releaseKey.publicKey], releaseThreshold: 1 };
              return { ...status, root: status.root && { ...status.root, ...release } };
            },
          },
          net,
          presence: { sighting: (peerId) => sightingOf(peerId) },
          state: { current: () => machine.state },
          store,
          rpc,
          crypto,
          clock: bed.clock,
          random: bed.random.fork(`update${i}`),
          log,
        },
        { version: machine.version, replicas: 3, intervalMs: INTERVAL_MS },
      );
    };
    machine.update = await bed.run(open());
    return machine;
  }

  function sightingOf(peerId: string): Sighting | undefined {
    const told = machines.find((one) => one.peerId === peerId)?.told;
    return told === undefined ? undefined : ({ heartbeat: { version: told } } as Sighting);
  }

  return {
    bed,
    machine: (i) => machines[i] as Machine,
    async release(of, fields = {}) {
      const body: ReleaseManifest = {
        format: 1,
        version: of,
        channel: 'stable',
        minFrom: '1.0.0',
        createdAt: formatTimestamp(bed.clock.now()),
        expires: formatTimestamp(bed.clock.now() + 30 * DAY_MS),
        artefacts: [{ platform: 'any', sha256: new Uint8Array(32), bytes: 10, urls: [] }],
        ...fields,
      };
      return (await signDocument(releaseManifestDocument, body, [releaseKey], crypto)).bytes;
    },
    async [Symbol.asyncDispose]() {
      for (const machine of machines) await machine.stop();
      await bed[Symbol.asyncDispose]();
    },
  };
}
