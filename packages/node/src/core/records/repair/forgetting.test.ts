/** Which deletions are looked at, and when they are let go; whether they may be is in tombstones.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import type { Topology } from '../placement/topology.ts';
import * as sql from '../replica/schema.ts';
import { openRecordTable } from '../replica/store.ts';
import { createTombstones, type TombstonesConfig } from './tombstones.ts';

const MINUTE_MS = 60_000;

async function benchOf(config: Partial<TombstonesConfig> = {}) {
  const random = createSeededRandom('forgetting');
  const store = createMemoryStore(random);
  await store.migrate('records', sql.MIGRATIONS);
  const clock = createManualClock();
  const marks = new Map<string, number>();
  const foreign = new Set<number>();
  const moves = {
    required: (slot: number) => [['me', `peer${slot}`]],
    isHolder: (slot: number) => !foreign.has(slot),
    ring: () => ({ closed: new Uint32Array(8) }),
  };
  let writes = 0;
  let changed = 0;
  let failing = false;
  let aheadMs = 0;
  const tombstones = createTombstones(
    {
      self: 'me',
      store: {
        read: store.read,
        async write(statements) {
          writes = Math.max(writes, statements.length);
          const results = await store.write(statements);
          if (failing) throw new P2posError('STORE_FAILED', { reason: 'told to' });
          return results;
        },
      },
      topology: { generation: () => 1, moves } as unknown as Topology,
      marks: {
        reconciledAt: (peerId) => marks.get(peerId) ?? clock.monotonic(),
        cleanAt: () => clock.monotonic(),
      },
      table: await openRecordTable({ store, crypto }),
      declarations: { get: () => undefined },
      contents: { changed: () => changed++, forget: () => {} },
      members: () => ['peer1', 'peer2'],
      votes: () => true,
      saveMoves: async () => {},
      clock,
      toldTime: () => clock.now() + aheadMs,
    },
    { keepMs: MINUTE_MS, ...config },
  );
  let made = 0;
  return {
    marks,
    foreign,
    clock,
    tombstones,
    mostAtOnce: () => writes,
    changes: () => changed,
    jump(ms: number) {
      aheadMs = ms;
    },
    /** What is written is there, but nobody is told. */
    fail(told: boolean) {
      failing = told;
    },
    async bury(slot: number, count: number) {
      const version = (clock.now() - 2 * MINUTE_MS).toString(16).padStart(12, '0');
      const row = () => {
        const name = new TextEncoder().encode(`key${made++}`);
        const rest = [random.bytes(32), 1, null, new Uint8Array(9), null, new Uint8Array(9), 0];
        return {
          sql: sql.UPSERT,
          params: ['default/kv', name, new Uint8Array(0), 3, slot, version, ...rest],
        };
      };
      for (let left = count; left > 0; left -= 1_000)
        await store.write(Array.from({ length: Math.min(left, 1_000) }, row));
    },
    async left(slot: number) {
      const rows = 'SELECT count(*) AS n FROM records WHERE slot = ?';
      return (await store.read<{ n: number }>(rows, [slot]))[0]?.n;
    },
    async minutes(count: number) {
      for (let i = 0; i < count; i++) {
        await clock.advance(MINUTE_MS);
        await tombstones.sweep();
      }
    },
  };
}

test('tens of thousands of deletions are forgotten a minute, some thousands in one transaction', async () => {
  const { bury, left, minutes, mostAtOnce } = await benchOf();
  await bury(1, 7_000);
  await minutes(2);
  assert.equal(await left(1), 0);
  assert.ok(mostAtOnce() <= 2_000);
});

test('what this node may not forget hides no others', async () => {
  const { bury, left, minutes, foreign } = await benchOf({ maxGraves: 10 });
  foreign.add(1);
  await bury(1, 35);
  await bury(2, 35);
  await minutes(120);
  assert.deepEqual([await left(1), await left(2)], [35, 0]);
  foreign.clear();
  await minutes(120);
  assert.equal(await left(1), 0);
});

test('few that go one after the other, among many that may not, put off none that come after them', async () => {
  const { bury, left, minutes, foreign } = await benchOf({ maxGraves: 10 });
  foreign.add(1);
  await bury(1, 9);
  await bury(2, 200);
  await minutes(90);
  assert.deepEqual([await left(1), await left(2)], [9, 0]);
});

test('deletions that can go at once put off none that wait for an answer', async () => {
  const { bury, left, minutes, marks, clock, tombstones } = await benchOf();
  await bury(1, 1);
  for (let i = 0; i < 5; i++) {
    await bury(2, 1);
    // When it is asked, the newest comparison with this one began a minute and a half ago.
    marks.set('peer1', clock.monotonic() - MINUTE_MS / 2);
    await minutes(1);
  }
  assert.deepEqual([await left(1), tombstones.heldBackBy()], [0, []]);
});

test('who holds deletions back is named as long as it does', async () => {
  const { bury, left, minutes, marks, clock, tombstones } = await benchOf({ maxGraves: 10 });
  marks.set('peer1', -1);
  await bury(1, 15);
  await minutes(30);
  assert.deepEqual([await left(1), tombstones.heldBackBy()], [15, ['peer1']]);
  marks.set('peer1', clock.monotonic() + 2 * MINUTE_MS);
  await minutes(3);
  assert.deepEqual(tombstones.heldBackBy(), []);
});

test('deletions that were let go although the disk said that they were not are no part of the digests', async () => {
  const { bury, left, tombstones, clock, changes, fail } = await benchOf();
  await bury(1, 3);
  await tombstones.sweep();
  await clock.advance(MINUTE_MS);
  fail(true);
  await assert.rejects(tombstones.sweep());
  assert.equal(await left(1), 0);
  assert.ok(changes() > 0);
});

test('what a clock that was wrong for a moment showed as old is not forgotten', async () => {
  const { bury, left, minutes, tombstones, jump } = await benchOf({ keepMs: 60 * MINUTE_MS });
  await bury(1, 3);
  jump(120 * MINUTE_MS);
  await tombstones.sweep();
  jump(0);
  await minutes(2);
  assert.equal(await left(1), 3);
  await minutes(60);
  assert.equal(await left(1), 0);
});
