/**
 * Presence among many members: production presence and mesh on a light network that loses a hundredth of all messages.
 * Nobody dies until the end, so whoever would be called offline before is a violation: exactly, from the dates of what was
 * accepted, whether or not a live connection would have covered it.
 */
import { createHash } from 'node:crypto';
import { type Member, parseTimestamp } from '@p2pos/protocol';
import type { Clock } from '../../packages/node/src/core/clock/index.ts';
import { createTickClock } from '../../packages/node/src/core/dht/testing/tick-clock.ts';
import { createEmitter } from '../../packages/node/src/core/events/index.ts';
import type { NodeStateEvents } from '../../packages/node/src/core/liveness/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import type { MembershipEvents, View } from '../../packages/node/src/core/membership/index.ts';
import { createMesh } from '../../packages/node/src/core/mesh/index.ts';
import {
  createHeartbeatReader,
  type HeartbeatReader,
  type ReadHeartbeat,
} from '../../packages/node/src/core/presence/heartbeat.ts';
import {
  createPresence,
  type Heartbeat,
  type Presence,
} from '../../packages/node/src/core/presence/index.ts';
import type { Store } from '../../packages/node/src/core/store/index.ts';
import { createSeededRandom } from '../../packages/node/src/testing/seeded-random.ts';
import { keyedCrypto, keyedSignerOf } from '../../packages/node/src/testing/simnet/keyed-crypto.ts';
import { createTestSystem } from '../../packages/node/src/testing/test-system.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';
import { createLightNetwork, type LightHost } from './light-net.ts';

const HOUR_MS = 3_600_000;
const LOSS = 0.01;
const OFFLINE_AFTER_MS = 150_000;
const SUSPECT_AFTER_MS = 90_000;
/** All start within this time and are connected soon after; the check begins then. */
const START_MS = 30_000;
const SETTLE_MS = 120_000;
const DELAY_STEP_MS = 10;

export const members: Scenario = {
  summary: 'presence among many members over links that lose 1 %: nobody is called offline who is not',
  defaults: { nodes: 100, hours: 2, rate: 1 },
  run,
};

interface Simulated {
  readonly presence: Presence;
  readonly host: LightHost;
  readonly skewMs: number;
}

