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
  /**
   * Until disposed its process stands still, as one that is stopped or moved to another machine: timers and what its disk answers
   * wait, nothing comes to it or from it, and nothing is lost. A crash or a stop ends that.
   */
  pause(i: number): Disposable;
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
      const clock = clocks[i];
      const parts = { clock, random: diskRandoms[i] as SeededRandom };
      return { ...ports, clock, store: simDisk(ports.store, disks[i] as DiskState, parts) };
    },
  });
  const pauses = new Map<number, Disposable>();
  const thaw = (i: number) => pauses.get(i)?.[Symbol.dispose]();
  // Not a copy: the newest snapshot is read through it.
  return Object.assign(Object.create(net) as Testnet, {
    random,
    links,
    disks,
    clocks,
    trace: createTrace(net.clock, config.onTrace),
    pause(i: number): Disposable {
      const clock = clocks[i];
      const { peerId } = net.nodes[i] ?? {};
      if (!clock || !peerId || pauses.has(i) || !net.isUp(i))
        throw new RangeError(`node${i} cannot be paused`);
      clock.freeze();
      const cut = net.hub.freeze(peerId);
      const pause = {
        [Symbol.dispose]() {
          if (pauses.get(i) !== pause) return;
          pauses.delete(i);
          clock.thaw();
          cut[Symbol.dispose]();
        },
      };
      pauses.set(i, pause);
      return pause;
    },
    async crash(i: number, how?: 'reset' | 'silent') {
      await net.crash(i, how);
      thaw(i);
    },
    async stop(i: number) {
      thaw(i);
      await net.stop(i);
    },
  });
}
