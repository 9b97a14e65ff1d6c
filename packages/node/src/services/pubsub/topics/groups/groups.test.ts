/** Groups on several whole nodes: each message to one member, again to another when one dies, positions that stay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor, P2posError } from '@p2pos/protocol';
import { silentLogger } from '../../../../core/log/index.ts';
import type { Lease } from '../../../../core/records/index.ts';
import { createManualClock, type ManualClock } from '../../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../../testing/seeded-random.ts';
import { createTestnet, type Testnet } from '../../../../testing/testnet.ts';
import type { TopicEvent } from '../reader.ts';
import { createGroups, type Groups } from './groups.ts';

const APP = 'default';
const nodeOf = (net: Testnet, i: number) => net.nodes[i] as Testnet['nodes'][0];

interface Consumer {
  /** Sequences, in the order in which they came. */
  readonly got: number[];
  readonly attempts: number[];
  stop(): void;
}

/** @param acks False: takes messages and says nothing. */
function consume(net: Testnet, i: number, group: string, { acks = true } = {}): Consumer {
  const end = new AbortController();
  const consumer: Consumer = { got: [], attempts: [], stop: () => end.abort() };
  const { groups } = nodeOf(net, i);
  const name = { app: APP, topic: 'work', group };
  void (async () => {
    const batches = groups.consume({ ...name, from: { kind: 'start' } }, { signal: end.signal });
    for await (const batch of batches) {
      for (const { sequence, attempt } of batch) {
        consumer.got.push(sequence);
        consumer.attempts.push(attempt);
        if (acks) await groups.acknowledge({ ...name, sequences: [sequence] }).catch(() => {});
      }
    }
  })().catch(() => {});
  return consumer;
}

