/** What a watch remembers and holds is bounded, and what it tells is no less for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantCrypto } from '../../../testing/instant-crypto.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { WatchEvent } from '../index.ts';
import type { Change } from './change.ts';
import type { FollowAnswer } from './source.ts';
import { createWatcher, type WatcherConfig } from './watcher.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const version = (n: number) => `${n.toString(16).padStart(16, '0')}-a`;
const PEERS = ['a', 'b', 'c'];

function changeOf(name: string, at: number, value: Uint8Array | null = bytes(`#${at}`)): Change {
  return { key: bytes(name), partition: bytes(name), version: version(at), value, expiresAt: undefined };
}

type Page = Pick<FollowAnswer, 'more' | 'position'> & {
  readonly compacted?: boolean;
  readonly changes: readonly Change[];
};

interface BedInput {
  /** What each replica answers who follows it from there; undefined: it waits for a commit. */
  readonly page: (peerId: string, from: number) => Page | undefined;
  /** What a quorum has. */
  readonly find?: (key: string) => Change | undefined;
  readonly listing?: boolean;
  readonly config?: WatcherConfig;
}

function createBed({ page, find = () => undefined, listing = true, config = {} }: BedInput) {
  const watcher = createWatcher(
    {
      topology: {
        onChange: () => ({ [Symbol.dispose]() {} }),
        moves: { ring: () => ({ closed: [0] }) as never, required: () => [PEERS] },
      },
      async ask(peerId, { from }, _timeoutMs, signal) {
        const found = from ? page(peerId, from.position) : { position: 0, more: false, changes: [] };
        if (found)
          return { store: peerId, floor: 0, compacted: false, ...found, changes: found.changes as never[] };
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
      },
      crypto: instantCrypto,
      holdersOf: () => PEERS,
      changes: { read: async (_range, body) => body as unknown as Change },
      read: async ({ key }) => find(new TextDecoder().decode(key)),
      check: () => ({ kind: 'lww', replicas: 3 }) as never,
      clock: createManualClock(),
      now: () => 0,
      random: { float: () => 0 } as never,
      log: { debug() {} } as never,
    },
    config,
  );
  const input = { namespace: 'default/kv', prefix: bytes(''), listing };
  return {
    open: (signal = new AbortController().signal) => watcher.watch(input, signal),
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  };
}

/** Names of what was told up to the first `synced`. */
async function told(events: AsyncIterable<WatchEvent>): Promise<string[]> {
  const list: string[] = [];
  for await (const event of events) {
    if (event.type === 'synced') break;
    if (event.type === 'change')
      list.push(`${new TextDecoder().decode(event.key)}${event.value ? '+' : '-'}`);
  }
  return list;
}

for (const maxKnown of [100, 2]) {
  test(`a listing tells what is deleted while it goes on, of which it remembers ${maxKnown} keys`, async () => {
    const first = [1, 2, 3, 4].map((n) => changeOf(`k${n}`, n));
    const held = new Map(first.map((change) => [new TextDecoder().decode(change.key), change]));
    await using bed = createBed({
      config: { maxKnown },
      find: (key) => held.get(key),
      page(_, from) {
        if (from === 0) return { position: 4, more: true, changes: first };
        held.delete('k1');
        if (from === 4) return { position: 5, more: true, changes: [changeOf('k1', 9, null)] };
        return from === 5 ? { position: 6, more: false, changes: [] } : undefined;
      },
    });
    const list = await told(bed.open());
    assert.deepEqual(list.slice(0, 4), ['k1+', 'k2+', 'k3+', 'k4+']);
    assert.ok(list.includes('k1-'), list.join(' '));
  });
}

for (const [what, value] of [
  ['value', bytes('ahead')],
  ['deletion', null],
] as const) {
  test(`a ${what} hours ahead that one replica alone shows hides no change of the others`, async () => {
    const ahead = changeOf('k', 86_400_000 * 65_536, value);
    const [one, two] = [changeOf('k', 1), changeOf('k', 2)];
    await using bed = createBed({
      listing: false,
      page(peerId, from) {
        if (peerId === 'a' && from === 0) return { position: 1, more: true, changes: [ahead] };
        if (from === 0) return { position: 1, more: true, changes: [one] };
        if (from === 1) return { position: 2, more: false, changes: peerId === 'a' ? [] : [two] };
        return undefined;
      },
      find: () => (value ? one : undefined),
    });
    const seen: string[] = [];
    for await (const event of bed.open()) {
      if (event.type === 'synced') break;
      if (event.type === 'change') seen.push(event.version);
    }
    assert.equal(seen.at(-1), two.version);
    assert.ok(!seen.includes(ahead.version));
  });
}

