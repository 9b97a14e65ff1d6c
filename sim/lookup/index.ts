/**
 * The hash table among many nodes: all join by asking those they know, then for an hour nodes come and go and everybody
 * searches; at the end 30 % die at once. The checker alone knows who is there; nodes know what they were told.
 */
import { createHash } from 'node:crypto';
import { MAX_DHT_TTL_MS } from '@p2pos/protocol';
import { createSwarm, type Swarm, type SwarmNode } from '../../packages/node/src/core/dht/testing/swarm.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';
import { createTally, percentile, type Tally } from './tally.ts';

const HOUR_MS = 3_600_000;
/** In the hour, spread evenly at random. */
const LOOKUPS = 40_000;
const VALUES = 200;
/** One lookup in so many asks for a value instead of a node. */
const VALUE_SHARE = 4;
const DYING = 0.3;
const LOOKUPS_AFTER = 2_000;

export const lookup: Scenario = {
  summary: 'the hash table: joining, searching under churn (--churn % an hour), 30 % dying at once',
  defaults: { nodes: 1_000, hours: 1, rate: 1, churn: 10 },
  run,
};

async function run(input: ScenarioInput): Promise<ScenarioResult> {
  const { seed, nodes: count, hours, churn = 0, progress } = input;
  const swarm = createSwarm({ seed: `lookup ${seed}` });
  const { clock, network, random } = swarm;
  let messages = 0;
  network.sent = () => {
    messages++;
  };
  const trace = createHash('sha256');

  while (swarm.nodes.length < count) {
    await swarm.grow(Math.min(250, count - swarm.nodes.length), 250);
    progress((0.4 * swarm.nodes.length) / count);
  }
  const joinMessages = messages / count;
  const residents: SwarmNode[] = [...swarm.nodes];
  const keys = await putValues(swarm, random.fork('values'));

  // At rest: nobody searches, nobody comes or goes.
  const quietMessages = churn === 0 ? await within(clock, () => messages, HOUR_MS) : 0;
  const busyFrom = messages;

  const during = createTally();
  const choice = random.fork('choice');
  const pace = random.fork('pace');
  const endAt = clock.monotonic() + hours * HOUR_MS;
  const leavesPerMs = (count * (churn / 100)) / HOUR_MS;
  const lookupsPerMs = LOOKUPS / HOUR_MS;
  const began = new Map(residents.map(({ link }) => [link, link.received]));
  const old = new Set(residents);
  let joins = 0;

  every(clock, pace, lookupsPerMs, endAt, () => {
    if (during.started % VALUE_SHARE === 0 && keys.length > 0)
      searchValue(residents, choice.pick(keys), choice, during);
    else searchNode(swarm, residents, choice, during);
  });
  if (churn > 0) {
    every(clock, pace, leavesPerMs, endAt, () => {
      const victim = takeAt(residents, choice.below(residents.length));
      old.delete(victim);
      void swarm.kill(victim);
      joins++;
      const node = swarm.add();
      void node.dht.join().then(
        () => residents.push(node),
        () => {},
      );
    });
  }
  for (let part = 0; part < 60; part++) {
    await clock.advance((hours * HOUR_MS) / 60);
    progress(0.4 + (0.5 * part) / 60);
  }
  await clock.advance(60_000);
  const loads = [...old].map(({ link }) => link.received - (began.get(link) ?? 0)).sort((a, b) => a - b);

  const hourMessages = messages - busyFrom;

  const after = createTally();
  for (let dead = Math.floor(residents.length * DYING); dead > 0; dead--)
    void swarm.kill(takeAt(residents, choice.below(residents.length)));
  every(clock, pace, LOOKUPS_AFTER / 60_000, clock.monotonic() + 60_000, () =>
    searchNode(swarm, residents, choice, after),
  );
  await clock.advance(180_000);

  for (const tally of [during, after]) trace.update(JSON.stringify(tally.digest()));
  trace.update(String(messages));
  const hopLimit = Math.log2(count) / 2 + 2;
  const counts = {
    nodes: count,
    'churn % an hour': churn,
    joins,
    lookups: during.done,
    'success %': round(100 * during.success(), 3),
    'value success %': round(100 * during.valueSuccess(), 3),
    'hops mean': round(during.hops.mean(), 2),
    'hops p99': during.hops.percentile(0.99),
    'hops limit': round(hopLimit, 2),
    'messages a lookup': round(during.queries.mean(), 1),
    'lookup ms p50': Math.round(during.tookMs.percentile(0.5)),
    'lookup ms p99': Math.round(during.tookMs.percentile(0.99)),
    'load p99/mean': round(
      percentile(loads, 0.99) / (loads.reduce((sum, one) => sum + one, 0) / loads.length),
      2,
    ),
    'messages to join': round(joinMessages, 0),
    'in the hour: messages a node a minute': round(hourMessages / count / 60 / hours, 1),
    ...(churn === 0 && { 'at rest: messages a node a minute': round(quietMessages / count / 60, 2) }),
    'after 30 % died: success %': round(100 * after.success(), 3),
    'after 30 % died: lookup ms p50': Math.round(after.tookMs.percentile(0.5)),
    'after 30 % died: lookup ms p99': Math.round(after.tookMs.percentile(0.99)),
    messages,
    'cpu s': Math.round(cpuSeconds()),
    'rss MiB': Math.round(process.memoryUsage.rss() / 1_048_576),
  };
  const violations: string[] = [];
  const promise = (kept: boolean, what: string) => {
    if (!kept) violations.push(what);
  };
  promise(during.success() >= 0.999, `only ${counts['success %']} % of the lookups found their node`);
  promise(during.valueSuccess() >= 0.999, `only ${counts['value success %']} % of the values were found`);
  promise(
    during.hops.percentile(0.99) <= hopLimit,
    `${counts['hops p99']} hops at p99, more than ${counts['hops limit']}`,
  );
  promise(
    after.success() >= 0.99,
    `only ${counts['after 30 % died: success %']} % in the minute after 30 % died`,
  );
  return { violations, counts, trace: trace.digest('hex'), tail: [] };
}

