import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { silentLogger } from '../../log/index.ts';
import { createTaskGroup } from '../../tasks/index.ts';
import type { Topology } from '../placement/topology.ts';
import type { NamespaceDeclaration } from '../port.ts';
import { createTestbed, decode, type Testbed } from '../testing/testbed.ts';
import { startPromiseSweep } from './promise-sweep.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NAMESPACE = 'default/kv-cas';

function ballotOf(bed: Testbed, ageMs: number): string {
  return formatVersion({ ms: bed.clock.now() - ageMs, counter: 0, author: bed.node(0).peerId });
}

async function promise(bed: Testbed, key: string, ageMs: number, nodes = [0, 1, 2]): Promise<void> {
  const sql = "INSERT INTO register_promises VALUES (?, ?, x'', ?)";
  const params = [NAMESPACE, bytes(key), ballotOf(bed, ageMs)];
  for (const index of nodes) await bed.node(index).store.write([{ sql, params }]);
}

async function promised(bed: Testbed, index: number): Promise<string[]> {
  const sql = 'SELECT CAST(key AS TEXT) AS name FROM register_promises ORDER BY key';
  return (await bed.node(index).store.read<{ name: string }>(sql)).map(({ name }) => name);
}

test('promises for what never came to be are let go once nobody would take it any more', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  await promise(bed, 'never', 3 * DAY_MS);
  await promise(bed, 'late', DAY_MS);
  // What this node does not hold it may get from others, when they are back.
  await bed.crash(1);
  await bed.clock.advance(1.2 * HOUR_MS);
  assert.deepEqual(await promised(bed, 0), ['late', 'never']);
  await bed.start(1);
  await bed.settleStanding();
  await bed.clock.advance(1.2 * HOUR_MS);
  for (const index of [0, 1, 2]) assert.deepEqual(await promised(bed, index), ['late']);
});

test('a promise stays while one of the replicas holds something, or cannot tell', async () => {
  const clock = createManualClock();
  const random = createSeededRandom('sweep');
  await using tasks = createTaskGroup({ clock, random, log: silentLogger });
  const forgotten: string[] = [];
  const keys = ['nowhere', 'somewhere', 'unclear', 'silent'];
  const unkept = keys.map((key, id) => ({
    id: id + 1,
    name: { namespace: NAMESPACE, partition: bytes(key), key: bytes(key) },
    ballot: '',
  }));
  const topology = {
    moves: { required: () => [['a', 'b'], ['c']], isHolder: () => true },
    placedNow: () => ({}),
  };
  startPromiseSweep(
    {
      promises: {
        unkept: async (_time, after) => unkept.filter(({ id }) => id > after),
        async forget(promises) {
          forgotten.push(...promises.map(({ name }) => decode(name.key)));
        },
      },
      topology: topology as unknown as Topology,
      calls: {
        async digest(peerId, _placed, { key }) {
          const text = decode(key);
          if (peerId !== 'c' || text === 'nowhere') return null;
          if (text === 'silent') throw new Error('away');
          return text === 'unclear' ? false : new Uint8Array(32);
        },
      },
      declarations: { get: () => ({ replicas: 3 }) as NamespaceDeclaration },
      slotOf: () => 1,
      tasks,
      now: clock.now,
    },
    { timeoutMs: 1_000 },
  );
  await clock.advance(1.2 * HOUR_MS);
  assert.deepEqual(forgotten, ['nowhere']);
});
