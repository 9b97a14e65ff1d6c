/** What a subscriber that comes back gets of the tails: all that is there, in little memory, whoever fails on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../../testing/eventually.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { type Budget, createBudget } from '../subscriptions/budget.ts';
import type { SubscriptionEvent } from '../subscriptions/subscription.ts';
import { createResumption, type Heard, pageOf, type ResumptionInput } from './resumption.ts';
import { createTail } from './tail.ts';

type Query = Parameters<typeof pageOf>[2];

/** Members `m0`, `m1` …, whose answers go through `answer`. */
function open({
  members = 1,
  budget = createBudget({ maxBytes: 1e9, maxBytesPerApp: 1e9 }),
}: {
  members?: number;
  budget?: Budget;
} = {}) {
  const clock = createManualClock();
  const newTail = () =>
    createTail({ clock }, { keepMs: 30_000, maxBytes: 16 * 1_048_576, maxMessages: 50_000 });
  const tails = new Map(Array.from({ length: members }, (_, i) => [`m${i}`, newTail()]));
  const numbers = new Map<string, number>();
  const asked: string[] = [];
  const state = { answer: async (_peerId: string, page: () => object): Promise<object> => page() };
  const call = async (peerId: string, _capability: unknown, _method: string, query: Query) => {
    asked.push(`${peerId} ${query.cursor}`);
    // Over the wire each answer is a copy.
    return state.answer(peerId, () => structuredClone(pageOf(tails.get(peerId) as never, 1, query)));
  };
  const resumption = createResumption(
    { self: 'self', rpc: { call: call as never }, tail: newTail(), budget, incarnation: () => 1, clock },
    { timeoutMs: 2_000 },
  );
  const ended: unknown[] = [];
  return {
    clock,
    budget,
    asked,
    state,
    ended,
    publish(peerId: string, topic: string, bytes = 1): void {
      const seq = (numbers.get(`${peerId} ${topic}`) ?? 0) + 1;
      numbers.set(`${peerId} ${topic}`, seq);
      tails.get(peerId)?.add(`app/.${topic}`, 1, seq, 0, new Uint8Array(bytes));
    },
    resume(
      { after = [], sinceMs = 30_000, ...rest }: Partial<ResumptionInput> = {},
      live: AsyncIterable<readonly SubscriptionEvent[]> = nothing(),
      signal?: AbortSignal,
    ) {
      const input = { members: [...tails.keys()], app: 'app', pattern: 'app/.>', sinceMs, after, ...rest };
      const subscription = { batches: live, end: (error?: unknown) => void ended.push(error) };
      return resumption.missedFirst({ askedAt: clock.monotonic(), ...input }, subscription, { signal });
    },
  };
}

async function* nothing(): AsyncGenerator<readonly SubscriptionEvent[]> {}

function lineOf(event: SubscriptionEvent): string {
  if (event.type === 'missed') return `missed ${event.count}`;
  const of = `${event.publisher} ${event.topic}`;
  return event.type === 'gap' ? `${of} -${event.from}..${event.to}` : `${of} ${event.seq}`;
}

async function linesOf(batches: AsyncIterable<readonly SubscriptionEvent[]>): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of batches) lines.push(...batch.map(lineOf));
  return lines;
}

const heard = (publisher: string, topic: string, seq: number): Heard => ({
  topic,
  publisher,
  incarnation: 1,
  seq,
});
const gap = (from: number, to: number) =>
  ({ type: 'gap', topic: 'a', publisher: 'm0', incarnation: 1, from, to }) as const;
const message = (seq: number) =>
  ({
    type: 'message',
    topic: 'a',
    publisher: 'm0',
    incarnation: 1,
    seq,
    at: 0,
    data: new Uint8Array(),
  }) as const;

test('all that is kept is handed on, however much, and no more of it waits than a page', async () => {
  const { budget, publish, resume } = open({ members: 3 });
  for (const peerId of ['m0', 'm1', 'm2']) for (let i = 0; i < 60; i++) publish(peerId, 'a', 250_000);
  let count = 0;
  let most = 0;
  for await (const batch of resume()) {
    count += batch.length;
    most = Math.max(most, budget.bytes);
  }
  assert.equal(count, 180);
  assert.ok(most < 3 * 1_048_576, `${most}`);
  assert.equal(budget.bytes, 0);
});

test('what was handed on of it is let go, although the subscription goes on', async () => {
  const { publish, resume } = open();
  for (let i = 0; i < 20; i++) publish('m0', 'a', 500_000);
  const never = async function* (): AsyncGenerator<readonly SubscriptionEvent[]> {
    yield [message(21)];
    await new Promise(() => {});
  };
  const batches = resume({}, never());
  const refs: WeakRef<object>[] = [];
  for (let live = false; !live; ) {
    const { value } = await batches.next();
    for (const event of value as SubscriptionEvent[]) {
      if (event.type !== 'message') continue;
      live ||= event.seq === 21;
      if (event.seq < 21) refs.push(new WeakRef(event));
    }
  }
  void batches.next();
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  await new Promise((resolve) => setImmediate(resolve));
  (runInNewContext('gc') as () => void)();
  assert.equal(refs.length, 20);
  assert.equal(refs.filter((ref) => ref.deref()).length, 0);
});

