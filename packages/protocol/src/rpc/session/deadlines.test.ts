import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock } from '../../../../node/src/testing/manual-clock.ts';
import { type Bucket, Deadlines, type Expiring } from './deadlines.ts';

class Entry implements Expiring {
  bucket: Bucket | undefined = undefined;
  readonly #onExpire: () => void;

  constructor(onExpire: () => void) {
    this.#onExpire = onExpire;
  }
  expire(): void {
    this.#onExpire();
  }
}

test('each expires at its time, the removed never, with one timer', async () => {
  const step = fc.record({
    after: fc.integer({ min: 0, max: 500 }),
    advance: fc.integer({ min: 0, max: 200 }),
    remove: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = createManualClock();
      const deadlines = new Deadlines({ clock });
      const expired: string[] = [];
      const expected: { readonly at: number; readonly name: string }[] = [];
      for (const [index, { after, advance, remove }] of steps.entries()) {
        const at = clock.monotonic() + after;
        const name = `${at} ${index}`;
        const entry = new Entry(() => expired.push(`${name} at ${clock.monotonic()}`));
        deadlines.add(entry, at);
        if (remove) deadlines.remove(entry);
        else expected.push({ at, name });
        assert.ok(clock.pending() <= 1);
        await clock.advance(advance);
      }
      await clock.advance(1_000);
      expected.sort((a, b) => a.at - b.at);
      assert.deepEqual(
        expired,
        expected.map(({ at, name }) => `${name} at ${at}`),
      );
      assert.equal(clock.pending(), 0);
    }),
    { numRuns: 60 },
  );
});

test('what expires may add and remove others', async () => {
  const clock = createManualClock();
  const deadlines = new Deadlines({ clock });
  const seen: string[] = [];
  const third = new Entry(() => seen.push('third'));
  const second = new Entry(() => seen.push('second'));
  const first = new Entry(() => {
    seen.push('first');
    deadlines.remove(second);
    deadlines.add(third, clock.monotonic() + 5);
  });
  deadlines.add(first, 10);
  deadlines.add(second, 10);
  await clock.advance(14);
  assert.deepEqual(seen, ['first']);
  await clock.advance(1);
  assert.deepEqual(seen, ['first', 'third']);
});

test('closing leaves no timer', () => {
  const clock = createManualClock();
  const deadlines = new Deadlines({ clock });
  deadlines.add(new Entry(() => assert.fail('closed')), 10);
  deadlines.close();
  assert.equal(clock.pending(), 0);
});

test('after a stall of this process what came meanwhile is read before anything expires', () => {
  let now = 0;
  const timers: { readonly delayMs: number; readonly run: () => void }[] = [];
  const clock = {
    now: () => now,
    monotonic: () => now,
    after(delayMs: number, run: () => void) {
      timers.push({ delayMs, run });
      return { [Symbol.dispose]() {} };
    },
  };
  const deadlines = new Deadlines({ clock });
  const seen: string[] = [];
  const answered = new Entry(() => seen.push('answered'));
  deadlines.add(answered, 10);
  deadlines.add(new Entry(() => seen.push('silent')), 10);
  now = 100;
  timers[0]?.run();
  assert.deepEqual(seen, []);
  deadlines.remove(answered); // its answer had arrived and is read now
  now = 101;
  assert.equal(timers[1]?.delayMs, 1);
  timers[1]?.run();
  assert.deepEqual(seen, ['silent']);
});