async function run(input: ScenarioInput): Promise<ScenarioResult> {
  const { seed, nodes: count, hours, rate, progress, onTrace } = input;
  const random = createSeededRandom(`members ${seed}`);
  const clock = createTickClock({ tickMs: 5 });
  const chance = random.fork('latency');
  const network = createLightNetwork(
    { clock, random: random.fork('loss') },
    { loss: LOSS * rate, latencyMs: () => 10 + 80 * chance.float() ** 2 },
  );
  const keyed = { crypto: keyedCrypto, signerOf: keyedSignerOf };
  const system = await createTestSystem({
    nodes: count,
    now: clock.now(),
    seed: `members ${seed}`,
    ...keyed,
  });
  const numbers = new Map(system.nodes.map(({ peerId }, i) => [peerId, i]));
  const view = viewOf(system.members());
  const reader = shared(createHeartbeatReader(keyedCrypto, system.systemId));
  const simulated: Simulated[] = [];

  /** Date of the newest heartbeat of each (column) that each (row) accepted, on the common clock, ms. */
  const newest = new Float64Array(count * count);
  const delays = new Uint32Array(Math.ceil(OFFLINE_AFTER_MS / DELAY_STEP_MS) + 1);
  const dated = new WeakMap<Heartbeat, { readonly subject: number; readonly at: number }>();
  let checking = false;
  let accepted = 0;
  let falseOffline = 0;
  let suspect = 0;
  let oldestMs = 0;

  function aged(ms: number): void {
    if (ms > oldestMs) oldestMs = ms;
    if (ms >= SUSPECT_AFTER_MS) suspect++;
    if (ms >= OFFLINE_AFTER_MS) falseOffline++;
  }

  /** Whose it is and when it was made, on the common clock. */
  function datedOf(heartbeat: Heartbeat) {
    const known = dated.get(heartbeat);
    if (known) return known;
    const subject = numbers.get(heartbeat.peerId) ?? 0;
    const at = parseTimestamp(heartbeat.at) - (simulated[subject]?.skewMs ?? 0);
    const one = { subject, at };
    if (simulated[subject]) dated.set(heartbeat, one);
    return one;
  }

  async function start(i: number): Promise<void> {
    const identity = system.nodes[i];
    if (!identity) throw new RangeError(`there is no node ${i}`);
    const skewMs = Math.round((random.float() - 0.5) * 4_000);
    const local: Clock = { ...clock, now: () => clock.now() + skewMs };
    const host = network.join(identity.peerId);
    const membership = listed(system.systemId, view);
    const own = random.fork(`node${i}`);
    const deps = { ...host, membership, store: emptyStore, clock: local, random: own, log: silentLogger };
    const presence = await createPresence(
      {
        ...deps,
        state: { current: () => 'healthy', events: createEmitter<NodeStateEvents>(() => {}) },
        // Nobody is known to be alive but by what was heard.
        liveness: { clockOffsetMs: () => 0, pulse: () => undefined, isAlive: () => false },
        signer: identity.signer,
        crypto: keyedCrypto,
        addresses: () => host.net.addresses(),
        load: () => 0.25,
        disk: async () => ({ usedBytes: 1, freeBytes: 2 }),
        reader,
      },
      { version: 'sim' },
    );
    presence.events.on('heartbeat:accepted', ({ heartbeat }) => {
      const { subject, at } = datedOf(heartbeat);
      const now = clock.now();
      const cell = i * count + subject;
      if (checking) {
        accepted++;
        const step = Math.min(delays.length - 1, Math.floor((now - at) / DELAY_STEP_MS));
        delays[step] = (delays[step] ?? 0) + 1;
        aged(now - (newest[cell] ?? 0));
      }
      newest[cell] = Math.max(newest[cell] ?? 0, at);
    });
    const seeds = Array.from({ length: 3 }, () => network.addressOf(random.pick(system.nodes).peerId));
    await createMesh({ ...deps, presence }, { initConnections: seeds });
    simulated[i] = { presence, host, skewMs };
  }

  for (let i = 0; i < count; i++) {
    await start(i);
    await clock.advance(START_MS / count);
  }
  await clock.advance(SETTLE_MS);
  const connectedAtStart = mean(simulated.map(({ host }) => host.net.connections().length));
  newest.forEach((at, cell) => {
    if (at === 0 && Math.floor(cell / count) !== cell % count) newest[cell] = clock.now() - SETTLE_MS;
  });
  const before = new Map(network.sent);
  const fromMs = clock.now();
  const startCpu = cpuSeconds();
  checking = true;
  const parts = Math.ceil(hours * 60);
  for (let part = 0; part < parts; part++) {
    await clock.advance((hours * HOUR_MS) / parts);
    progress((part + 1) / parts);
    onTrace?.(
      `${part + 1} of ${parts}: ${accepted} accepted, oldest ${Math.round(oldestMs)} ms, ${suspect} suspect, ${falseOffline} false offline, ${Math.round(cpuSeconds())} s of processor time`,
    );
  }
  const seconds = (clock.now() - fromMs) / 1_000;
  // What was heard last has an age too.
  newest.forEach((at, cell) => {
    if (Math.floor(cell / count) !== cell % count) aged(clock.now() - at);
  });
  checking = false;

  // One does die, or the check would prove nothing.
  const [dead, ...others] = simulated;
  dead?.host.kill();
  await clock.advance(OFFLINE_AFTER_MS + 10_000);
  const deadId = system.nodes[0]?.peerId ?? '';
  const noticed = others.filter(({ presence }) => presence.reachability(deadId) === 'offline').length;

  const per = (part: string) =>
    [...network.sent]
      .filter(([name]) => name.includes(part))
      .reduce((sum, [name, total]) => sum + total - (before.get(name) ?? 0), 0) /
    count /
    seconds;
  const counts = {
    nodes: count,
    'virtual hours': hours,
    'connections a node': round(connectedAtStart, 1),
    'heartbeats accepted': accepted,
    'accepted a node a second': round(accepted / count / seconds, 2),
    'presence messages a node a second': round(per('/heartbeat/'), 2),
    'exchange messages a node a second': round(per('/peers/'), 3),
    'heartbeat ms p50': percentile(delays, 0.5),
    'heartbeat ms p99': percentile(delays, 0.99),
    'heartbeat ms p99.99': percentile(delays, 0.9999),
    'oldest ms': Math.round(oldestMs),
    'suspect (90 s)': suspect,
    'false offline': falseOffline,
    'a death noticed by': noticed,
    'messages lost': network.lost(),
    'rss MiB': Math.round(process.memoryUsage.rss() / 1_048_576),
    'cpu s of the start': Math.round(startCpu),
    'cpu s': Math.round(cpuSeconds()),
  };
  const violations: string[] = [];
  if (falseOffline > 0)
    violations.push(`${falseOffline} times a member was offline for another that was not`);
  if (noticed < others.length) violations.push(`only ${noticed} of ${others.length} noticed a death`);
  if (accepted < count * (count - 1)) violations.push(`only ${accepted} heartbeats were accepted`);
  const trace = createHash('sha256')
    .update(JSON.stringify([...network.sent]))
    .update(newest)
    .digest('hex');
  return { violations, counts, trace, tail: [] };
}

