import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { P2posError } from '@p2pos/protocol';
import { drain } from '../../testing/manual-clock.ts';
import { defineCapability } from './index.ts';
import { createPair, echo, until } from './test-pair.ts';

const timeoutMs = 1_000;

test('bodies over the limit of their method are refused on every side', async () => {
  const { caller } = await createPair({ handlers: { small: async () => 'x'.repeat(101) } });
  await assert.rejects(caller.call('b', echo, 'small', 'x'.repeat(101), { timeoutMs }), {
    code: 'BODY_TOO_LARGE',
    details: { maxBytes: 100 },
  });
  const { maxBodyBytes: _, ...unbounded } = echo.methods.small;
  const loose = defineCapability(echo.protocol, { small: unbounded });
  for (const length of [101, 200_000]) {
    await assert.rejects(caller.call('b', loose, 'small', 'x'.repeat(length), { timeoutMs }), {
      code: 'BODY_TOO_LARGE',
    });
  }
  await assert.rejects(caller.call('b', echo, 'small', 'x', { timeoutMs }), { code: 'BODY_TOO_LARGE' });
});

test('too much in flight is answered OVERLOADED by the callee, and refused at once by the caller', async () => {
  const { caller, contexts } = await createPair({
    a: { limits: { maxCallsOut: 8 } },
    b: { limits: { maxCallsIn: 5 } },
  });
  const calls = Array.from({ length: 10 }, () =>
    caller.call('b', echo, 'hang', 'x', { timeoutMs: 60_000 }).catch((error: P2posError) => error),
  );
  const last = await Promise.all(calls.slice(5));
  assert.deepEqual(
    last.map((error) => (error as P2posError).code),
    ['OVERLOADED', 'OVERLOADED', 'OVERLOADED', 'OVERLOADED', 'OVERLOADED'],
  );
  assert.deepEqual(
    last.map((error) => (error as P2posError).details['what']),
    ['Node b', 'Node b', 'Node b', 'Node b', 'Node b'],
  );
  assert.equal(contexts.length, 5);
});

test('T25: answers to what was asked do not count toward what a peer may ask, however many there are', async () => {
  const limits = { maxCallsIn: 5, maxCallsOut: 1_024 };
  const { a, caller, callee, all } = await createPair({ a: { limits }, b: { limits } });
  // b asks a as much as it may, all the while a answers it by the thousand.
  using _serving = caller.serve(echo, { ...all, hang: async (_, { signal }) => until(signal) });
  const hanging = Array.from({ length: 5 }, () =>
    callee.call('a', echo, 'hang', 'x', { timeoutMs: 60_000 }).catch(() => {}),
  );
  await drain();
  for (let i = 0; i < 500; i++) {
    const answers = Array.from({ length: 4 }, () => caller.call('b', echo, 'say', 'x', { timeoutMs }));
    assert.deepEqual(await Promise.all(answers), ['x', 'x', 'x', 'x']);
  }
  // Nor do they make room for more: the sixth is one too many as before.
  await assert.rejects(callee.call('a', echo, 'hang', 'x', { timeoutMs }), { code: 'OVERLOADED' });
  await a[Symbol.asyncDispose]();
  await Promise.all(hanging);
});

test('the memory for half-sent bodies of a peer is bounded', async () => {
  const { caller } = await createPair({
    b: { limits: { maxReceivingBytes: 250_000 } },
    // Full after each chunk, so that the bodies take turns.
    hub: { highWaterBytes: 1 },
  });
  const body = new Uint8Array(100_000);
  const results = await Promise.all(
    Array.from({ length: 4 }, () =>
      caller.call('b', echo, 'blob', body, { timeoutMs }).then(
        () => 'OK',
        (error: P2posError) => error.code,
      ),
    ),
  );
  // The first one is whole before the others begin.
  assert.deepEqual(results.toSorted(), ['OK', 'OK', 'OK', 'OVERLOADED']);
  assert.equal((await caller.call('b', echo, 'blob', body, { timeoutMs })).length, body.length);
});

test('what waits for a channel counts as queued', async () => {
  const { a, caller } = await createPair({ a: { limits: { maxQueuedBytes: 250_000 } } });
  const opened = Promise.withResolvers<void>();
  const open = a.open.bind(a);
  a.open = async (...of) => {
    await opened.promise;
    return open(...of);
  };
  const results = Promise.all(
    Array.from({ length: 4 }, () =>
      caller.call('b', echo, 'blob', new Uint8Array(100_000), { timeoutMs }).then(
        () => 'OK',
        (error: P2posError) => error.code,
      ),
    ),
  );
  opened.resolve();
  assert.deepEqual(await results, ['OK', 'OK', 'OVERLOADED', 'OVERLOADED']);
});

test('calls to a peer that takes nothing pile up to a bound, then are refused', async () => {
  const { hub, caller } = await createPair({
    hub: { highWaterBytes: 100_000 },
    a: { limits: { maxQueuedBytes: 500_000 } },
  });
  await caller.call('b', echo, 'say', 'x', { timeoutMs });
  hub.partition(['a'], ['b']);
  const codes: string[] = [];
  for (let index = 0; index < 20; index++) {
    caller
      .call('b', echo, 'blob', new Uint8Array(50_000), { timeoutMs: 60_000 })
      .catch((error: P2posError) => codes.push(error.code));
    await drain();
  }
  assert.ok(codes.length >= 7 && codes.length <= 10, `${codes.length}`);
  assert.deepEqual(new Set(codes), new Set(['OVERLOADED']));
});

test('memory for answers in parts is free again once they are there, or given up', async () => {
  const { clock, hub, caller } = await createPair({ a: { limits: { maxReceivingBytes: 150_000 } } });
  const body = new Uint8Array(100_000);
  for (let index = 0; index < 4; index++) {
    assert.equal((await caller.call('b', echo, 'blob', body, { timeoutMs })).length, body.length);
  }
  const late = caller.call('b', echo, 'blob', body, { timeoutMs });
  const failed = assert.rejects(late, { code: 'TIMEOUT' });
  hub.cut('b', 'a');
  await clock.advance(timeoutMs);
  await failed;
  hub.heal();
  assert.equal((await caller.call('b', echo, 'blob', body, { timeoutMs })).length, body.length);
});
