/**
 * Whole production nodes under virtual time, on a network, disks and clocks that go wrong as a seed says. The same seed
 * gives the same run, to the byte of its trace.
 *
 * @example
 * await using sim = await createSimnet(5, { seed: '1' });
 * await sim.settle();
 * sim.disks[2].failing = true;
 * sim.clocks[3].skewMs = 1_500;
 * await sim.crash(1);
 */
import { createSeededRandom, type SeededRandom } from '../seeded-random.ts';
import { createTestnet, type Testnet, type TestnetConfig } from '../testnet.ts';
import { keyedCrypto, keyedSigner } from './keyed-crypto.ts';
import { createLinks, LAN, type LinkConfig, type Links } from './links.ts';
import { createSimClock, type SimClock } from './sim-clock.ts';
import { createDiskState, type DiskState, simDisk } from './sim-disk.ts';
import { createTrace, type Trace } from './trace.ts';

export type { Trace } from './trace.ts';

export interface Simnet extends Testnet {
  readonly random: SeededRandom;
  readonly links: Links;
  readonly disks: readonly DiskState[];
  readonly clocks: readonly SimClock[];
  readonly trace: Trace;
}

export interface SimnetConfig {
  readonly seed: string;
  readonly members?: number;
  readonly slots?: number;
  readonly links?: LinkConfig;
  /** What arrives within this time arrives at one moment: cheaper. Default: nothing does. */
  readonly momentMs?: number;
  readonly pingIntervalMs?: number;
  readonly presenceIntervalMs?: number;
  readonly records?: TestnetConfig['records'];
  /** Ed25519 instead of a keyed hash. */
  readonly realKeys?: boolean;
  /** Greatest error of a node's clock at the start, ms. */
  readonly skewMs?: number;
  readonly log?: TestnetConfig['log'];
  /** Told of each line of the trace. */
  readonly onTrace?: (line: string) => void;
}

export async function createSimnet(count: number, config: SimnetConfig): Promise<Simnet> {
  const { seed, links: kind = LAN, slots = 256, skewMs = 200 } = config;
  const random = createSeededRandom(`simnet ${seed}`);
  const links = createLinks(random.fork('links'), kind);
  const disks = Array.from({ length: count }, createDiskState);
  const clocks: SimClock[] = [];
  const skews = Array.from({ length: count }, () => (random.float() * 2 - 1) * skewMs);
  const diskRandoms = disks.map((_, i) => random.fork(`disk ${i}`));

  const net = await createTestnet(count, {
    seed,
    slots,
    cut: 'held',
    latencyMs: links.latencyMs,
    ...(config.momentMs !== undefined && { momentMs: config.momentMs }),
    ...(config.members !== undefined && { members: config.members }),
    ...(config.pingIntervalMs !== undefined && { pingIntervalMs: config.pingIntervalMs }),
    ...(config.presenceIntervalMs !== undefined && { presenceIntervalMs: config.presenceIntervalMs }),
    ...(config.log && { log: config.log }),
    ...(config.records && { records: config.records }),
    ...(config.realKeys ? {} : { keys: { crypto: keyedCrypto, signerOf: keyedSigner } }),
    wrap(i, ports) {
      clocks[i] ??= createSimClock(ports.clock, skews[i] as number);
      const parts = { clock: ports.clock, random: diskRandoms[i] as SeededRandom };
      return { ...ports, clock: clocks[i], store: simDisk(ports.store, disks[i] as DiskState, parts) };
    },
  });
  // Not a copy: the newest snapshot is read through it.
  return Object.assign(Object.create(net) as Testnet, {
    random,
    links,
    disks,
    clocks,
    trace: createTrace(net.clock, config.onTrace),
  });
}