test('a listing does not tell of what was deleted before, as long as it knows', async () => {
  await using bed = createBed({
    page(_, from) {
      const changes = [changeOf('gone', 1, null), changeOf('here', 2)];
      if (from === 0) return { position: 2, more: true, changes };
      return from === 2 ? { position: 3, more: false, changes: [] } : undefined;
    },
    find: (key) => (key === 'here' ? changeOf('here', 2) : undefined),
  });
  assert.deepEqual(await told(bed.open()), ['here+']);
});

test('without a listing a deletion is told from the beginning', async () => {
  await using bed = createBed({
    listing: false,
    page(_, from) {
      if (from === 0) return { position: 1, more: true, changes: [changeOf('k', 1, null)] };
      return from === 1 ? { position: 2, more: false, changes: [] } : undefined;
    },
  });
  assert.deepEqual(await told(bed.open()), ['k-']);
});

/** New keys without end, from each replica others. */
function createFlood(valueBytes: number, perPage: number) {
  const flood = { told: 0 };
  const value = new Uint8Array(valueBytes);
  const page = (_peerId: string, from: number) => ({
    position: from + perPage,
    more: true,
    changes: Array.from({ length: perPage }, () => changeOf(`k${flood.told++}`, flood.told, value)),
  });
  return { flood, page };
}

/** Until nothing moves any more. */
async function standstill(flood: { readonly told: number }): Promise<void> {
  for (let before = -1; before !== flood.told; ) {
    before = flood.told;
    for (let i = 0; i < 500; i++) await Promise.resolve();
  }
}

test('who reads slowly holds little, however large the values are', async () => {
  const { flood, page } = createFlood(65_536, 16);
  await using bed = createBed({ page, listing: false });
  const events = bed.open();
  let changes = 0;
  const read = async (count: number) => {
    while (changes < count) if ((await events.next()).value?.type === 'change') changes++;
  };
  for (const count of [1, 40, 200, 1_000]) {
    await read(count);
    await standstill(flood);
    // A page of each replica, when nothing was left to read; else one on top of an eighth of it.
    const held = (flood.told - changes) * 65_536;
    assert.ok(held <= 3 * 1_048_576, `${held / 1_048_576} MiB are held of one watch`);
  }
  await events.return();
});

test('many watches that nobody reads hold little together', async () => {
  const { flood, page } = createFlood(16_384, 2);
  await using bed = createBed({ page, listing: false });
  const watches = Array.from({ length: 64 }, () => bed.open());
  for (const events of watches) for (let i = 0; i < 2; i++) await events.next();
  await standstill(flood);
  const held = flood.told * 16_384;
  assert.ok(held <= 64 * (131_072 + 3 * 32_768), `${held / 1_048_576} MiB are held`);
  await Promise.all(watches.map((events) => events.return()));
});

test('a watch that was given up takes no place, also when nobody reads it to its end', async () => {
  await using bed = createBed({ page: () => undefined, config: { maxWatches: 1 } });
  for (let i = 0; i < 3; i++) {
    const stop = new AbortController();
    const events = bed.open(stop.signal);
    assert.equal((await events.next()).value?.type, 'open');
    stop.abort();
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }
});

for (const first of [true, false])
  test(`one replica that always says its log is compacted, ${first ? 'at once' : 'after it told something'}, begins a watch anew only now and then`, async () => {
    await using bed = createBed({
      page(peerId, from) {
        if (peerId === 'a' && (first || from > 0))
          return { position: from, more: false, changes: [], compacted: true };
        return from === 0 ? { position: 1, more: false, changes: [changeOf('k', 1)] } : undefined;
      },
      find: () => changeOf('k', 1),
    });
    // No time passes.
    const events = bed.open();
    let begun = 0;
    for (let i = 0; i < 200; i++) {
      const next = await Promise.race([
        events.next(),
        new Promise<undefined>((r) => setImmediate(() => setImmediate(() => r(undefined)))),
      ]);
      if (!next) break;
      if (next.value?.type === 'compacted') begun++;
    }
    assert.ok(begun <= (first ? 0 : 2), `it began anew ${begun} times within no time`);
  });
