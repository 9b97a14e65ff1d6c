import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { CheckedRecord } from '../replica/stored.ts';
import { type Attempt, createIdempotency } from './idempotency.ts';
import type { Written } from './ticket.ts';

const LIMITS = { maxEntries: 3, maxBytes: 1_000, keepMs: 60_000, resumeMs: 30_000 };

function setUp(limits = LIMITS) {
  const clock = createManualClock();
  let ageMs = 0;
  const idempotency = createIdempotency({ clock, ageOf: () => ageMs }, limits);
  const runs: (CheckedRecord | undefined)[] = [];
  const written = (version: string) => ({ version }) as Written;
  const once = (scope: string, request = 'r', outcome: 'done' | 'none' | 'unknown' = 'done', bytes = 10) =>
    idempotency.once(scope, request, async ({ resume, onUnknown }: Attempt) => {
      runs.push(resume);
      await Promise.resolve();
      if (outcome === 'unknown') onUnknown(record(`unknown ${runs.length}`, bytes));
      if (outcome !== 'done') throw new Error(outcome);
      return written(`v${runs.length}`);
    });
  const setAge = (ms: number) => {
    ageMs = ms;
  };
  return { clock, runs, once, setAge };
}

function record(version: string, bytes: number): CheckedRecord {
  const empty = new Uint8Array(0);
  return {
    header: new Uint8Array(bytes),
    value: null,
    proof: empty,
    fields: { version },
  } as unknown as CheckedRecord;
}

test('a finished write runs once; one under way is joined', async () => {
  const { runs, once } = setUp();
  const [a, b] = await Promise.all([once('ns k'), once('ns k')]);
  assert.equal(a, b);
  assert.equal(await once('ns k'), a);
  assert.equal(runs.length, 1);
});

test('another request under the same key is refused, while it runs and after', async () => {
  const { once } = setUp();
  const isReused = (error: unknown) =>
    isP2posError(error, 'IDEMPOTENCY_KEY_REUSED') && error.details['idempotencyKey'] === 'k';
  const first = once('ns k');
  await assert.rejects(once('ns k', 'other'), isReused);
  await first;
  await assert.rejects(once('ns k', 'other'), isReused);
  await once('other-ns k', 'other');
});

test('a write without effect runs anew; one of unknown outcome goes on with its record', async () => {
  const { runs, once } = setUp();
  await assert.rejects(once('ns a', 'r', 'none'));
  await once('ns a');
  assert.equal(runs.filter((resume) => resume === undefined).length, 2);
  await assert.rejects(once('ns b', 'r', 'unknown'));
  await assert.rejects(once('ns b', 'r', 'none'));
  await once('ns b');
  const resumed = runs.map((one) => one?.fields.version);
  assert.deepEqual(resumed.slice(2), [undefined, 'unknown 3', 'unknown 3']);
});

test('what is so old that its deletion may be forgotten is not sent again, and its outcome stays unknown', async () => {
  const { runs, once, setAge } = setUp();
  await assert.rejects(once('ns a', 'r', 'unknown'));
  setAge(30_001);
  const isUnknown = (error: unknown) =>
    isP2posError(error, 'RECORDS_QUORUM_LOST') && error.details['outcome'] === 'unknown';
  await assert.rejects(once('ns a'), isUnknown);
  await assert.rejects(once('ns a'), isUnknown);
  assert.equal(runs.length, 1);
  setAge(30_000);
  assert.equal((await once('ns a')).version, 'v2');
});

test('memory is bounded by number, bytes and age, oldest first', async () => {
  const { clock, runs, once } = setUp();
  for (const key of ['a', 'b', 'c', 'd', 'e']) await once(`ns ${key}`);
  await once('ns e');
  assert.equal(runs.length, 5);
  await once('ns a');
  assert.equal(runs.length, 6);
  await clock.advance(61_000);
  await once('ns e');
  assert.equal(runs.length, 7);

  const heavy = setUp();
  for (const key of ['a', 'b']) await assert.rejects(heavy.once(`ns ${key}`, 'r', 'unknown', 800));
  await assert.rejects(heavy.once('ns b', 'r', 'none'));
  assert.equal(heavy.runs[2]?.fields.version, 'unknown 2');
  await heavy.once('ns a');
  assert.equal(heavy.runs[3], undefined);
});

test('who joined a write goes on with it when its first caller gives up', async () => {
  const idempotency = createIdempotency({ clock: createManualClock(), ageOf: () => 0 }, LIMITS);
  const first = new AbortController();
  const resumed: (CheckedRecord | undefined)[] = [];
  let runs = 0;
  const run = async ({ resume, onUnknown }: Attempt) => {
    resumed.push(resume);
    if (runs++ > 0) return { version: 'v' } as Written;
    onUnknown(record('unknown', 10));
    const gone = Promise.withResolvers<Written>();
    first.signal.addEventListener('abort', () => gone.reject(first.signal.reason));
    return gone.promise;
  };
  const leaving = assert.rejects(idempotency.once('ns k', 'r', run, first.signal), /gone/);
  const joining = [0, 1].map(() => idempotency.once('ns k', 'r', run));
  first.abort(new Error('gone'));
  await leaving;
  const [a, b] = await Promise.all(joining);
  assert.equal(a, b);
  assert.deepEqual([a?.version, runs, resumed[1]?.fields.version], ['v', 2, 'unknown']);
});

test('who joined a write that fails is told why', async () => {
  const { runs, once } = setUp();
  const outcomes = await Promise.allSettled([once('ns k', 'r', 'none'), once('ns k', 'r', 'none')]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.equal(runs.length, 1);
});
