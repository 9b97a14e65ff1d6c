/** Clients that want a few locks: tokens only grow, and no two hold one at the same true time but for the error of clocks. */
import { P2posError } from '@p2pos/protocol';
import { sleep } from '../../../packages/node/src/core/clock/index.ts';
import { keyName } from '../../../packages/node/src/services/kv/keys.ts';
import type { SeededRandom } from '../../../packages/node/src/testing/seeded-random.ts';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import type { At } from './plain.ts';

export const LOCKS = '/sim-locks';
const LOCK_KEYS = 3;
const TTL_MS = 30_000;
const RENEW_MS = 8_000;
/** Some are held for long. */
const LONG_MS = 1_200_000;
/** What two nodes take for the time may differ by more, with most clocks wrong and links cut, than the 2 s that leases allow for. */
const CLOCKS_APART_MS = 16_000;

interface Hold {
  readonly holder: string;
  readonly token: number;
  /** True time, ms: until then its holder relies on it. */
  until: number;
}

export interface LockClients {
  /** One client's turn: takes one, holds it for a while, lets it go or forgets it. */
  turn(name: string, random: SeededRandom): Promise<void>;
  readonly granted: () => number;
}

export function createLockClients(
  sim: Simnet,
  { pick, broken }: { pick: (random: SeededRandom) => At | undefined; broken: (violation: string) => void },
): LockClients {
  const holds = new Map<string, Hold[]>();
  const greatest = new Map<string, number>();
  let granted = 0;

  async function attempt<T>(at: At | undefined, work: (at: At) => Promise<T>): Promise<T | undefined> {
    if (!at) return undefined;
    try {
      return await work(at);
    } catch (error) {
      if (!(error instanceof P2posError)) throw error;
      sim.trace.add(`node${at.i} lock refused ${error.code}`);
      return undefined;
    }
  }

  return {
    granted: () => granted,
    async turn(name, random) {
      const key = `lock${random.below(LOCK_KEYS)}`;
      const holder = `${name} ${granted}`;
      const input = keyName(`default${LOCKS}`, key);
      const before = greatest.get(key) ?? 0;
      const askedAt = sim.clock.monotonic();
      const grant = await attempt(pick(random), ({ node }) =>
        node.records.leases.take({ ...input, holder, ttlMs: TTL_MS }),
      );
      const now = sim.clock.monotonic();
      if (!grant || askedAt + TTL_MS <= now) return;
      granted++;
      const { token } = grant;
      sim.trace.add(`${key} ${token} is held by ${holder}, who asked at ${askedAt.toFixed(0)}`);
      const others = (holds.get(key) ?? []).filter((one) => one.until > now);
      for (const other of others)
        if (other.until - CLOCKS_APART_MS > now)
          broken(`${key}: given to ${holder} as ${token} while ${other.holder} held it as ${other.token}`);
      if (token <= before) broken(`${key}: given as ${token} although ${before} had been given before`);
      greatest.set(key, Math.max(token, greatest.get(key) ?? 0));
      const hold: Hold = { holder, token, until: askedAt + TTL_MS };
      holds.set(key, [...others, hold]);
      const wantedUntil = now + random.float() * (random.chance(0.1) ? LONG_MS : 60_000);
      const isReplaced = () => (greatest.get(key) ?? 0) > token;
      while (sim.clock.monotonic() < Math.min(hold.until, wantedUntil)) {
        await sleep(sim.clock, RENEW_MS);
        const renewedAt = sim.clock.monotonic();
        if (renewedAt >= hold.until) return;
        const replaced = isReplaced();
        const kept = await attempt(pick(random), ({ node }) =>
          node.records.leases.renew({ ...input, holder, token, ttlMs: TTL_MS }),
        );
        sim.trace.add(
          `${key} ${token} is ${kept ? 'renewed' : 'not renewed'} as asked at ${renewedAt.toFixed(0)}`,
        );
        if (kept && replaced) broken(`${key}: ${token} was renewed after a greater one had been given`);
        // Of one that is no longer relied on nothing is renewed.
        if (kept && sim.clock.monotonic() < hold.until) hold.until = renewedAt + TTL_MS;
      }
      if (random.chance(0.3)) return;
      sim.trace.add(`${key} ${token} is let go`);
      hold.until = Math.min(hold.until, sim.clock.monotonic());
      const replaced = isReplaced();
      const released = await attempt(pick(random), ({ node }) =>
        node.records.leases.release({ ...input, holder, token }),
      );
      if (released && replaced) broken(`${key}: ${token} was let go after a greater one had been given`);
    },
  };
}
