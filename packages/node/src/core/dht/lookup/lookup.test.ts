/** One search: paths that do not meet, liars that lead nowhere, and the silent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { Contact } from '../index.ts';
import { compareDistance } from '../routing/node-id.ts';
import { type LookupConfig, runLookup } from './lookup.ts';

const CONFIG: LookupConfig = { k: 4, alpha: 3, paths: 3, perNetwork: Number.POSITIVE_INFINITY, slowMs: 100 };
const TARGET = new Uint8Array(32);

/** A node whose distance to the target is its number. */
const contact = (number: number): Contact => ({ peerId: String(number), addresses: [] });
function idOf(peerId: string): Uint8Array {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(28, Number(peerId));
  return id;
}
const numbers = (contacts: readonly Contact[]) => contacts.map(({ peerId }) => Number(peerId));

async function search(
  answers: (number: number) => readonly number[] | 'silent',
  seeds: readonly number[],
  options: {
    readonly config?: Partial<LookupConfig>;
    readonly networkOf?: (n: number) => string;
    readonly confirm?: number;
  } = {},
) {
  const clock = createManualClock();
  const asked: number[] = [];
  const config = { ...CONFIG, ...options.config };
  const running = runLookup(
    {
      clock,
      idOf,
      networkOf: ({ peerId }) => options.networkOf?.(Number(peerId)),
      accepts: (peerId) => peerId !== '13',
      query: ({ peerId }) => {
        asked.push(Number(peerId));
        const answer = answers(Number(peerId));
        if (answer === 'silent')
          return new Promise<never>((_, reject) => clock.after(2_000, () => reject(new Error('silent'))));
        return Promise.resolve({ closer: answer.map(contact) });
      },
    },
    config,
    {
      target: TARGET,
      seeds: seeds.map(contact),
      confirm: options.confirm ?? config.k,
      signal: new AbortController().signal,
      timeoutMs: 30_000,
    },
  );
  let done = false;
  void running.finally(() => {
    done = true;
  });
  await clock.advanceUntil(() => done);
  return { ...(await running), asked, tookMs: clock.monotonic() };
}

test('it asks its way to the closest, each node once', async () => {
  const near = (number: number) => [number - 1, number - 2, number - 3].filter((one) => one > 0);
  const { closest, asked, hops } = await search(near, [30, 29, 28]);
  assert.deepEqual(numbers(closest), [1, 2, 3, 4]);
  assert.equal(new Set(asked).size, asked.length);
  assert.ok(hops >= 9, `${hops} hops`);
  assert.ok(!asked.includes(13), 'nor one that may not be asked');
});

test('a liar among the first ends its own path only; the others arrive', async () => {
  // It names nodes closer than anybody honest, which exist and name the same.
  const LIAR = 290;
  const lies = Array.from({ length: 20 }, (_, i) => i + 1);
  const answers = (number: number) =>
    number === LIAR || number <= 20 ? lies : [number - 10, number - 20].filter((one) => one > 20);
  const [alone, three] = [
    await search(answers, [LIAR, 300, 310], { config: { paths: 1 } }),
    await search(answers, [LIAR, 300, 310]),
  ];
  assert.ok(!alone.asked.includes(30), 'one path was led astray');
  assert.ok(three.asked.includes(30), 'the closest honest node was asked');
  const networks = (number: number) => (number <= 20 ? 'v4:198.51.100' : `v4:${number}`);
  const { closest } = await search(answers, [LIAR, 300, 310], {
    config: { perNetwork: 2 },
    networkOf: networks,
  });
  assert.deepEqual(numbers(closest), [1, 2, 30, 40], 'and counts, where one network cannot have all places');
});

test('at most two of one network are among the closest, and the search goes on for the rest', async () => {
  const crowd = [1, 2, 3, 4, 5, 6, 7, 8];
  const all = [...crowd, 50, 51, 52, 53];
  const { closest } = await search(() => all, [50, 51, 52], {
    config: { perNetwork: 2 },
    networkOf: (number) => (number < 10 ? 'v4:198.51.100' : `v4:${number}`),
  });
  assert.deepEqual(numbers(closest), [1, 2, 50, 51]);
});

test('the silent make room at once and are waited for no longer than twice as slow', async () => {
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const { closest, tookMs } = await search((number) => (number <= 3 ? 'silent' : all), [8, 9, 10]);
  assert.deepEqual(numbers(closest), [4, 5, 6, 7]);
  assert.ok(tookMs <= 1_000, `${tookMs} ms`);
});

test('with few to confirm it asks few, and names the others as it was told', async () => {
  const all = Array.from({ length: 10 }, (_, i) => i + 1);
  const { closest, asked } = await search(() => all, [8, 9, 10], { confirm: 2 });
  assert.deepEqual(numbers(closest), [1, 2, 3, 4]);
  assert.ok(asked.length <= 9 && asked.includes(1) && asked.includes(2), `${asked}`);
});

test('distance here is the number', () => {
  assert.ok(compareDistance(idOf('3'), idOf('5'), TARGET) < 0);
});
