/** The HTTP door on a free port over a key-value store in memory; handlers of single operations can be replaced. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  appsRoutes,
  configRoutes,
  contract,
  type Health,
  healthRoutes,
  kvRoutes,
  membersRoutes,
  networkRoutes,
  P2posError,
  pubsubRoutes,
  type Registration,
  type RouteHandlers,
  type Routes,
  rendezvousRoutes,
  sqlRoutes,
  topicRoutes,
  type UpdateStatus,
  updateRoutes,
} from '@p2pos/protocol';
import { type Clock, createSystemClock } from '../core/clock/index.ts';
import type { LogFields } from '../core/log/index.ts';
import { type Logger, silentLogger } from '../core/log/index.ts';
import { createSystemRandom } from '../core/random/index.ts';
import {
  bindRoutes,
  createMetrics,
  type HttpConfig,
  type HttpDoor,
  listenHttp,
  type PeerCalls,
  type Service,
  type StreamOperation,
  type Supervisor,
  type Tenants,
} from '../gateway/index.ts';
import { sampleHandlers } from './contract-samples.ts';
import { fakeApps } from './fake-apps.ts';
import { createFakeSql } from './fake-sql.ts';

export const TEST_PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

export interface TestDoor extends HttpDoor {
  readonly token: string;
  readonly tokenFile: string;
  /** Lines of the log at level error. */
  readonly errors: readonly LogFields[];
}

export interface TestDoorOptions {
  readonly clock?: Clock;
  readonly kv?: Partial<RouteHandlers<typeof kvRoutes>>;
  readonly supervisor?: Supervisor;
  readonly tenants?: Tenants;
  /** Where clients come as peers too. */
  readonly peers?: PeerCalls;
  readonly extra?: readonly Service[];
  readonly streams?: readonly StreamOperation[];
  readonly config?: Partial<HttpConfig>;
  /** Every operation answers with a sample, and what it is asked is told here. */
  readonly onCall?: (id: string, input: Record<string, unknown>) => void;
}

