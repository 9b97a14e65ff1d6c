import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';
import { Watching } from '../testing/watching.ts';
import { decodeToken, encodeToken } from './token.ts';

const isSynced = (watching: Watching) => watching.events.some(({ type }) => type === 'synced');

async function until(bed: Testbed, holds: () => boolean, limitMs = 60_000): Promise<void> {
  await bed.clock.advanceUntil(holds, { stepMs: 1, limitMs });
}

async function started(bed: Testbed, index: number, options?: ConstructorParameters<typeof Watching>[1]) {
  const watching = new Watching(bed, options);
  watching.start(index);
  await until(bed, () => isSynced(watching));
  return watching;
}

test('what is there comes first, then every change as it is made; other keys do not', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  await bed.put(0, 'a1', 'one');
  await bed.put(1, 'a2', 'two');
  await bed.put(2, 'b1', 'other');
  await bed.put(3, 'a3', 'short-lived');
  await bed.remove(3, 'a3');
  const watching = await started(bed, 4, { prefix: 'a' });
  assert.deepEqual(watching.changes().slice(1).sort(), ['a1=one', 'a2=two', 'synced']);
  assert.equal(watching.changes()[0], 'open');
  watching.events.length = 0;
  const at = bed.clock.monotonic();
  await bed.put(0, 'a1', 'more');
  await bed.put(0, 'b1', 'unseen');
  await bed.remove(1, 'a2');
  await bed.put(2, 'a4', 'new');
  await until(bed, () => watching.state.has('a4'));
  assert.ok(bed.clock.monotonic() - at < 50, 'woken by the commit, not by a poll');
  assert.deepEqual(watching.changes(), ['a1=more', 'a2=gone', 'a4=new']);
  await watching.stop();
});

test('without a listing only what changes after it was opened is told', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  await bed.put(0, 'a', 'before');
  const watching = await started(bed, 1, { listing: false });
  await bed.put(0, 'b', 'after');
  await until(bed, () => watching.state.has('b'));
  assert.deepEqual(watching.alive(), { b: 'after' });
  await watching.stop();
});

test('a watch goes on through another node from its token, with what was missed and nothing else', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  for (let i = 0; i < 20; i++) await bed.put(0, `key${i}`, 'old');
  const watching = await started(bed, 0);
  await watching.stop();
  await bed.put(1, 'key3', 'new');
  await bed.remove(1, 'key4');
  watching.events.length = 0;
  watching.start(3);
  await until(bed, () => isSynced(watching));
  const told = watching.changes().filter((text) => text.includes('='));
  assert.deepEqual([...new Set(told)].sort(), ['key3=new', 'key4=gone']);
  await watching.stop();
});

test('a watch that goes on tells nothing twice, also when a replica that was away is caught up with', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const watching = await started(bed, 0);
  const key = bed.findKey((replicas) => !replicas.includes(0));
  const [down] = bed.replicasOf(key) as [number];
  await bed.crash(down);
  const keys = Array.from({ length: 30 }, (_, i) => `${key}-${i}`);
  for (const name of [key, ...keys]) await bed.put(0, name, 'one');
  await bed.put(0, key, 'two');
  await bed.remove(0, keys[0] as string);
  await until(bed, () => watching.state.get(keys[0] as string)?.value === undefined);
  await until(bed, () => watching.state.get(key)?.value === 'two' && watching.state.size === 31);
  // Twice, since the token of who was just resumed must not forget.
  for (const index of [1, 2].map((i) => (down + i) % 5)) {
    await watching.stop();
    watching.events.length = 0;
    watching.start(index);
    await until(bed, () => isSynced(watching));
    await bed.clock.advance(1_000);
  }
  await bed.start(down);
  await bed.clock.advance(90_000);
  const [row] = await bed
    .node(down)
    .store.read<{ n: number }>("SELECT count(*) AS n FROM records WHERE namespace = 'default/kv'");
  assert.ok(Number(row?.n) > 10, `${row?.n} came to the one that was away`);
  const told = watching.changes().filter((text) => text.includes('='));
  assert.deepEqual(told, []);
  await bed.put(0, key, 'three');
  await until(bed, () => watching.state.get(key)?.value === 'three');
  await watching.stop();
});