/** Reads and verifies each heartbeat once for all nodes of this process. */
function shared(reader: HeartbeatReader): HeartbeatReader {
  const names = new WeakMap<Uint8Array, string>();
  const reads = new WeakMap<Uint8Array, ReadHeartbeat>();
  const verified = new WeakSet<ReadHeartbeat>();
  return {
    nameOf(bytes) {
      const name = names.get(bytes) ?? reader.nameOf(bytes);
      names.set(bytes, name);
      return name;
    },
    read(bytes) {
      const read = reads.get(bytes) ?? reader.read(bytes);
      reads.set(bytes, read);
      reads.set(read.document, read);
      return read;
    },
    verify: (read) =>
      verified.has(read) ? undefined : reader.verify(read)?.then(() => void verified.add(read)),
  };
}

function viewOf(list: readonly Member[]): View {
  const hash = new Uint8Array(createHash('sha256').update('members').digest());
  const entries = new Map(list.map((member) => [member.peerId, member]));
  return { epoch: 1, hash, members: entries, snapshot: undefined, bytes: undefined };
}

function listed(systemId: string, view: View) {
  const none = '0'.repeat(64);
  const heads = { epoch: 1, snapshot: Buffer.from(view.hash).toString('hex'), revocations: none, keys: none };
  return {
    systemId,
    events: createEmitter<MembershipEvents>(() => {}),
    view: () => view,
    heads: () => heads,
  };
}

/** Keeps nothing: no node restarts here. */
const emptyStore: Store = {
  storeId: 'none',
  migrate: async () => {},
  read: async () => [],
  write: async (statements) => statements.map(() => ({ changes: 1 })),
  position: () => ({ storeId: 'none', commits: 1 }),
  async [Symbol.asyncDispose]() {},
};

function percentile(histogram: Uint32Array, share: number): number {
  let left = histogram.reduce((sum, one) => sum + one, 0) * share;
  const step = histogram.findIndex((one) => {
    left -= one;
    return left <= 0;
  });
  return step * DELAY_STEP_MS;
}

const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
const round = (value: number, digits: number) => Number(value.toFixed(digits));

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