test('however many come back at once and do not read, what waits is bounded; what found no room is told', async () => {
  const budget = createBudget({ maxBytes: 8e6, maxBytesPerApp: 8e6 });
  const { clock, publish, resume } = open({ budget });
  for (let i = 0; i < 8; i++) publish('m0', 'a', 250_000);
  const all = Array.from({ length: 100 }, () => resume());
  const firsts = all.map((batches) => batches.next());
  await clock.advance(20_000);
  assert.ok(budget.bytes <= 9e6, `${budget.bytes}`);
  let whole = 0;
  for (const [i, batches] of all.entries()) {
    const first = ((await firsts[i]) as IteratorYieldResult<SubscriptionEvent[]>).value;
    const numbers: number[] = [];
    for (const event of [...first, ...(await collect(batches))])
      if (event.type === 'message') numbers.push(event.seq);
      else if (event.type === 'gap') for (let seq = event.from; seq <= event.to; seq++) numbers.push(seq);
    assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    if (first.every(({ type }) => type === 'message')) whole++;
  }
  assert.ok(whole >= 5, `${whole}`);
  assert.equal(budget.bytes, 0);
});

async function collect(batches: AsyncIterable<readonly SubscriptionEvent[]>): Promise<SubscriptionEvent[]> {
  const events: SubscriptionEvent[] = [];
  for await (const batch of batches) events.push(...batch);
  return events;
}

test('whoever finds no room waits for it while others read', async () => {
  const budget = createBudget({ maxBytes: 8e6, maxBytesPerApp: 8e6 });
  const { clock, publish, resume } = open({ budget });
  for (let i = 0; i < 8; i++) publish('m0', 'a', 250_000);
  const all = Promise.all(Array.from({ length: 20 }, () => linesOf(resume())));
  for (let i = 0; i < 50; i++) await clock.advance(100);
  const expected = Array.from({ length: 8 }, (_, i) => `m0 a ${i + 1}`);
  for (const lines of await all) assert.deepEqual(lines, expected);
});

test('who does not answer is asked once more at the end, and holds up nobody after that', async () => {
  const { publish, resume, state, asked } = open({ members: 3 });
  for (const peerId of ['m0', 'm1', 'm2']) publish(peerId, 'a');
  let failures = 0;
  state.answer = async (peerId, page) => {
    if (peerId === 'm0' && failures++ === 0) throw new Error('it is slow');
    if (peerId === 'm1') throw new Error('it is away');
    return page();
  };
  const live = async function* () {
    yield [{ ...message(7), publisher: 'm1' }];
  };
  assert.deepEqual(await linesOf(resume({}, live())), ['m2 a 1', 'm0 a 1', 'm1 a 7']);
  assert.deepEqual(asked.toSorted(), ['m0 0', 'm0 0', 'm1 0', 'm1 0', 'm2 0']);
});

test('who has gone asks for nothing more, and nothing waits for it', async () => {
  for (const leave of ['abort', 'return'] as const) {
    const { publish, resume, asked, budget, ended, state } = open({ members: 20 });
    for (let i = 0; i < 20; i++) for (let j = 0; j < 8; j++) publish(`m${i}`, 'a', 250_000);
    const late = Promise.withResolvers<void>();
    state.answer = async (peerId, page) => {
      if (peerId !== 'm0') await late.promise;
      return page();
    };
    const control = new AbortController();
    const batches = resume({}, nothing(), control.signal);
    await batches.next();
    if (leave === 'abort') control.abort();
    await batches.return(undefined);
    const before = asked.length;
    late.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(asked.length, before, leave);
    assert.ok(before < 15, `${before}`);
    assert.equal(budget.bytes, 0, leave);
    assert.equal(ended.length, 1);
  }
});

test('however many come back at once, so many pages at most are on their way', async () => {
  const { resume, state } = open({ members: 20 });
  let underWay = 0;
  let most = 0;
  state.answer = async (_peerId, page) => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    return page();
  };
  await Promise.all(Array.from({ length: 50 }, () => linesOf(resume())));
  assert.equal(most, 64);
});

test('a request that took long reaches back as far as it was meant to', async () => {
  const { clock, publish, resume } = open();
  publish('m0', 'a');
  const askedAt = clock.monotonic();
  await clock.advance(3_000);
  assert.deepEqual(await linesOf(resume({ sinceMs: 1_000, askedAt })), ['m0 a 1']);
});

test('a client that reads slowly is told what went meanwhile, and a publisher that never rests does not keep it from what comes', async () => {
  const { clock, publish, resume, asked } = open();
  for (let i = 0; i < 40; i++) publish('m0', 'a', 250_000);
  const lines: string[] = [];
  for await (const batch of resume({ after: [heard('m0', 'a', 0)] })) {
    lines.push(...batch.map(lineOf));
    await clock.advance(8_000);
    for (let i = 0; i < 20; i++) publish('m0', 'a', 250_000);
  }
  assert.ok(asked.length < 8, `${asked.length}`);
  const numbers = lines.flatMap((line) => line.match(/\d+$/)?.map(Number) ?? []);
  assert.ok((numbers.at(-1) ?? 0) >= 40);
  assert.ok(lines.some((line) => line.includes('-')));
});

test('what comes by itself and was in a tail is no news; of a gap only what was not', async () => {
  const { publish, resume, clock } = open();
  for (let i = 0; i < 5; i++) publish('m0', 'a');
  const live = async function* () {
    yield [message(4), gap(5, 7), message(8), { ...message(9), topic: 'b' }];
    yield [gap(9, 9), { type: 'missed', count: 2 } as const];
  };
  assert.deepEqual(await linesOf(resume({ after: [heard('m0', 'a', 2)] }, live())), [
    'm0 a 3',
    'm0 a 4',
    'm0 a 5',
    'm0 a -6..7',
    'm0 a 8',
    'm0 b 9',
    'm0 a -9..9',
    'missed 2',
  ]);
  await eventually(() => assert.equal(clock.pending(), 0));
});