async function putValues(swarm: Swarm, random: Swarm['random']): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for (let done = 0; done < VALUES; done += 50) {
    const puts = Array.from({ length: 50 }, () =>
      random.pick(swarm.nodes).dht.put(random.bytes(64), { ttlMs: MAX_DHT_TTL_MS }),
    );
    for (const { key } of await swarm.clock.during(Promise.all(puts))) keys.push(key);
  }
  return keys;
}

function searchNode(swarm: Swarm, residents: SwarmNode[], choice: Swarm['random'], tally: Tally): void {
  const from = choice.pick(residents);
  const target = choice.pick(residents);
  if (from === target) return;
  const startedAt = swarm.clock.monotonic();
  tally.started++;
  from.dht.lookup(swarm.idOf(target.peerId)).then(
    ({ closest, hops, queries }) => {
      // Who left meanwhile neither asks nor is found.
      if (!from.link.up || !target.link.up) return;
      const found = closest[0]?.peerId === target.peerId;
      tally.add({ found, hops, queries, tookMs: swarm.clock.monotonic() - startedAt });
    },
    () => {
      if (from.link.up && target.link.up) tally.add({ found: false, hops: 0, queries: 0, tookMs: 0 });
    },
  );
}

function searchValue(residents: SwarmNode[], key: Uint8Array, choice: Swarm['random'], tally: Tally): void {
  const from = choice.pick(residents);
  tally.started++;
  from.dht.get(key).then(
    (value) => {
      if (from.link.up) tally.addValue(value !== undefined);
    },
    () => {
      if (from.link.up) tally.addValue(false);
    },
  );
}

/** Runs at random moments, so many times a millisecond on average, until the end. */
function every(
  clock: Swarm['clock'],
  random: Swarm['random'],
  perMs: number,
  endAt: number,
  run: () => void,
): void {
  const next = () => {
    if (clock.monotonic() >= endAt) return;
    run();
    clock.after(-Math.log(1 - random.float()) / perMs, next);
  };
  clock.after(-Math.log(1 - random.float()) / perMs, next);
}

async function within(clock: Swarm['clock'], read: () => number, ms: number): Promise<number> {
  const before = read();
  await clock.advance(ms);
  return read() - before;
}

function takeAt<T>(items: T[], index: number): T {
  const last = items.pop() as T;
  if (index === items.length) return last;
  const taken = items[index] as T;
  items[index] = last;
  return taken;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
