import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { race } from './dial-race.ts';

const { signal } = new AbortController();

function createAttempts() {
  const begun: { address: string; at: number }[] = [];
  const pending = new Map<string, PromiseWithResolvers<string> & { signal: AbortSignal }>();
  const clock = createManualClock();
  const attempt = (address: string, signal: AbortSignal) => {
    const promise = Object.assign(Promise.withResolvers<string>(), { signal });
    signal.addEventListener('abort', () => promise.reject(signal.reason));
    begun.push({ address, at: clock.monotonic() });
    pending.set(address, promise);
    return promise.promise;
  };
  const run = () => race(clock, ['a', 'b', 'c'], attempt, { signal, timeoutMs: () => 5_000 });
  return { clock, begun, pending, run };
}

test('an address that leads nowhere costs a quarter of a second, and the rest is given up', async () => {
  const { clock, begun, pending, run } = createAttempts();
  const start = clock.monotonic();
  const result = run();
  await clock.advance(300);
  assert.deepEqual(
    begun.map(({ address, at }) => [address, at - start]),
    [
      ['a', 0],
      ['b', 250],
    ],
  );
  pending.get('b')?.resolve('B');
  assert.equal(await result, 'B');
  assert.ok(pending.get('a')?.signal.aborted);
  await clock.advance(1_000);
  assert.equal(begun.length, 2);
});

test('one that is refused is followed by the next at once; when all are, it says why', async () => {
  const { begun, pending, run } = createAttempts();
  const result = run();
  result.catch(() => {});
  for (const name of ['a', 'b', 'c']) {
    pending.get(name)?.reject(new Error(`no ${name}`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(begun.length, 3);
  await assert.rejects(result, (error: AggregateError) => error.errors.map(String).join().includes('no b'));
});

test('an attempt ends by its own timeout', async () => {
  const { clock, run } = createAttempts();
  const result = run();
  result.catch(() => {});
  await clock.advance(6_000);
  await assert.rejects(result, AggregateError);
});
