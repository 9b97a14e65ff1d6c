/** Changes that need no first round, and why they may do without. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, parseVersion } from '@p2pos/protocol';
import fc from 'fast-check';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { storeThrough } from '../../../testing/store-through.ts';
import type { Store } from '../../store/index.ts';
import { createTestbed } from '../testing/testbed.ts';
import { createCohorts } from './cohorts.ts';
import { before } from './grounds.ts';
import { createPromises } from './promises.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const name = { namespace: 'default/kv-cas', partition: bytes('a'), key: bytes('a') };

async function openBed() {
  const stores: Store[] = [];
  let asked = 0;
  const bed = await createTestbed({
    nodes: 3,
    registers: true,
    wrapStore(index, store) {
      stores[index] = store;
      return storeThrough(store, {
        write(statements) {
          asked += statements.filter(({ sql }) => sql.includes('INSERT INTO register_promises')).length;
          return store.write(statements);
        },
      });
    },
  });
  async function change(index: number, value: string): Promise<string> {
    const { registers } = bed.node(index).records;
    const wish = { ...name, value: bytes(value), condition: { kind: 'any' as const } };
    return (await bed.run(registers.change(wish))).version;
  }
  return { bed, stores, change, asked: () => asked };
}

test('a further change through the same node asks for no promises; through another, it does', async () => {
  const { bed, change, asked } = await openBed();
  await using _bed = bed;
  const first = await change(0, 'one');
  const before = asked();
  assert.ok(before >= 2, `${before} were asked for`);
  const second = await change(0, 'two');
  assert.ok(second > first);
  assert.equal(asked(), before);
  const third = await change(1, 'three');
  assert.ok(third > second);
  assert.ok(asked() > before);
  const since = asked();
  await change(0, 'four');
  assert.ok(asked() > since, 'what was known is not taken for what is there');
  const found = await bed.run(bed.node(2).records.registers.read(name));
  assert.deepEqual(found?.value, bytes('four'));
});

test('what was decided long ago is not built upon', async () => {
  const { bed, change, asked } = await openBed();
  await using _bed = bed;
  await change(0, 'one');
  const before = asked();
  await bed.clock.advance(60_000);
  await change(0, 'two');
  assert.ok(asked() > before);
});

test('between a ballot that was accepted and its successor nothing is promised to others', async () => {
  const { bed, stores, change } = await openBed();
  await using _bed = bed;
  // One that has smaller and greater authors beside it.
  const middle = [0, 1, 2].sort((a, b) => (bed.node(a).peerId < bed.node(b).peerId ? -1 : 1))[1] as number;
  const accepted = parseVersion(await change(middle, 'one'));
  const promises = createPromises({ store: stores[0] as Store });
  const authors = [0, 1, 2].map((i) => bed.node(i).peerId).sort();
  const ask = async (ahead: number, author: string) => {
    const ballot = formatVersion({ ...accepted, counter: accepted.counter + ahead, author });
    return (await promises.promise([{ name, ballot }]))[0];
  };
  for (const author of authors) assert.equal(await ask(0, author), false, author);
  for (const author of authors)
    if (author < accepted.author) assert.equal(await ask(1, author), false, author);
  assert.equal(await ask(1, accepted.author), true);
  for (const author of authors) assert.equal(await ask(2, author), true, author);
});

test('a ballot may be promised unless it lies below what was accepted, or between that and its successor', () => {
  const authors = ['aa', 'bb', 'cc'].map((end) => `12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nX${end}`);
  const ballot = fc.record({
    ms: fc.integer({ min: 1, max: 2 }),
    counter: fc.constantFrom(0, 1, 0xfffe, 0xffff),
    author: fc.constantFrom(...authors),
  });
  const next = ({ ms, counter, author }: { ms: number; counter: number; author: string }) =>
    counter < 0xffff ? { ms, counter: counter + 1, author } : { ms: ms + 1, counter: 0, author };
  fc.assert(
    fc.property(ballot, ballot, (accepted, asked) => {
      const held = formatVersion(accepted);
      const wanted = formatVersion(asked);
      assert.equal(held > before(wanted), wanted < formatVersion(next(accepted)));
    }),
  );
  assert.equal(before(formatVersion({ ms: 0, counter: 0, author: authors[0] as string })), '');
});

test('what comes while others are under way starts when they have ended, or after a while', async () => {
  const clock = createManualClock();
  const cohorts = createCohorts({ clock });
  const enter = (count: number) => Promise.all(Array.from({ length: count }, () => cohorts.enter()));
  const first = await enter(10);
  let second = 0;
  const later = Array.from({ length: 5 }, async () => {
    const member = await cohorts.enter();
    second++;
    return member;
  });
  await clock.advance(1);
  assert.equal(second, 0);
  for (const member of first) member[Symbol.dispose]();
  await later[0];
  await later[4];
  assert.equal(second, 5);
  const members = await Promise.all(later);
  let third = 0;
  const held = enter(3).then(() => third++);
  await held;
  assert.equal(third, 1, 'few are under way');
  const many = enter(9).then(() => third++);
  await clock.advance(5);
  assert.equal(third, 1);
  await clock.advance(10);
  await many;
  await enter(64);
  for (const member of members) member[Symbol.dispose]();
});