async function append(net: Testnet, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) {
    const data = new TextEncoder().encode(`job ${i}`);
    await net.during(nodeOf(net, i % 3).topics.append({ app: APP, topic: 'work', data }));
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const sorted = (...consumers: readonly Consumer[]) =>
  [...new Set(consumers.flatMap(({ got }) => got))].sort((a, b) => a - b);

async function settled(count: number): Promise<Testnet> {
  const net = await createTestnet(count, { slots: 64 });
  await net.settle();
  return net;
}

test('members share the messages, another group gets all of them too', async () => {
  await using net = await settled(3);
  const members = [consume(net, 0, 'a'), consume(net, 1, 'a'), consume(net, 2, 'a')];
  const other = consume(net, 1, 'b');
  await append(net, 1, 60);
  await net.until(() => sorted(...members).length === 60 && sorted(other).length === 60);
  assert.equal(members.flatMap(({ got }) => got).length, 60, 'each to one member');
  assert.deepEqual(sorted(...members), numbers(1, 60));
  assert.ok(members.filter(({ got }) => got.length > 0).length > 1);
});

test('what a member that dies was given goes to another, and what is not acknowledged comes again', async () => {
  await using net = await settled(4);
  await append(net, 1, 20);
  const silent = consume(net, 3, 'a', { acks: false });
  await net.until(() => silent.got.length === 20);
  const good = consume(net, 1, 'a');
  net.partition([3], [0, 1, 2]);
  await net.crash(3);
  net.heal();
  await net.until(() => good.got.length >= 20);
  assert.deepEqual(sorted(good), numbers(1, 20));
  const lazy = consume(net, 0, 'b', { acks: false });
  await net.until(() => lazy.got.length >= 40);
  assert.deepEqual(sorted(lazy), numbers(1, 20));
  assert.ok(lazy.attempts.includes(2));
});

test('positions survive the restart of all nodes, and the loss of the one that keeps them', async () => {
  await using net = await settled(4);
  await append(net, 1, 10);
  const first = consume(net, 1, 'a');
  await net.until(() => first.got.length === 10);
  await net.clock.advance(3_000);
  first.stop();
  await net.clock.advance(3_000);
  for (let i = 0; i < 4; i++) {
    await net.stop(i);
  }
  for (let i = 0; i < 4; i++) await net.start(i);
  await net.settle();
  const second = consume(net, 2, 'a');
  await append(net, 11, 20);
  await net.until(() => second.got.includes(20));
  assert.deepEqual(sorted(second), numbers(11, 20));
  // Node 2 leads the group now, since it asked first.
  await net.clock.advance(3_000);
  net.partition([2], [0, 1, 3]);
  await net.crash(2);
  net.heal();
  const third = consume(net, 3, 'a');
  for (let i = 21; i <= 30; i++) {
    const data = new TextEncoder().encode(`job ${i}`);
    await net.during(nodeOf(net, 0).topics.append({ app: APP, topic: 'work', data }));
  }
  await net.until(() => third.got.includes(30));
  assert.deepEqual(
    sorted(third).filter((n) => n > 20),
    numbers(21, 30),
  );
});

interface Alone {
  readonly clock: ManualClock;
  readonly groups: Groups;
  /** What another node asks of this one. */
  pull(member: string, group: string): Promise<{ readonly deliveries: readonly unknown[] }>;
  /** Pulls that wait for the other node. */
  readonly under: { now: number; most: number };
  /** Members that have asked there. */
  readonly asked: Set<string>;
  /** What else it answers, in turn. */
  readonly answers: (() => object)[];
  /** The last sequences that members named there, as far as they did. */
  readonly lasts: (number | undefined)[];
}

/** A node by itself, whose registers answer at once. @param holder Another, who leads all groups and has nothing for them. */
function alone({ holder }: { readonly holder?: string } = {}): Alone {
  const clock = createManualClock();
  const under = { now: 0, most: 0 };
  const asked = new Set<string>();
  const answers: (() => object)[] = [];
  const lasts: (number | undefined)[] = [];
  let handlers: { pull(input: object, context: object): ReturnType<Alone['pull']> };
  const records = {
    declare() {},
    registers: {
      read: async () => holder && { value: encodeCbor([1, 1, holder, 1]), version: {} },
      change: async () => ({}),
    },
    leases: {
      acquire: async (): Promise<Lease | undefined> =>
        holder
          ? undefined
          : { token: 1, lost: new AbortController().signal, async [Symbol.asyncDispose]() {} },
    },
  };
  const rpc = {
    serve: (_: unknown, own: typeof handlers) => {
      handlers = own;
      return { [Symbol.dispose]() {} };
    },
    async call(
      _: string,
      __: unknown,
      method: string,
      { member, last }: { readonly member: string; readonly last?: number },
    ) {
      if (method !== 'pull') return {};
      asked.add(member);
      lasts.push(last);
      const answer = answers.shift();
      if (answer) return answer();
      under.most = Math.max(under.most, ++under.now);
      await new Promise<void>((resolve) => void clock.after(1_000, resolve));
      under.now--;
      return { deliveries: [] };
    },
  };
  async function* read(): AsyncGenerator<readonly TopicEvent[]> {
    yield [{ type: 'begin', sequence: null }];
    yield [
      {
        type: 'message',
        sequence: 1,
        token: 1,
        publisher: 'p',
        at: 0,
        data: new TextEncoder().encode('job'),
      },
    ];
    await new Promise(() => {});
  }
  const deps = {
    self: 'me',
    rpc,
    records,
    isMember: () => true,
    topics: { read },
    clock,
    random: createSeededRandom('alone'),
    log: silentLogger,
  };
  const groups = createGroups(deps as never, { replicas: 3 });
  const pull = (member: string, group: string) => {
    const name = { app: 'a', topic: 'work', group };
    return handlers.pull({ name, member, from: { kind: 'start' }, most: 64 }, { peerId: 'other' });
  };
  return { clock, groups, pull, under, asked, answers, lasts };
}

test('one that opens group upon group is refused in time, and takes nothing from another app', async () => {
  const { clock, groups } = alone();
  const end = new AbortController();
  const outcomes: string[] = [];
  const join = async (app: string, group: string): Promise<void> => {
    const name = { app, topic: 'work', group, from: { kind: 'start' } as const };
    try {
      for await (const batch of groups.consume(name, { signal: end.signal }))
        outcomes.push(`${app} got ${batch.length}`);
    } catch (error) {
      outcomes.push(`${app} ${(error as P2posError).code}`);
    }
  };
  for (let i = 0; i < 260; i++) void join('a', `g${i}`);
  await clock.advance(5_000);
  void join('b', 'g');
  await clock.advance(1_000);
  assert.equal(outcomes.filter((one) => one === 'a got 1').length, 250);
  assert.equal(outcomes.at(-1), 'b got 1');
  await clock.advance(11_000);
  assert.equal(outcomes.filter((one) => one === 'a OVERLOADED').length, 10);
  end.abort();
  await groups[Symbol.asyncDispose]();
});

test('members of groups that another node leads leave most of the calls to it to others', async () => {
  const { clock, groups, under, asked } = alone({ holder: 'other' });
  const end = new AbortController();
  const run = async (i: number): Promise<void> => {
    const name = { app: 'a', topic: 'work', group: `g${i % 7}`, from: { kind: 'start' } as const };
    for await (const _ of groups.consume(name, { signal: end.signal }));
  };
  const running = Array.from({ length: 800 }, (_, i) => run(i));
  await clock.advance(7_000);
  assert.equal(under.most, 192);
  assert.equal(asked.size, 800, 'none waits for so long that it is taken for gone');
  end.abort();
  await clock.advance(1_000);
  await Promise.all(running);
  assert.equal(under.now, 0);
});

test('pulls of one member that wait leave most of its calls to others', async () => {
  const { clock, groups, pull } = alone();
  const end = new AbortController();
  // Leads the group, and is given the only message.
  const own = groups.consume(
    { app: 'a', topic: 'work', group: 'g', from: { kind: 'start' } },
    { signal: end.signal },
  );
  await own[Symbol.asyncIterator]().next();
  let answered = 0;
  for (let i = 0; i < 200; i++) void pull(`m${i}`, 'g').then(() => answered++);
  await clock.advance(10);
  assert.equal(answered, 72);
  await clock.advance(1_000);
  assert.equal(answered, 200);
  end.abort();
});

test('a member whose call failed says what came last, once', async () => {
  const { clock, groups, answers, lasts } = alone({ holder: 'other' });
  const one = (sequence: number) => () => ({
    deliveries: [[sequence, 1, 'p', 0, new Uint8Array(1), 1]],
  });
  const fails = (error: P2posError) => () => {
    throw error;
  };
  answers.push(
    fails(new P2posError('TIMEOUT', { what: 'It', timeoutMs: 1 })),
    one(7),
    fails(new P2posError('PEER_UNREACHABLE', { peerId: 'other' })),
    // Of an older version.
    fails(new P2posError('BAD_REQUEST', { reason: 'there is a last' })),
    one(8),
    one(9),
  );
  const end = new AbortController();
  const got: number[] = [];
  const name = { app: 'a', topic: 'work', group: 'g', from: { kind: 'start' } as const };
  const running = (async () => {
    for await (const batch of groups.consume(name, { signal: end.signal }))
      got.push(...batch.map(({ sequence }) => sequence));
  })();
  await clock.advance(5_000);
  end.abort();
  await clock.advance(1_000);
  await running;
  assert.deepEqual(got, [7, 8, 9]);
  assert.deepEqual(lasts.slice(0, 6), [undefined, 0, undefined, 7, undefined, undefined]);
});
