/**
 * Nodes in one process, on virtual time, with real keys: what an operation takes of a processor in the whole system, how long
 * it takes on a network of half a millisecond with disks of half a millisecond, and how many come through while nodes die.
 */
import { P2posError } from '@p2pos/protocol';
import { sleep } from '../../packages/node/src/core/clock/index.ts';
import { createSimnet, type Simnet } from '../../packages/node/src/testing/simnet/index.ts';

export interface Scale {
  readonly bootSeconds: number;
  /** Of one core that a node takes with nothing to do. */
  readonly idleShare: number;
  readonly put: Cost;
  readonly get: Cost;
  readonly availability: Availability;
}

export interface Cost {
  /** In all nodes together. */
  readonly microsEach: number;
  /** Of virtual time. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Availability {
  readonly asked: number;
  /** Answered by the first node that was asked. */
  readonly atOnce: number;
  /** Answered by the first or the next one, as the SDK asks. */
  readonly afterAll: number;
  readonly deaths: number;
  readonly slowestMs: number;
}

export interface ScaleConfig {
  /** Operations of each kind through each node. */
  readonly operations: number;
  /** In flight through each node. */
  readonly width: number;
  /** Virtual; how long nodes die one after the other. */
  readonly deathsMs: number;
}

const VALUE = new Uint8Array(1_024).fill(7);
const KEYS = 4_000;
const IDLE_MS = 20_000;
const CLIENTS = 24;
/** Between two operations of one client. */
const PAUSE_MS = 200;
const DEAD_MS = 15_000;
const WHOLE_MS = 30_000;
const TIMEOUT_MS = 10_000;

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const nameOf = (i: number) => ({ app: 'default', key: `key ${i % KEYS}` });

export async function simulate(count: number, config: ScaleConfig): Promise<Scale> {
  const bootedAt = performance.now();
  await using sim = await createSimnet(count, {
    seed: `scale ${count}`,
    // Each node works out where every slot lies: all of them in one process would do little else.
    slots: 1_024,
    realKeys: true,
    skewMs: 50,
  });
  await sim.settle();
  const bootSeconds = (performance.now() - bootedAt) / 1_000;
  const idleBefore = cpuMs();
  await sim.clock.advance(IDLE_MS);
  const idleShare = (cpuMs() - idleBefore) / IDLE_MS / count;
  const idle = { share: idleShare, count };
  // Code that a just-in-time compiler has not seen yet says nothing of the next hour.
  await work(sim, { ...config, operations: Math.ceil(400 / count) }, idle, 'put');
  const put = await work(sim, config, idle, 'put');
  const get = await work(sim, config, idle, 'get');
  const availability = await withDeaths(sim, config.deathsMs);
  return { bootSeconds, idleShare, put, get, availability };
}

async function work(
  sim: Simnet,
  { operations, width }: Pick<ScaleConfig, 'operations' | 'width'>,
  idle: { readonly share: number; readonly count: number },
  kind: 'put' | 'get',
): Promise<Cost> {
  const latencies: number[] = [];
  let next = 0;
  const worker = async (node: Simnet['nodes'][number], times: number) => {
    for (let i = 0; i < times; i++) {
      const at = sim.clock.monotonic();
      const name = nameOf(next++);
      await (kind === 'put' ? node.kv.put({ ...name, value: VALUE }) : node.kv.get(name));
      latencies.push(sim.clock.monotonic() - at);
    }
  };
  const before = cpuMs();
  const startedAt = sim.clock.monotonic();
  const workers = sim.nodes.flatMap((node) =>
    Array.from({ length: width }, () => worker(node, Math.ceil(operations / width))),
  );
  await sim.during(Promise.all(workers));
  const background = idle.share * idle.count * (sim.clock.monotonic() - startedAt);
  const micros = (cpuMs() - before - background) * 1_000;
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { microsEach: micros / latencies.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** One node is dead at a time; clients ask any node but one that they know to be dead, as a load balancer would. */
async function withDeaths(sim: Simnet, forMs: number): Promise<Availability> {
  const random = sim.random.fork('deaths');
  const tally = { asked: 0, atOnce: 0, afterAll: 0, deaths: 0, slowestMs: 0 };
  let over = false;

  /** Whether it was answered in time. */
  async function ask(i: number, number: number): Promise<boolean> {
    const node = sim.nodes[i];
    if (!node) return false;
    const name = nameOf(number);
    const asked = number % 2 === 0 ? node.kv.put({ ...name, value: VALUE }) : node.kv.get(name);
    const timeout = sleep(sim.clock, TIMEOUT_MS).then(() => {
      throw new P2posError('TIMEOUT', { what: 'A node', timeoutMs: TIMEOUT_MS });
    });
    timeout.catch(() => {});
    return Promise.race([asked, timeout]).then(
      () => true,
      (error) => {
        if (!(error instanceof P2posError)) throw error;
        return false;
      },
    );
  }

  const pick = (but?: number) => {
    for (;;) {
      const i = random.below(sim.nodes.length);
      if (i !== but && sim.isUp(i)) return i;
    }
  };

  async function client(start: number): Promise<void> {
    for (let number = start; !over; number++) {
      await sleep(sim.clock, PAUSE_MS * (0.5 + random.float()));
      const at = sim.clock.monotonic();
      const first = pick();
      tally.asked++;
      if (await ask(first, number)) {
        tally.atOnce++;
        tally.afterAll++;
      } else if (await ask(pick(first), number)) tally.afterAll++;
      tally.slowestMs = Math.max(tally.slowestMs, sim.clock.monotonic() - at);
    }
  }

  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i * 1_000)));
  clients.catch(() => {});
  for (const end = sim.clock.monotonic() + forMs; sim.clock.monotonic() < end; ) {
    const i = pick();
    await sim.crash(i);
    tally.deaths++;
    await sim.clock.advance(DEAD_MS);
    await sim.start(i);
    await sim.clock.advance(WHOLE_MS);
  }
  over = true;
  await sim.during(clients);
  return tally;
}
