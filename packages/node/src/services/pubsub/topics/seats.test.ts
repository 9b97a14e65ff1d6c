/** Who gets a seat where there are not enough: no app at the cost of another, and what is led elsewhere needs none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../core/log/index.ts';
import type { Lease } from '../../../core/records/index.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { createSeats, type Seat } from './seats.ts';

interface Name {
  readonly app: string;
  readonly topic: string;
}

interface TestSeat extends Seat {
  usedAt: number;
  ticks: number;
}

function bench({ stuck }: { readonly stuck?: string } = {}) {
  const clock = createManualClock();
  const open = new Map<string, TestSeat>();
  const elsewhere = new Set<string>();
  const seats = createSeats<Name, TestSeat>(
    {
      self: 'me',
      isMember: () => true,
      clock,
      random: createSeededRandom('seats'),
      log: silentLogger,
      keyOf: ({ app, topic }) => ({ app, key: new Uint8Array(1), text: `${app}/${topic}` }),
      records: {
        leases: {
          acquire: async (): Promise<Lease> => ({
            token: 1,
            lost: new AbortController().signal,
            async [Symbol.asyncDispose]() {},
          }),
        } as never,
      },
      holderOf: async ({ app, topic }) => (elsewhere.has(`${app}/${topic}`) ? 'other' : null),
      async open({ app, topic }) {
        const text = `${app}/${topic}`;
        if (text === stuck) await new Promise(() => {});
        const over = new AbortController();
        const seat: TestSeat = {
          over: over.signal,
          usedAt: clock.monotonic(),
          ticks: 0,
          tick() {
            seat.ticks++;
          },
          async [Symbol.asyncDispose]() {
            over.abort();
            open.delete(text);
          },
        };
        open.set(text, seat);
        return seat;
      },
    },
    { leaseMs: 5_000, idleMs: 30_000, maxHeld: 40 },
  );
  const ways = {
    async here(seat: TestSeat) {
      seat.usedAt = clock.monotonic();
      return 'here';
    },
    there: async () => 'there',
  };
  return {
    clock,
    open,
    elsewhere,
    seats,
    /** Where it was reached, or why not. */
    reach: (app: string, topic: string): Promise<string> =>
      seats.reach({ app, topic }, ways, { timeoutMs: 1_000 }).catch((error) => error.code),
    async fill(app: string, count: number): Promise<void> {
      for (let i = 0; i < count; i++) await seats.reach({ app, topic: `t${i}` }, ways, { timeoutMs: 1_000 });
    },
  };
}

test('an app has a quarter of the seats, and those of its own that rest give way', async () => {
  const { clock, open, reach, fill } = bench();
  await fill('a', 10);
  assert.equal(await reach('a', 'new'), 'OVERLOADED');
  assert.equal(await reach('b', 'new'), 'here');
  await clock.advance(3_000);
  for (let i = 1; i < 10; i++) assert.equal(await reach('a', `t${i}`), 'here');
  assert.equal(await reach('a', 'new'), 'here');
  assert.equal(open.has('a/t0'), false, 'it had rested the longest');
  assert.equal(await reach('a', 'newer'), 'OVERLOADED');
  assert.equal(open.size, 11);
});

test('where all seats are taken, the app with the most gives one to an app with less', async () => {
  const { open, reach, fill } = bench();
  for (const app of ['a', 'b', 'c', 'd']) await fill(app, 10);
  for (let i = 0; i < 8; i++) assert.equal(await reach('e', `t${i}`), 'here');
  assert.equal(await reach('e', 't8'), 'OVERLOADED', 'as many as the others');
  const counts = ['a', 'b', 'c', 'd', 'e'].map(
    (app) => [...open.keys()].filter((text) => text.startsWith(`${app}/`)).length,
  );
  assert.deepEqual(counts, [8, 8, 8, 8, 8]);
});

test('what another node leads is asked there, however full it is here', async () => {
  const { elsewhere, reach, fill } = bench();
  await fill('a', 10);
  elsewhere.add('a/led');
  assert.equal(await reach('a', 'led'), 'there');
  for (const app of ['b', 'c', 'd']) await fill(app, 10);
  elsewhere.add('e/led');
  assert.equal(await reach('e', 'led'), 'there');
});

test('one that cannot be taken keeps the others from nothing', async () => {
  const { clock, open, reach } = bench({ stuck: 'a/stuck' });
  void reach('a', 'stuck');
  assert.equal(await reach('a', 'fine'), 'here');
  await clock.advance(10_000);
  assert.ok((open.get('a/fine')?.ticks ?? 0) > 5);
  await clock.advance(30_000);
  assert.equal(open.has('a/fine'), false, 'let go when nobody used it');
});
