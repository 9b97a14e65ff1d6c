import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

interface Counted {
  readonly bed: Testbed;
  /** Groups of records that the disk of node 1 was given. */
  groups(): number;
}

async function open(latencyMs: number, nodes = 3): Promise<Counted> {
  let groups = 0;
  const bed = await createTestbed({
    nodes,
    latencyMs,
    wrapStore: (index, store) => ({
      storeId: store.storeId,
      migrate: (owner, migrations) => store.migrate(owner, migrations),
      read: (sql, params) => store.read(sql, params),
      write(statements) {
        if (index === 1 && statements.some(({ sql }) => /INTO records /.test(sql))) groups++;
        return store.write(statements);
      },
      position: () => store.position(),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }),
  });
  await bed.settleStanding();
  return { bed, groups: () => groups };
}

/** Begins a write in each millisecond. */
async function trickle(bed: Testbed, count: number): Promise<void> {
  const writes: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    writes.push(bed.put(0, `k${i}`, 'v'));
    await bed.clock.advance(1);
  }
  await bed.run(Promise.all(writes));
}

test('writes that come while others are on their way to the disks go there together', async () => {
  const { bed, groups } = await open(4);
  await using _ = bed;
  await trickle(bed, 64);
  assert.ok(groups() <= 20, `${groups()} groups`);
});

test('a majority that cannot be had holds up the writes behind it for a moment only', async () => {
  const { bed } = await open(1, 5);
  await using _ = bed;
  const lost = bed.findKey((replicas) => replicas.includes(3) && replicas.includes(4));
  const near = bed.findKey((replicas) => !replicas.includes(3) && !replicas.includes(4));
  bed.partition([0, 1, 2], [3, 4]);
  const failing = Array.from({ length: 12 }, () => bed.put(0, lost, 'v').catch(() => {}));
  await bed.clock.advance(5);
  const startedAt = bed.clock.monotonic();
  await bed.run(bed.put(0, near, 'v'));
  assert.ok(bed.clock.monotonic() - startedAt < 50, `${bed.clock.monotonic() - startedAt} ms`);
  await bed.run(Promise.all(failing));
});
