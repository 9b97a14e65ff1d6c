/** Reads and changes of registers, told to the checker. Half of the changes are asked for again, through others, when nobody knows. */
import { isP2posError } from '@p2pos/protocol';
import { sleep } from '../../../packages/node/src/core/clock/index.ts';
import { keyName } from '../../../packages/node/src/services/kv/keys.ts';
import type { RegisterInput } from '../../../packages/node/src/testing/linearizability.ts';
import type { SeededRandom } from '../../../packages/node/src/testing/seeded-random.ts';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import type { RegisterHistories } from '../../checkers/registers.ts';
import type { Disks } from '../disks.ts';
import { isCertain } from './outcome.ts';
import type { At } from './plain.ts';
import type { Served } from './served.ts';

export const REGISTERS = '/sim-registers';
export const REGISTER_KEYS = 12;
const NAMESPACE = `default${REGISTERS}`;
const MAX_REPEATS = 4;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export interface RegisterClient {
  operate(at: At, random: SeededRandom, key?: string): Promise<void>;
  read(at: At, key: string): Promise<string | null>;
  change(at: At, key: string, input: RegisterInput & { readonly kind: 'change' }): Promise<void>;
}

export interface RegisterClientDeps {
  readonly sim: Simnet;
  readonly registers: RegisterHistories;
  readonly disks: Disks;
  readonly served: Served;
  readonly elsewhere: (random: SeededRandom) => At | undefined;
  readonly broken: (violation: string) => void;
}

export function createRegisterClient(deps: RegisterClientDeps): RegisterClient {
  const { sim, registers, disks, served, elsewhere, broken } = deps;
  let serial = 0;

  async function read(at: At, key: string): Promise<string | null> {
    const { node, i } = at;
    const from = sim.clock.monotonic();
    const found = await served.ask(at, 'read', key, () =>
      node.records.registers.read(keyName(NAMESPACE, key)),
    );
    const output = { version: found?.version ?? null, value: found ? text.decode(found.value) : null };
    sim.trace.add(`node${i} read ${key} ${output.version}`);
    registers.add(key, { kind: 'read' }, from, sim.clock.monotonic(), output);
    return output.version;
  }

  async function change(
    at: At,
    key: string,
    input: RegisterInput & { readonly kind: 'change' },
    random?: SeededRandom,
  ): Promise<void> {
    const from = sim.clock.monotonic();
    const { expect } = input;
    const condition =
      expect === 'any' || expect === 'absent'
        ? ({ kind: expect } as const)
        : ({ kind: 'version', version: expect } as const);
    const value = input.value === null ? null : utf8.encode(input.value);
    const wanted = {
      ...keyName(NAMESPACE, key),
      value,
      condition,
      ...(random && { idempotencyKey: `${key} ${from} ${serial++}` }),
    };
    let unsure = false;
    for (let tries = 0, through = at; ; tries++) {
      const { registers: door } = through.node.records;
      const place = disks.place(through, NAMESPACE, key);
      try {
        const { version, durable, previous } = await served.ask(through, 'change', key, () =>
          door.change(wanted),
        );
        sim.trace.add(`node${through.i} change ${key} ${version}`);
        registers.add(key, input, from, sim.clock.monotonic(), { version, value: input.value });
        // To delete what is not there leaves nothing behind.
        const doubt = (value || previous) && disks.doubt(place, version, durable);
        if (doubt) broken(doubt);
        return;
      } catch (error) {
        if (isP2posError(error, 'CAS_CONDITION_FAILED')) {
          const version = error.details['version'] as string | null;
          registers.add(key, input, from, sim.clock.monotonic(), { failed: true, version });
          return;
        }
        if (!isCertain(error)) unsure = true;
        if (random && tries < MAX_REPEATS && unsure) {
          await sleep(sim.clock, 300 + 5_000 * random.float());
          through = elsewhere(random) ?? through;
          continue;
        }
        if (unsure) registers.add(key, input, from, Number.POSITIVE_INFINITY);
        else registers.refused();
        throw error;
      }
    }
  }

  return {
    read,
    change: (at, key, input) => change(at, key, input),
    async operate(at, random, key = `r${random.below(REGISTER_KEYS)}`) {
      const dice = random.float();
      const again = random.chance(0.5) ? random : undefined;
      if (dice < 0.5) {
        const version = await read(at, key);
        if (dice < 0.2) return;
        // Most changes follow on what was read.
        const input = { kind: 'change', value: `${key} #${serial++}`, expect: version ?? 'absent' } as const;
        return change(at, key, input, again);
      }
      const value = dice < 0.9 ? `${key} #${serial++}` : null;
      return change(at, key, { kind: 'change', value, expect: dice < 0.6 ? 'absent' : 'any' }, again);
    },
  };
}
