/** From the node that was asked to a holder: within the time of the request, whatever the holders do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import type { Entry } from './catalogue.ts';
import { createRouting, statementMs } from './routing.ts';

type Behaviour =
  | 'answers'
  | 'hangs'
  | 'runs'
  | 'is gone'
  | 'has no leader'
  | 'is starting'
  | 'refuses'
  | 'is stale';

const LIMIT_MS = 10_000;

function route(behaviours: Record<string, Behaviour>, engine: 'sqlite' | 'rqlite' = 'rqlite') {
  const clock = createManualClock();
  const asked: string[] = [];
  const running = new Set<string>();
  let runs = 0;
  const holders = Object.keys(behaviours).map((peerId) => ({ peerId }));
  const bare = { app: 'a', name: 'n', id: '0'.repeat(32), wanted: holders.length, createdAt: 0 };
  const entry: Entry = { ...bare, engine, holders };
  const rpc = {
    call: (
      peerId: string,
      _: unknown,
      __: unknown,
      ___: unknown,
      options: { timeoutMs: number; signal?: AbortSignal },
    ) => {
      asked.push(`${peerId}@${clock.monotonic()}`);
      if (behaviours[peerId] === 'answers') return Promise.resolve({ columns: [], rows: [[peerId]] });
      if (behaviours[peerId] === 'is gone')
        return Promise.reject(new P2posError('PEER_UNREACHABLE', { peerId }));
      if (behaviours[peerId] === 'has no leader')
        return Promise.reject(new P2posError('SQL_NO_LEADER', { database: 'n' }));
      if (behaviours[peerId] === 'is starting')
        return Promise.reject(new P2posError('METHOD_UNKNOWN', { peerId, method: 'query' }));
      if (behaviours[peerId] === 'refuses')
        return Promise.reject(new P2posError('SQL_CONSTRAINT', { database: 'n', reason: 'UNIQUE' }));
      if (behaviours[peerId] === 'is stale')
        return Promise.reject(new P2posError('SQL_PLACEMENT_STALE', { peerId, database: 'n' }));
      return new Promise((_resolve, reject) => {
        if (behaviours[peerId] === 'runs') {
          runs += 1;
          running.add(peerId);
          // An engine ends a statement at its time, whether or not anybody waits.
          clock.after(statementMs(LIMIT_MS, options.timeoutMs), () => {
            running.delete(peerId);
            reject(new P2posError('SQL_TIMEOUT', { timeoutMs: LIMIT_MS }));
          });
        }
        clock.after(options.timeoutMs, () => reject(new P2posError('TIMEOUT')));
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      });
    },
  };
  const routing = createRouting({
    self: 'self',
    rpc: rpc as never,
    catalogue: { find: async () => entry, forget: () => {} },
    hosting: { engineOf: () => Promise.reject(new Error('nothing is here')) },
    clock,
    random: createSeededRandom(1),
  });
  const input = { sql: 'SELECT 1', params: [], consistency: 'weak' } as const;
  const name = { app: 'a', name: 'n' };
  const here = () => Promise.reject(new Error('nothing is here'));
  const ask = () => routing.call(name, 'query', input, here as never, { timeoutMs: 15_000 });
  return { clock, asked, ask, running, runs: () => runs };
}

async function settle<T>(clock: ReturnType<typeof createManualClock>, work: Promise<T>) {
  let outcome: { value: T } | { error: P2posError } | undefined;
  work.then(
    (value) => (outcome = { value }),
    (error) => (outcome = { error }),
  );
  await clock.advanceUntil(() => outcome !== undefined, { limitMs: 120_000, stepMs: 100 });
  return outcome as { value: T } | { error: P2posError };
}

test('T19: a holder that hangs costs a few seconds, not the time of the request', async () => {
  const { clock, asked, ask } = route({ one: 'hangs', two: 'answers', three: 'answers' });
  const outcome = await settle(clock, ask());
  assert.deepEqual('value' in outcome && outcome.value.rows, [['two']]);
  assert.ok(clock.monotonic() <= 4_200, `${clock.monotonic()} ms`);
  assert.equal(asked.length, 2);
  await settle(clock, ask());
  assert.match(asked[2] ?? '', /^two@/, 'the one that answered is asked first');
});

test('T19: the last holder hangs, and the first is asked again meanwhile', async () => {
  const behaviours: Record<string, Behaviour> = {
    one: 'has no leader',
    two: 'has no leader',
    three: 'hangs',
  };
  const { clock, ask } = route(behaviours);
  clock.after(1_000, () => {
    behaviours['one'] = 'answers';
  });
  const outcome = await settle(clock, ask());
  assert.deepEqual('value' in outcome && outcome.value.rows, [['one']]);
  assert.ok(clock.monotonic() <= 4_200, `${clock.monotonic()} ms`);
});

test('T19: when all hang, the answer comes within the time of the request, not once for each', async () => {
  const { clock, ask } = route({ one: 'hangs', two: 'hangs', three: 'hangs' });
  const outcome = await settle(clock, ask());
  assert.equal('error' in outcome && outcome.error.code, 'SQL_HOLDER_UNREACHABLE');
  assert.ok(clock.monotonic() <= 16_000, `${clock.monotonic()} ms`);
});

test('an endless statement ends at its time, on two voters at most, and is not begun anew', async () => {
  const { clock, ask, running, runs } = route({ one: 'runs', two: 'runs', three: 'runs' });
  const outcome = await settle(clock, ask());
  assert.equal('error' in outcome && outcome.error.code, 'SQL_TIMEOUT');
  assert.ok(clock.monotonic() <= LIMIT_MS + 200, `${clock.monotonic()} ms`);
  assert.equal(runs(), 2);
  await clock.advance(200);
  assert.deepEqual([...running], [], 'the second one was given what was left of the time');
});

test('what the second says of the request ends the wait for the first; what it says of itself does not', async () => {
  const refused = route({ one: 'hangs', two: 'refuses', three: 'answers' });
  const outcome = await settle(refused.clock, refused.ask());
  assert.equal('error' in outcome && outcome.error.code, 'SQL_CONSTRAINT');
  assert.ok(refused.clock.monotonic() <= 4_200, `${refused.clock.monotonic()} ms`);
  for (const second of ['has no leader', 'is stale'] as const) {
    const { clock, ask } = route({ one: 'runs', two: second, three: 'answers' });
    const ended = await settle(clock, ask());
    assert.equal('error' in ended && ended.error.code, 'SQL_TIMEOUT', second);
    assert.ok(clock.monotonic() <= LIMIT_MS + 200, `${clock.monotonic()} ms`);
  }
});

test('a statement may run for what the caller waits, less the way, and for no longer than the limit', () => {
  assert.equal(statementMs(10_000, 15_000), 10_000);
  assert.equal(statementMs(10_000, 11_000), 6_000);
  assert.equal(statementMs(10_000, 60_000), 10_000);
  assert.equal(statementMs(10_000, 3_000), 1_000);
});

test('voters without a leader are asked again until there is one, and for no longer than the request has', async () => {
  const behaviours: Record<string, Behaviour> = {
    one: 'has no leader',
    two: 'is starting',
    three: 'has no leader',
  };
  const { clock, ask } = route(behaviours);
  clock.after(3_000, () => {
    behaviours['three'] = 'answers';
  });
  const outcome = await settle(clock, ask());
  assert.deepEqual('value' in outcome && outcome.value.rows, [['three']]);
  assert.ok(clock.monotonic() < 3_500, `${clock.monotonic()} ms`);
  const never = route({ one: 'has no leader', two: 'has no leader', three: 'is gone' });
  const failed = await settle(never.clock, never.ask());
  assert.equal('error' in failed && failed.error.code, 'SQL_HOLDER_UNREACHABLE');
  assert.ok(never.clock.monotonic() <= 16_000);
});

test('the one holder of a file that is gone is said at once', async () => {
  const { clock, asked, ask } = route({ one: 'is gone' }, 'sqlite');
  const outcome = await settle(clock, ask());
  assert.equal('error' in outcome && outcome.error.code, 'SQL_HOLDER_UNREACHABLE');
  assert.equal(asked.length, 1);
});
