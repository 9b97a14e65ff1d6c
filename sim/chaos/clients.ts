/** Clients of random nodes: puts, gets, deletions, expiries, lists and changes of registers, all told to the checkers. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { sleep } from '../../packages/node/src/core/clock/index.ts';
import type { Node } from '../../packages/node/src/node.ts';
import type { RegisterInput } from '../../packages/node/src/testing/linearizability.ts';
import type { SeededRandom } from '../../packages/node/src/testing/seeded-random.ts';
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import type { PlainRecords } from '../checkers/plain-records.ts';
import type { RegisterHistories } from '../checkers/registers.ts';

export interface ClientsConfig {
  readonly clients: number;
  /** Between two operations of one client, on average. */
  readonly everyMs: number;
}

export interface Clients {
  /** No new operations; resolves when those under way have ended. */
  end(): Promise<void>;
}

export const REGISTERS = '/sim-registers';
export const PLAIN_KEYS = 48;
export const REGISTER_KEYS = 12;
export const TTL_MS = 60_000;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export function startClients(
  sim: Simnet,
  { plain, registers }: { readonly plain: PlainRecords; readonly registers: RegisterHistories },
  { clients, everyMs }: ClientsConfig,
): Clients {
  let ended = false;
  let serial = 0;

  function pickNode(random: SeededRandom): { node: Node; i: number } | undefined {
    const i = random.below(sim.nodes.length);
    const node = sim.nodes[i];
    return node && sim.isUp(i) ? { node, i } : undefined;
  }

  async function plainOperation({ node, i }: { node: Node; i: number }, random: SeededRandom): Promise<void> {
    const key = `k${random.below(PLAIN_KEYS)}`;
    const dice = random.float();
    if (dice < 0.45) {
      const floor = plain.floorOf(key);
      const { found } = await node.kv.get({ app: 'default', key });
      const value = found && { value: text.decode(found.value), version: found.version };
      sim.trace.add(`node${i} get ${key} ${value?.version ?? 'nothing'}`);
      plain.read(key, floor, value, sim.clock.now());
      return;
    }
    const value = dice < 0.9 ? `${key} #${serial++}` : undefined;
    const ttlMs = dice > 0.8 && value !== undefined ? TTL_MS : undefined;
    const ticket = plain.begin(key, value, ttlMs && sim.clock.now() + ttlMs);
    try {
      const { version } =
        value === undefined
          ? await node.kv.delete({ app: 'default', key })
          : await node.kv.put({ app: 'default', key, value: utf8.encode(value), ttlMs });
      sim.trace.add(
        `node${i} ${value === undefined ? 'delete' : ttlMs ? 'put for a minute' : 'put'} ${key} ${version}`,
      );
      plain.acknowledged(ticket, version);
    } catch (error) {
      if (isCertain(error)) plain.refused(ticket);
      else plain.unknown(ticket);
      throw error;
    }
  }

  async function registerOperation(
    { node, i }: { node: Node; i: number },
    random: SeededRandom,
  ): Promise<void> {
    const key = `r${random.below(REGISTER_KEYS)}`;
    const name = { namespace: `default${REGISTERS}`, partition: utf8.encode(key), key: utf8.encode(key) };
    const from = sim.clock.monotonic();
    const read = async () => {
      const found = await node.records.registers.read(name);
      return { version: found?.version ?? null, value: found ? text.decode(found.value) : null };
    };
    const dice = random.float();
    if (dice < 0.5) {
      const output = await read();
      sim.trace.add(`node${i} read ${key} ${output.version}`);
      registers.add(key, { kind: 'read' }, from, sim.clock.monotonic(), output);
      if (dice < 0.2) return;
      // Most changes follow on what was read.
      const expect = output.version ?? 'absent';
      await change(node, i, key, name, { kind: 'change', value: `${key} #${serial++}`, expect });
      return;
    }
    const value = dice < 0.9 ? `${key} #${serial++}` : null;
    await change(node, i, key, name, { kind: 'change', value, expect: dice < 0.6 ? 'absent' : 'any' });
  }

  async function change(
    node: Node,
    i: number,
    key: string,
    name: { namespace: string; partition: Uint8Array; key: Uint8Array },
    input: RegisterInput & { readonly kind: 'change' },
  ): Promise<void> {
    const from = sim.clock.monotonic();
    const { expect } = input;
    const condition =
      expect === 'any' || expect === 'absent'
        ? ({ kind: expect } as const)
        : ({ kind: 'version', version: expect } as const);
    const value = input.value === null ? null : utf8.encode(input.value);
    try {
      const { version } = await node.records.registers.change({ ...name, value, condition });
      sim.trace.add(`node${i} change ${key} ${version}`);
      registers.add(key, input, from, sim.clock.monotonic(), { version, value: input.value });
    } catch (error) {
      if (isP2posError(error, 'CAS_CONDITION_FAILED'))
        registers.add(key, input, from, sim.clock.monotonic(), { failed: true });
      else {
        if (isCertain(error)) registers.refused();
        else registers.add(key, input, from, Number.POSITIVE_INFINITY);
        throw error;
      }
    }
  }

  async function client(number: number): Promise<void> {
    const random = sim.random.fork(`client ${number}`);
    while (!ended) {
      await sleep(sim.clock, everyMs * (0.2 + 1.6 * random.float()));
      const at = pickNode(random);
      if (!at) continue;
      try {
        await (random.chance(0.65) ? plainOperation(at, random) : registerOperation(at, random));
      } catch (error) {
        if (!(error instanceof P2posError)) throw error;
        sim.trace.add(`node${at.i} refused ${error.code}`);
      }
    }
  }

  const running = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  // Told by `end`.
  running.catch(() => {});
  return {
    async end() {
      ended = true;
      await running;
    },
  };
}

/** Says itself that it had no effect; a full disk on one replica, say, tells nothing of the others. */
function isCertain(error: unknown): boolean {
  if (!(error instanceof P2posError)) return false;
  return error.details['outcome'] === 'none' || error.code === 'STATE_UNCONFIGURED';
}