test('a change is told although a replica of it is down, and the one that comes back says nothing old', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const watching = await started(bed, 0);
  const key = bed.findKey((replicas) => !replicas.includes(0));
  const [down] = bed.replicasOf(key) as [number];
  await bed.put(0, key, 'one');
  await bed.crash(down);
  await bed.put(0, key, 'two');
  await until(bed, () => watching.state.get(key)?.value === 'two');
  await bed.start(down);
  await bed.clock.advance(10_000);
  assert.equal(watching.state.get(key)?.value, 'two');
  await bed.put(0, key, 'three');
  await until(bed, () => watching.state.get(key)?.value === 'three');
  await watching.stop();
});

test('a token of other keys is refused; one that does not say of which it is, is taken', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  for (const key of ['a', 'b']) await bed.put(0, key, 'here');
  const { horizon, positions, told } = decodeToken(await tokenOf(bed, 'a'));
  const watching = new Watching(bed, { prefix: 'b' });
  watching.start(1, await tokenOf(bed, 'a'));
  await until(bed, () => !watching.isRunning);
  assert.ok(isP2posError(watching.ended, 'WATCH_TOKEN_INVALID'));
  watching.start(1, encodeToken({ range: undefined, horizon, positions, told }));
  await until(bed, () => isSynced(watching));
  await watching.stop();
  watching.start(2, await tokenOf(bed, 'b'));
  await until(bed, () => isSynced(watching));
  await watching.stop();
});

async function tokenOf(bed: Testbed, prefix: string): Promise<string> {
  const watching = await started(bed, 0, { prefix });
  await watching.stop();
  return watching.token as string;
}

test('a token whose tombstones are gone is told so, and everything that is there comes again', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await bed.put(0, 'stays', 'here');
  await bed.put(0, 'goes', 'away');
  const watching = await started(bed, 0);
  await watching.stop();
  await bed.remove(0, 'goes');
  await bed.clock.advance(1_000);
  for (const { store } of bed.nodes())
    await bed.run(store.write([{ sql: 'DELETE FROM records WHERE tombstone = 1' }]));
  watching.events.length = 0;
  watching.start(1);
  await until(bed, () => isSynced(watching));
  assert.deepEqual(watching.changes(), ['open', 'compacted', 'open', 'stays=here', 'synced']);
  assert.deepEqual(watching.alive(), { stays: 'here' });
  await watching.stop();
});

test('a token of another store is told so', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await using other = await createTestbed({ nodes: 3, seed: 'other' });
  await other.put(0, 'a', 'there');
  const there = await started(other, 0);
  await there.stop();
  await bed.put(0, 'a', 'here');
  const watching = new Watching(bed);
  watching.start(0, there.token);
  await until(bed, () => isSynced(watching));
  assert.deepEqual(watching.alive(), { a: 'here' });
  await watching.stop();
});

test('an expired key is told as gone when its value is let go', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const watching = await started(bed, 0);
  await bed.put(0, 'a', 'for a second', { ttlMs: 1_000 });
  await until(bed, () => watching.state.has('a'));
  await until(bed, () => watching.state.get('a')?.value === undefined, 300_000);
  await watching.stop();
});

test('who reads slowly gets the newest state of each key, and nothing piles up', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const stop = new AbortController();
  const watch = bed
    .node(0)
    .records.watch({ namespace: 'default/kv', prefix: new Uint8Array(0) }, { signal: stop.signal });
  const events = watch[Symbol.asyncIterator]();
  const next = async () => (await bed.run(events.next())).value;
  assert.equal((await next())?.type, 'open');
  for (let i = 0; i < 200; i++) await bed.put(0, `key${i % 7}`, `#${i}`);
  await bed.clock.advance(1_000);
  const last = new Map<string, string>();
  for (let event = await next(); last.size < 7 || last.get('key3') !== '#199'; event = await next())
    if (event?.type === 'change')
      last.set(new TextDecoder().decode(event.key), new TextDecoder().decode(event.value ?? undefined));
  assert.equal(last.get('key3'), '#199');
  stop.abort();
  await bed.run(Promise.resolve(events.return?.()));
});

