/**
 * Publishers and subscribers on whole nodes over links that lose a tenth of what they carry, while nodes are killed and
 * links cut; beside them durable topics, whose writers are killed too.
 */
import { P2posError } from '@p2pos/protocol';
import { sleep } from '../../packages/node/src/core/clock/index.ts';
import { createSimnet } from '../../packages/node/src/testing/simnet/index.ts';
import type { Scenario, ScenarioInput, ScenarioResult } from '../scenario.ts';
import { ARRIVAL_MS, checkDelivery, type PublisherLife, type SubscriberLife } from './checker.ts';
import { createFaults } from './faults.ts';
import { createLedger, type LedgerReader } from './ledger.ts';

const HOUR_MS = 3_600_000;
const APP = 'default';
const PUBLISHERS = 5;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export const pubsub: Scenario = {
  summary: 'Live and durable topics over links that lose a tenth, with kills and cuts.',
  defaults: { nodes: 50, hours: 1 / 12, rate: 1 },
  run,
};

async function run({
  seed,
  nodes,
  hours,
  rate,
  progress,
  plant,
  onTrace,
}: ScenarioInput): Promise<ScenarioResult> {
  await using sim = await createSimnet(nodes, {
    seed: `pubsub ${seed}`,
    slots: 64,
    pingIntervalMs: 5_000,
    presenceIntervalMs: 120_000,
    ...(onTrace && { onTrace }),
    links: { medianMs: 5, loss: 0.1, retransmitMs: 200 },
    momentMs: 2,
    realKeys: seed % 10 === 9,
  });
  await sim.settle();
  plant?.(sim);
  const numbers = new Map(sim.nodes.map(({ peerId }, i) => [peerId, i]));
  const publishers = new Map<string, PublisherLife>();
  const subscribers: SubscriberLife[] = [];
  const current = new Map<number, SubscriberLife>();
  const ledger = createLedger();
  const keptReaders = new Map<number, LedgerReader>();
  const random = sim.random.fork('clients');
  let ended = false;

  function lifeOf(node: number, incarnation: number): PublisherLife {
    const key = `${node}/${incarnation}`;
    let life = publishers.get(key);
    if (!life) {
      life = { node, incarnation, published: new Map() };
      publishers.set(key, life);
    }
    return life;
  }

  async function subscribe(i: number): Promise<void> {
    const node = sim.nodes[i];
    if (!node) return;
    const pattern = i % 4 === 0 ? '>' : `room.${i % 3}`;
    const { confirmedBy, batches } = await node.pubsub.subscribe({ app: APP, topic: pattern });
    // It was killed meanwhile: nobody listens there any more.
    if (!sim.isUp(i) || sim.nodes[i] !== node) return;
    const life: SubscriberLife = {
      node: i,
      topics: (topic) => pattern === '>' || topic === pattern,
      openedAt: sim.clock.monotonic(),
      confirmedBy: new Set(confirmedBy.map((peerId) => numbers.get(peerId) ?? -1)),
      endedAt: Number.POSITIVE_INFINITY,
      told: [],
    };
    subscribers.push(life);
    current.set(i, life);
    for await (const batch of batches) {
      for (const event of batch) {
        if (event.type === 'missed') life.told.push({ type: 'missed' });
        else {
          const { topic, publisher, incarnation } = event;
          const [from, to] = event.type === 'gap' ? [event.from, event.to] : [event.seq, event.seq];
          life.told.push({
            type: event.type,
            topic,
            publisher: numbers.get(publisher) ?? -1,
            incarnation,
            from,
            to,
            ...(event.type === 'message' && { text: text.decode(event.data) }),
          });
          sim.trace.add(`node${i} ${event.type} ${numbers.get(publisher)} ${topic} ${from}`);
        }
      }
    }
  }

  async function publish(i: number): Promise<void> {
    const node = sim.nodes[i];
    if (!node || !sim.isUp(i)) return;
    const topic = `room.${random.below(3)}`;
    const said = `${i} ${random.below(1e9)}`;
    const at = sim.clock.monotonic();
    const { id } = await node.pubsub.publish({ app: APP, topic, data: utf8.encode(said) });
    const [, incarnation = 0, seq = 0] = id.split('/').map(Number);
    const { published } = lifeOf(i, incarnation);
    const list = published.get(topic) ?? [];
    published.set(topic, list);
    list[seq - 1] = { seq, at, text: said };
  }

  async function publisher(i: number): Promise<void> {
    while (!ended) {
      await sleep(sim.clock, 300 + 900 * random.float());
      await publish(i).catch(passing);
    }
  }

  async function appender(i: number): Promise<void> {
    for (let n = 0; !ended; n++) {
      await sleep(sim.clock, 1_000 + 3_000 * random.float());
      const node = sim.nodes[i];
      if (!node || !sim.isUp(i)) continue;
      const said = `${i} ${n}`;
      const ticket = ledger.begin(said);
      try {
        const { sequence } = await node.topics.append({ app: APP, topic: 'kept', data: utf8.encode(said) });
        sim.trace.add(`node${i} kept ${sequence}`);
        ledger.acknowledged(ticket, sequence);
      } catch (error) {
        passing(error);
      }
    }
  }

  /** All of it, as long as this node lives; anew where it is told that it cannot go on. */
  async function followKept(i: number): Promise<void> {
    const node = sim.nodes[i];
    if (!node) return;
    while (sim.isUp(i) && sim.nodes[i] === node) {
      const reader = ledger.reader(`node${i}`);
      keptReaders.set(i, reader);
      try {
        const { signal } = new AbortController();
        const input = { app: APP, topic: 'kept', from: { kind: 'start' } } as const;
        for await (const batch of node.topics.read(input, { signal }))
          for (const event of batch)
            if (event.type === 'message') reader.read(event.sequence, text.decode(event.data));
      } catch (error) {
        sim.trace.add(`node${i} stopped reading ${String(error)}`);
        passing(error);
      }
      reader.away();
      await sleep(sim.clock, 1_000);
    }
  }

  const faults = createFaults(sim, rate, {
    onCrash(i) {
      const life = current.get(i);
      if (life) life.endedAt = sim.clock.monotonic();
      current.delete(i);
      keptReaders.get(i)?.away();
    },
    onStart: (i) => void subscribe(i).catch(passing),
  });
  for (let i = 0; i < nodes; i++) void subscribe(i).catch(passing);
  await sim.clock.advance(5_000);
  for (const i of [nodes - 1, nodes - 2]) void followKept(i);
  const working = [
    ...Array.from({ length: PUBLISHERS }, (_, i) =>
      publisher(i * Math.max(1, Math.floor(nodes / PUBLISHERS))),
    ),
    ...[1, 2, 3].map(appender),
  ];
  const startedAt = sim.clock.monotonic();
  const end = startedAt + hours * HOUR_MS;
  while (sim.clock.monotonic() < end) {
    const waitMs = await faults.step();
    await sim.clock.advance(Math.min(waitMs, 10_000, end - sim.clock.monotonic()));
    progress((sim.clock.monotonic() - startedAt) / (hours * HOUR_MS));
  }
  await faults.repair();
  ended = true;
  await sim.during(Promise.all(working));
  await sim.clock.advance(ARRIVAL_MS + 5_000);
  // One who comes late reads all of it.
  void followKept(0);
  await sim.clock.advance(10_000);
  const { violations, received, gaps, owed } = checkDelivery(
    [...publishers.values()],
    subscribers,
    faults.links,
  );
  return {
    violations: [...violations, ...ledger.violations()],
    counts: {
      published: [...publishers.values()].reduce(
        (sum, { published }) => sum + [...published.values()].reduce((all, list) => all + list.length, 0),
        0,
      ),
      received,
      owed,
      gaps,
      kept: ledger.count(),
      ...faults.counts,
      lines: sim.trace.lines(),
    },
    trace: sim.trace.hash(),
    tail: sim.trace.tail(40),
  };
}

function passing(error: unknown): void {
  if (!(error instanceof P2posError)) throw error;
}
