import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, P2posError, type SqlValue } from '@p2pos/protocol';
import { createSystemClock } from '../../core/clock/index.ts';
import { createLiveQueries, type LiveEvent } from './live.ts';

const input = { app: 'default', name: 'shop', sql: 'SELECT id, n FROM t' };

/** A database of one query, moved by hand. */
function createSource() {
  let index = 0;
  let rows: SqlValue[][] = [];
  let moved = Promise.withResolvers<void>();
  let failures = 0;
  return {
    set(next: SqlValue[][], fail = 0) {
      rows = next;
      index += 1;
      failures = fail;
      moved.resolve();
      moved = Promise.withResolvers();
    },
    wait: async (_: unknown, after: number | null) => {
      if (index === after) await moved.promise;
      return index;
    },
    query: async () => {
      if (failures-- > 0) throw new P2posError('SQL_NO_LEADER', { database: 'shop' });
      return { columns: ['id', 'n'], rows };
    },
  };
}

async function next(events: AsyncGenerator<LiveEvent>): Promise<Omit<LiveEvent, 'index'>> {
  const { value } = await events.next();
  const { index: _, ...rest } = value as LiveEvent;
  return rest;
}

test('first the rows, then what is new, other or gone, by key', async () => {
  const source = createSource();
  source.set([
    [1, 'a'],
    [2, 'b'],
  ]);
  const { follow } = createLiveQueries({ clock: createSystemClock(), ...source });
  const end = new AbortController();
  const events = follow({ ...input, key: ['id'] }, end.signal);
  assert.deepEqual(await next(events), {
    type: 'rows',
    columns: ['id', 'n'],
    rows: [
      [1, 'a'],
      [2, 'b'],
    ],
  });
  const second = next(events);
  source.set(
    [
      [2, 'B'],
      [3, 'c'],
    ],
    1,
  );
  assert.deepEqual(await second, {
    type: 'change',
    upserts: [
      [2, 'B'],
      [3, 'c'],
    ],
    removes: [[1, 'a']],
  });
  const third = next(events);
  source.set([
    [2, 'B'],
    [3, 'c'],
  ]); // nothing to tell
  source.set([
    [2, 'B'],
    [2, 'B'],
    [3, Uint8Array.of(1)],
  ]);
  assert.deepEqual(await third, {
    type: 'change',
    upserts: [
      [2, 'B'],
      [3, Uint8Array.of(1)],
    ],
    removes: [],
  });
  end.abort();
});

test('a key that the result does not have ends it with an error', async () => {
  const source = createSource();
  source.set([[1, 'a']]);
  const { follow } = createLiveQueries({ clock: createSystemClock(), ...source });
  const events = follow({ ...input, key: ['nothing'] }, new AbortController().signal);
  await assert.rejects(events.next(), (error) => isP2posError(error, 'SQL_REFUSED'));
});
