/** What members of a group are handed, on virtual time: in shares that they can manage, and within bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../../../core/records/index.ts';
import { createManualClock, type ManualClock } from '../../../../testing/manual-clock.ts';
import type { Account } from '../account.ts';
import type { TopicEvent } from '../reader.ts';
import { type Coordinator, createCoordinator } from './coordinator.ts';

const ACK_MS = 30_000;

interface Bench {
  readonly clock: ManualClock;
  readonly coordinator: Coordinator;
}

/** A group whose topic holds so many messages. */
async function groupOf(
  messages: number,
  dataBytes = 10,
  account: Account = { bytes: 0, maxBytes: 64 * 1_048_576 },
): Promise<Bench> {
  const clock = createManualClock();
  const lease: Lease = { token: 1, lost: new AbortController().signal, async [Symbol.asyncDispose]() {} };
  const data = new Uint8Array(dataBytes);
  async function* read(): AsyncGenerator<readonly TopicEvent[]> {
    yield [{ type: 'begin', sequence: null }];
    for (let at = 1; at <= messages; at += 100) {
      const count = Math.min(100, messages - at + 1);
      yield Array.from({ length: count }, (_, i) => ({
        type: 'message' as const,
        sequence: at + i,
        token: 1,
        publisher: 'p',
        at: 0,
        data,
      }));
    }
    await new Promise(() => {});
  }
  const positions = { read: async () => ({ sequence: 0, holder: null, token: 0 }), write: async () => {} };
  const coordinator = await createCoordinator(
    { self: 'me', lease, positions, clock, account, read },
    { ackMs: ACK_MS, memberMs: 8_000, maxOut: 10_000 },
  );
  const tick = () => {
    coordinator.tick();
    clock.after(1_000, tick);
  };
  clock.after(1_000, tick);
  return { clock, coordinator };
}

interface Worker {
  /** Sequences in the order in which they came, whatever became of them. */
  readonly handed: number[];
  readonly done: number[];
}

/** Takes whatever it is given, as a socket does, and does one job after another. */
function work({ clock, coordinator }: Bench, member: string, jobMs: number, most = 64): Worker {
  const worker: Worker = { handed: [], done: [] };
  const queue: number[] = [];
  void (async () => {
    for (;;) {
      const deliveries = await coordinator.pull(member, { kind: 'start' }, most);
      for (const { sequence } of deliveries) {
        worker.handed.push(sequence);
        queue.push(sequence);
      }
    }
  })();
  void (async () => {
    for (;;) {
      const sequence = queue.shift();
      await new Promise<void>((resolve) => void clock.after(sequence ? jobMs : 1, resolve));
      if (sequence === undefined) continue;
      worker.done.push(sequence);
      coordinator.acknowledge([sequence]);
    }
  })();
  return worker;
}

test('a slow member is handed no more than it can hold, and holds up nobody', async () => {
  const bench = await groupOf(12_000);
  const slow = work(bench, 'slow', 100);
  await bench.clock.advance(100);
  const fast = work(bench, 'fast', 1);
  await bench.clock.advance(25_000);
  assert.ok(slow.handed.length - slow.done.length <= 64, `${slow.handed.length} handed to the slow one`);
  assert.ok(fast.done.length > 11_000, `${fast.done.length} done by the fast one`);
  await bench.clock.advance(20_000);
  const runs = [...slow.done, ...fast.done];
  assert.equal(new Set(runs).size, 12_000);
  assert.equal(runs.length, 12_000, 'each is done once');
});

test('a member asks for fewer at a time than others, and is handed the next when it is done with one', async () => {
  const bench = await groupOf(50);
  const careful = work(bench, 'careful', 10_000, 1);
  await bench.clock.advance(1_000);
  assert.deepEqual(careful.handed, [1]);
  await bench.clock.advance(45_000);
  assert.deepEqual(careful.handed, [1, 2, 3, 4, 5]);
});

test('what a member is handed is bounded in bytes, and one message of any length it always gets', async () => {
  const bench = await groupOf(100, 1_048_576);
  const silent: number[] = [];
  for (let i = 0; i < 50; i++) {
    const pulled = bench.coordinator.pull('silent', { kind: 'start' }, 64);
    await bench.clock.advance(1_000);
    silent.push(...(await pulled).map(({ sequence }) => sequence));
    if (i === 20) assert.equal(silent.length, 16);
  }
  // None was acknowledged: the same come again.
  assert.deepEqual(silent.slice(0, 16), silent.slice(16, 32));
});

test('what a lost answer held comes again at once, and nothing else', async () => {
  const { coordinator } = await groupOf(12);
  const pull = async (most: number, last?: number) =>
    (await coordinator.pull('m', { kind: 'start' }, most, { last })).map(
      ({ sequence, attempt }) => `${sequence}/${attempt}`,
    );
  assert.deepEqual(await pull(3), ['1/1', '2/1', '3/1']);
  assert.deepEqual(await pull(6, 3), ['4/1', '5/1', '6/1']);
  coordinator.acknowledge([5]);
  assert.deepEqual(await pull(7, 3), ['4/2', '6/2', '7/1', '8/1']);
});

test('what the groups of an app keep is counted together; each comes forward all the same', async () => {
  const account: Account = { bytes: 0, maxBytes: 2 * 1_048_576 };
  const first = await groupOf(300, 10_000, account);
  await first.coordinator.pull('a', { kind: 'start' }, 64);
  await first.clock.advance(10);
  // The first has read ahead until it was too much; a batch is a million bytes.
  assert.equal(account.bytes, 3_000_000);
  const second = await groupOf(300, 10_000, account);
  const worker = work(second, 'b', 1);
  await second.clock.advance(10_000);
  assert.equal(worker.done.length, 300);
  assert.equal(account.bytes, 3_000_000);
  await first.coordinator[Symbol.asyncDispose]();
  assert.equal(account.bytes, 0);
});