test('registers are watched by what a majority has agreed on', async () => {
  await using bed = await createTestbed({ nodes: 5, registers: true });
  const namespace = 'default/kv-cas';
  const name = (key: string) => ({ ...nameOf(key), namespace });
  const change = (index: number, key: string, value: string | null) =>
    bed.run(
      bed.node(index).records.registers.change({
        ...name(key),
        value: value === null ? null : new TextEncoder().encode(value),
        condition: { kind: 'any' },
      }),
    );
  await change(0, 'a', 'one');
  const watching = await started(bed, 1, { namespace });
  assert.deepEqual(watching.alive(), { a: 'one' });
  const { version } = await change(2, 'a', 'two');
  await until(bed, () => watching.state.get('a')?.value === 'two');
  assert.equal(watching.state.get('a')?.version, version);
  await change(3, 'b', 'new');
  await change(0, 'a', null);
  await until(bed, () => watching.state.has('b') && watching.state.get('a')?.value === undefined);
  await change(4, 'a', 'again');
  await until(bed, () => watching.state.get('a')?.value === 'again');
  await watching.stop();
});

test('a watch of registers that goes on hears of what was deleted while it was away', async () => {
  await using bed = await createTestbed({ nodes: 5, registers: true });
  const namespace = 'default/kv-cas';
  const change = (index: number, key: string, value: string | null) =>
    bed.run(
      bed.node(index).records.registers.change({
        ...nameOf(key),
        namespace,
        value: value === null ? null : new TextEncoder().encode(value),
        condition: { kind: 'any' },
      }),
    );
  for (const key of ['stays', 'goes']) await change(0, key, 'here');
  const watching = await started(bed, 0, { namespace });
  await watching.stop();
  const { version } = await change(1, 'goes', null);
  for (const index of [0, 3]) {
    watching.events.length = 0;
    watching.start(index);
    await until(bed, () => isSynced(watching));
    await watching.stop();
    assert.deepEqual(watching.alive(), { stays: 'here' });
    assert.equal(watching.state.get('goes')?.version, version);
    // Told once: the second goes on from where the first got to.
    assert.equal(watching.changes().includes('goes=gone'), index === 0);
  }
});

test('watches of a node end with it, there are only so many, and one app leaves room for others', async () => {
  await using bed = await createTestbed({ nodes: 3, declare: false });
  for (const { records } of bed.nodes())
    records.declare({ suffix: '/kv', kind: 'lww', author: 'member', replicas: 3, maxValueBytes: 1_024 });
  async function open(app: string, count: number): Promise<Watching[]> {
    const watchings = Array.from({ length: count }, () => new Watching(bed, { namespace: `${app}/kv` }));
    for (const watching of watchings) watching.start(0);
    await bed.clock.advance(100);
    return watchings;
  }
  const refused = (watchings: Watching[]) => watchings.filter(({ isRunning }) => !isRunning);
  const greedy = await open('greedy', 129);
  const [one, ...others] = refused(greedy);
  assert.equal(others.length, 0);
  assert.ok(isP2posError(one?.ended, 'WATCH_LIMIT'));
  assert.deepEqual(one.ended.details, { app: 'greedy', limit: 128 });
  const late = await open('late', 65);
  assert.deepEqual(
    refused(late).map(({ ended }) => isP2posError(ended) && [ended.code, ended.details['limit']]),
    [['WATCH_LIMIT', 64]],
  );
  assert.equal(refused(await open('third', 64)).length, 0);
  assert.ok(isP2posError(refused(await open('fourth', 1))[0]?.ended, 'OVERLOADED'));
  await greedy[0]?.stop();
  assert.ok(isP2posError(refused(await open('greedy', 1))[0]?.ended, 'WATCH_LIMIT'));
  assert.equal(refused(await open('fourth', 1)).length, 0);
  await bed.crash(0);
  await bed.clock.advance(10);
  assert.ok(greedy.every(({ isRunning }) => !isRunning));
  assert.ok(isP2posError(greedy[1]?.ended, 'NODE_CLOSING'));
});