export async function createTestDoor({
  clock = createSystemClock(),
  kv,
  supervisor,
  tenants,
  peers,
  extra = [],
  streams = [],
  config,
  onCall,
}: TestDoorOptions = {}): Promise<TestDoor> {
  await using stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'p2pos-door-'));
  stack.defer(() => rm(home, { recursive: true }));
  const errors: LogFields[] = [];
  const log: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) };
  const metrics = stack.use(createMetrics({ clock }));
  const tokenFile = join(home, 'token');
  const fakes = [
    fake('kv', kvRoutes, { ...createMemoryKv(), ...kv }),
    fake('network', networkRoutes, fakeNetwork),
    fake('members', membersRoutes, createFakeMembers()),
    fake('apps', appsRoutes, fakeApps),
    fake('pubsub', pubsubRoutes, {
      publish: async () => ({ id: `${TEST_PEER}/1/1`, subscribers: 2, clients: 3 }),
      topics: async () => ({ topics: [{ pattern: 'a.>', nodes: 2 }] }),
      presence: async ({ topic }) => ({ topic, nodes: [{ peerId: TEST_PEER, clients: 3 }] }),
    }),
    fake('update', updateRoutes, fakeUpdate),
    fake('config', configRoutes, {
      reload: async () => ({ applied: ['log.level'], needsRestart: [] }),
    }),
    fake('topics', topicRoutes, {
      append: async ({ topic }) => ({ topic, sequence: 7, token: 1, subscribers: 2 }),
      replay: async ({ from }) => ({ messages: [], next: from === undefined ? null : 7, gone: 0 }),
      state: async ({ topic }) => ({ topic, ...fakeTopic }),
      retain: async ({ topic, ageMs = 60_000 }) => ({
        topic,
        ...fakeTopic,
        retention: { ...fakeTopic.retention, ageMs },
      }),
      acknowledge: async ({ body }) => ({ acknowledged: body.sequences.length }),
    }),
    fake('rendezvous', rendezvousRoutes, createFakeRendezvous()),
    fake('sql', sqlRoutes, createFakeSql()),
    fake('health', healthRoutes, { read: async () => HEALTHY }),
    ...extra,
  ];
  const services = onCall ? listenedTo(samplesBeside([]), onCall) : [...fakes, ...samplesBeside(fakes)];
  const door = stack.use(
    await listenHttp(
      {
        clock,
        random: createSystemRandom(),
        log,
        peerId: TEST_PEER,
        metrics,
        services,
        streams,
        supervisor,
        tenants,
        peers,
      },
      { version: '0.0.0', port: 0, tokenFile, ...config },
    ),
  );
  const token = (await readFile(config?.tokenFile ?? tokenFile, 'utf8')).trim();
  const owned = stack.move();
  return {
    url: door.url,
    port: door.port,
    token,
    tokenFile,
    errors,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What is not faked is answered with samples, so that a new operation needs no fake. */
function fake<R extends Routes>(capability: string, routes: R, handlers: Partial<RouteHandlers<R>>): Service {
  return bindRoutes<Routes>(capability, routes, { ...sampleHandlers(routes), ...handlers } as never);
}

function samplesBeside(fakes: readonly Service[]): Service[] {
  const faked = new Set(fakes.flat().map(({ id }) => id));
  const capabilities = Object.entries<Routes>(contract)
    // These the door serves itself.
    .filter(([capability]) => capability !== 'session' && capability !== 'dev');
  return capabilities.map(([capability, routes]) =>
    bindRoutes(capability, routes, sampleHandlers(routes)).filter(({ id }) => !faked.has(id)),
  );
}

function listenedTo(
  services: readonly Service[],
  onCall: (id: string, input: Record<string, unknown>) => void,
): Service[] {
  return services.map((service) =>
    service.map((operation) => ({
      ...operation,
      handle(input, context) {
        onCall(operation.id, input);
        return operation.handle(input, context);
      },
    })),
  );
}

const fakeTopic = {
  holder: TEST_PEER,
  retention: { ageMs: 60_000, messages: 1_000, bytes: 1_000_000 },
  first: 1,
  next: 8,
  bytes: 70,
};
const HEALTHY: Health = { status: 'ok', checks: [{ name: 'store', status: 'ok', detail: 'writable' }] };

function createMemoryKv(): Partial<RouteHandlers<typeof kvRoutes>> {
  const values = new Map<string, { readonly body: Uint8Array; readonly version: string }>();
  let clock = 0;
  const at = (app: string, key: string) => `${app}/kv/${key}`;
  const nextVersion = () => `${(++clock).toString(16).padStart(16, '0')}-${TEST_PEER}`;
  const explain = (wanted = false) =>
    wanted
      ? {
          explain: {
            slot: 7,
            replicas: [],
            asked: [TEST_PEER],
            answered: [{ peerId: TEST_PEER, ms: 1, result: 'ok' }],
          },
        }
      : {};

  function find(app: string, key: string) {
    const value = values.get(at(app, key));
    if (!value) throw new P2posError('KV_KEY_NOT_FOUND', { key });
    return value;
  }

  return {
    async put({ key, body, explain: wanted }, { app }) {
      const version = nextVersion();
      values.set(at(app, key), { body, version });
      return { key, version, replicas: [TEST_PEER], durable: 1, ...explain(wanted) };
    },
    async get({ key, explain: wanted }, { app }) {
      return { ...find(app, key), ...explain(wanted) };
    },
    async head({ key, explain: wanted }, { app }) {
      const { body, version } = find(app, key);
      return { version, size: body.length, ...explain(wanted) };
    },
    async delete({ key, explain: wanted }, { app }) {
      const existed = values.delete(at(app, key));
      return { key, existed, version: nextVersion(), replicas: [TEST_PEER], durable: 1, ...explain(wanted) };
    },
    async list({ prefix = '', limit = 100, cursor }, { app }) {
      const start = at(app, '');
      const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString();
      const keys = [...values.keys()]
        .filter((key) => key.startsWith(start))
        .map((key) => key.slice(start.length))
        .filter(
          (key) =>
            key.startsWith(prefix) &&
            (after === undefined || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0),
        )
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const page = keys.slice(0, limit);
      const last = page.at(-1);
      const more = last !== undefined && keys.length > page.length;
      return { keys: page, cursor: more ? Buffer.from(last).toString('base64url') : null };
    },
    attest: async ({ key }) => ({
      key,
      version: `${'0'.repeat(16)}-${TEST_PEER}`,
      value: new TextEncoder().encode('attested'),
      receipt: { systemId: 'sys1test', epoch: 1, header: new Uint8Array(1), statements: [] },
    }),
    lock: async () => ({ held: true, token: 1 }),
    renewLock: async () => ({ held: true }),
    unlock: async () => ({ released: true }),
  };
}

const fakeNetwork: Partial<RouteHandlers<typeof networkRoutes>> = {
  status: async () => ({
    systemId: 'sys1test',
    peerId: TEST_PEER,
    name: 'node0',
    state: 'healthy',
    epoch: 1,
    members: 1,
    online: 1,
    connected: 0,
    version: '0.0.0',
    startedAt: '2026-01-01T00:00:00.000000000Z',
    uptimeMs: 1,
    clockOffsetMs: 0,
    addresses: [],
  }),
  peers: async () => ({ peers: [] }),
  async connect({ body: { address } }) {
    if (!address.startsWith('/')) throw new P2posError('ADDRESS_INVALID', { address, reason: 'it is none' });
    return { peerId: TEST_PEER, member: true, address, transport: 'tcp', encryption: 'tls' };
  },
  disconnect: async ({ body: { peer, holdMs = 60_000 } }) => ({
    peerId: peer,
    closed: 1,
    heldUntil: holdMs === 0 ? null : '2026-01-01T00:01:00.000000000Z',
  }),
  invite: async ({ body: { addresses = [] } }) => ({
    text: 'p2pos://join/AA',
    systemId: 'sys1test',
    epoch: 1,
    addresses,
  }),
};

const UPDATE: UpdateStatus = {
  running: '0.1.0',
  platform: 'linux-x64',
  unsupported: null,
  finalized: null,
  rollout: null,
  waiting: null,
  nodes: [],
};

const fakeUpdate: Partial<RouteHandlers<typeof updateRoutes>> = {
  status: async () => UPDATE,
  async check({ body }) {
    if (body.length === 0) throw new P2posError('RELEASE_SIGNATURE', { reason: 'it is empty' });
    return { version: '0.2.0', channel: 'stable', expires: '2027', isNewer: true };
  },
  apply: async () => UPDATE,
  pause: async () => {
    throw new P2posError('UPDATE_NONE');
  },
  finalize: async () => UPDATE,
};

function createFakeMembers(): Partial<RouteHandlers<typeof membersRoutes>> {
  let snapshot: Uint8Array | undefined;
  const hash = 'ab'.repeat(32);
  return {
    list: async () => ({
      systemId: 'sys1test',
      epoch: 0,
      hash,
      issuedAt: null,
      issuerPeerId: null,
      members: [],
    }),
    async snapshot() {
      if (!snapshot) throw new P2posError('MEMBERS_SNAPSHOT_NONE');
      return { body: snapshot, hash };
    },
    async push({ body }) {
      snapshot = body;
      return { result: 'applied', epoch: 1, hash, held: 1, members: 1 };
    },
    async submit({ kind }) {
      if (kind === 'rotation') throw new P2posError('ROOT_FORKED', { previous: hash });
      return { result: 'applied', epoch: 1, hash, held: 1, members: 1 };
    },
    documents: async ({ cursor }) => ({
      documents: [{ hash, epoch: cursor ? 2 : 1, bytes: 'AA' }],
      cursor: cursor ? null : `1.${hash}`,
    }),
    offer: async ({ kind }) => ({
      result: 'refused',
      code: kind === 'snapshot' ? 'SNAPSHOT_REVOKED' : 'ROOT_FORKED',
      epoch: 1,
      hash,
    }),
    loss: async () => ({ slots: 1, records: 7, emptySlots: 0, unknownSlots: 0, heldSlots: 4 }),
    acceptLoss: async () => ({ before: 'learner' as const }),
    root: async () => ({
      systemId: 'sys1test',
      name: 'test',
      documents: [],
      keysVersion: 1,
      keys: [hash],
      threshold: 1,
      fork: null,
      revocations: 0,
      proof: null,
      conflicts: [],
    }),
    audit: async ({ after = 0 }) => ({
      entries: [
        {
          seq: after + 1,
          at: '2026-01-01T00:00:00.000000000Z',
          document: 'snapshot',
          result: 'refused',
          from: 'http',
          chainHash: hash,
        },
      ],
    }),
  };
}

function createFakeRendezvous(): Partial<RouteHandlers<typeof rendezvousRoutes>> {
  const registrations = new Map<string, Registration>();
  const expiresAt = '2026-11-21T01:02:03.000000000Z';
  return {
    async register({ namespace, name, body }) {
      registrations.set(`${namespace} ${name}`, { name, ...body, by: TEST_PEER, expiresAt });
      return { namespace, name, expiresAt, members: 1, nodes: 2 };
    },
    withdraw: async ({ namespace, name }) => ({ existed: registrations.delete(`${namespace} ${name}`) }),
    async discover({ namespace, limit = 100 }) {
      const all = [...registrations].filter(([key]) => key.startsWith(`${namespace} `)).map(([, one]) => one);
      return { registrations: all.slice(0, limit), more: all.length > limit };
    },
  };
}
