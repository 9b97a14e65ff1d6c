/**
 * Clients of random nodes: puts, gets, deletions, expiries and lists of plain records, changes of registers, and locks, all told to
 * the checkers. Now and then several of them want one key at the same moment.
 */
import { P2posError } from '@p2pos/protocol';
import { sleep } from '../../../packages/node/src/core/clock/index.ts';
import type { SeededRandom } from '../../../packages/node/src/testing/seeded-random.ts';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import { isListed } from '../wounds.ts';
import type { LastingRecords } from './lasting.ts';
import type { LockClients } from './locks.ts';
import type { At, PlainClient } from './plain.ts';
import { REGISTER_KEYS, type RegisterClient } from './registers.ts';

export interface ClientsConfig {
  readonly clients: number;
  /** Between two operations of one client, on average. */
  readonly everyMs: number;
}

export interface ClientsDeps {
  readonly plain: PlainClient;
  readonly lasting: LastingRecords;
  readonly registers: RegisterClient;
  readonly locks: LockClients;
}

export interface Clients {
  /** No new operations; resolves when those under way have ended. */
  end(): Promise<void>;
}

export const PLAIN_KEYS = 48;
export const TTL_MS = 60_000;
const LOCK_CLIENTS = 4;
const STAY_MS = 120_000;
/** One client in so many steps wants one key several times at once. */
const CROWD_CHANCE = 0.02;
const CROWD = 6;

/** A node that runs, most often a member. */
export function pickNode(sim: Simnet, random: SeededRandom): At | undefined {
  const i = random.below(sim.nodes.length);
  const node = sim.nodes[i];
  return node && sim.isUp(i) && (isListed(sim, i) || random.chance(0.1)) ? { node, i } : undefined;
}

export function startClients(
  sim: Simnet,
  { plain, lasting, registers, locks }: ClientsDeps,
  { clients, everyMs }: ClientsConfig,
): Clients {
  let ended = false;
  let serial = 0;

  async function hot(at: At, random: SeededRandom, key = `k${random.below(PLAIN_KEYS)}`): Promise<void> {
    const dice = random.float();
    if (dice < 0.45) return plain.read(at, key);
    const value = dice < 0.9 ? `${key} #${serial++}` : undefined;
    return plain.write(at, key, value, dice > 0.8 && value !== undefined ? TTL_MS : undefined);
  }

  async function attempt(at: At | undefined, work: (at: At) => Promise<void>): Promise<void> {
    if (!at) return;
    try {
      await work(at);
    } catch (error) {
      if (!(error instanceof P2posError)) throw error;
    }
  }

  /** Half of them through one node, the others through any. */
  async function crowd(at: At, random: SeededRandom): Promise<void> {
    const register = random.chance(0.7) ? `r${random.below(REGISTER_KEYS)}` : undefined;
    const key = `k${random.below(PLAIN_KEYS)}`;
    await Promise.all(
      Array.from({ length: CROWD }, (_, n) => {
        const dice = random.fork(`crowd ${serial++}`);
        const through = n % 2 === 0 ? at : pickNode(sim, dice);
        return attempt(through, (where) =>
          register ? registers.operate(where, dice, register) : hot(where, dice, key),
        );
      }),
    );
  }

  async function client(number: number): Promise<void> {
    const random = sim.random.fork(`client ${number}`);
    /** Half of the clients stay with a node, as long as it serves them. */
    const stays = number % 2 === 0;
    let home: At | undefined;
    let leavesAt = 0;
    while (!ended) {
      await sleep(sim.clock, everyMs * (0.2 + 1.6 * random.float()));
      const now = sim.clock.monotonic();
      if (!stays || !home || now >= leavesAt || !sim.isUp(home.i)) {
        home = pickNode(sim, random);
        leavesAt = now + STAY_MS;
      }
      await attempt(home, async (at) => {
        if (random.chance(CROWD_CHANCE)) return crowd(at, random);
        const dice = random.float();
        if (dice < 0.5) return hot(at, random);
        if (dice < 0.68) return lasting.operate(at, random);
        return registers.operate(at, random);
      });
    }
  }

  async function lockClient(number: number): Promise<void> {
    const random = sim.random.fork(`lock client ${number}`);
    while (!ended) {
      await sleep(sim.clock, 10_000 * random.float());
      await locks.turn(`client${number}`, random);
    }
  }

  const running = Promise.all([
    ...Array.from({ length: clients }, (_, number) => client(number)),
    ...Array.from({ length: LOCK_CLIENTS }, (_, number) => lockClient(number)),
  ]);
  // Told by `end`.
  running.catch(() => {});
  return {
    async end() {
      ended = true;
      await running;
    },
  };
}
