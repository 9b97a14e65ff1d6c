/** Registers under a watch: what one replica accepted is not yet agreed on, and is told as soon as it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantCrypto } from '../../../testing/instant-crypto.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { WatchEvent } from '../index.ts';
import { createWatcher } from './watcher.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const version = (n: number) => `${n.toString(16).padStart(16, '0')}-a`;
const namespace = 'default/kv-cas';

interface Row {
  readonly version: string;
  readonly value: Uint8Array | null;
}

/** Three replicas of one slot whose logs the test writes, and what a majority of them would answer. */
async function createBed() {
  const logs = new Map(['a', 'b', 'c'].map((peerId) => [peerId, [] as Row[]]));
  const waiting = new Set<() => void>();
  let agreed: Row | undefined;
  /** Reads that wait for the test to answer them. */
  let held: ((row: Row | undefined) => void)[] | undefined;
  await using making = new AsyncDisposableStack();
  const watcher = making.use(
    createWatcher({
      topology: {
        onChange: () => ({ [Symbol.dispose]() {} }),
        moves: {
          ring: () => ({ closed: [0] }) as never,
          required: () => [[...logs.keys()]],
        },
      },
      async ask(peerId, { from }, _timeoutMs, signal) {
        const log = logs.get(peerId) as Row[];
        const position = from?.position ?? 0;
        while (log.length <= position && from?.store)
          await new Promise<void>((resolve, reject) => {
            waiting.add(resolve);
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          });
        const changes = log.slice(position) as never[];
        return { store: peerId, position: log.length, floor: 0, compacted: false, more: false, changes };
      },
      crypto: instantCrypto,
      holdersOf: () => [...logs.keys()],
      changes: {
        read: async (_range, body) => ({
          key: bytes('k'),
          partition: bytes('k'),
          expiresAt: undefined,
          ...(body as unknown as Row),
        }),
      },
      read: () => (held ? new Promise((resolve) => held?.push(resolve)) : Promise.resolve(agreed)),
      check: () => ({ kind: 'cas', replicas: 3 }) as never,
      clock: createManualClock(),
      now: () => 0,
      random: { float: () => 0 } as never,
      log: { debug() {} } as never,
    }),
  );
  const events = watcher.watch({ namespace, prefix: bytes('') }, new AbortController().signal);
  const closing = making.move();
  return {
    /** The replica commits it; the majority answers `now`. */
    accept(peerId: string, row: Row, now: Row | undefined) {
      logs.get(peerId)?.push(row);
      agreed = now;
      for (const wake of waiting) wake();
      waiting.clear();
    },
    /** From now on; answers what was asked so far, the oldest first. */
    holdReads() {
      held ??= [];
      return held.splice(0);
    },
    releaseReads() {
      held = undefined;
    },
    async next(): Promise<WatchEvent> {
      const { value } = await events.next();
      return value ?? assert.fail('it ended');
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Whatever became of what the replicas said until now has been told. */
const turns = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

test('a change that one replica has, and no majority yet, is told when it is agreed on', async () => {
  await using bed = await createBed();
  assert.equal((await bed.next()).type, 'open');
  assert.equal((await bed.next()).type, 'synced');
  const row = { version: version(1), value: bytes('new') };
  bed.accept('a', row, undefined);
  await turns();
  bed.accept('b', row, row);
  const event = await bed.next();
  assert.deepEqual(event.type === 'change' && [event.version, event.value], [row.version, row.value]);
});

test('what was told is told as gone when a majority has nothing, and again when it is back', async () => {
  await using bed = await createBed();
  await bed.next();
  await bed.next();
  const [one, two] = [1, 2].map((n) => ({ version: version(n), value: bytes(`#${n}`) })) as [Row, Row];
  bed.accept('a', one, one);
  const first = await bed.next();
  assert.deepEqual(first.type === 'change' && first.value, one.value);
  bed.accept('a', two, undefined);
  const second = await bed.next();
  assert.deepEqual(second.type === 'change' && [second.version, second.value], [one.version, null]);
  bed.accept('b', two, two);
  const third = await bed.next();
  assert.deepEqual(third.type === 'change' && third.value, two.value);
});

test('what a majority had before it agreed on something newer is not told of that', async () => {
  const [one, gone, three] = [1, 2, 3].map((n) => ({
    version: version(n),
    value: n === 2 ? null : bytes(`#${n}`),
  })) as [Row, Row, Row];
  for (const before of [undefined, gone]) {
    await using bed = await createBed();
    await bed.next();
    await bed.next();
    bed.holdReads();
    bed.accept('a', one, undefined);
    await turns();
    const [slow] = bed.holdReads();
    bed.accept('b', three, three);
    await turns();
    const [quick] = bed.holdReads();
    quick?.(three);
    const event = await bed.next();
    assert.deepEqual(event.type === 'change' && [event.version, event.value], [three.version, three.value]);
    bed.releaseReads();
    slow?.(before);
    await turns();
    const last = { version: version(4), value: bytes('#4') };
    bed.accept('c', last, last);
    const next = await bed.next();
    assert.deepEqual(next.type === 'change' && [next.version, next.value], [last.version, last.value]);
  }
});

test('a deletion that was agreed on is told under its own version, also of what was never told', async () => {
  await using bed = await createBed();
  await bed.next();
  await bed.next();
  const [live, gone] = [
    { version: version(1), value: bytes('one') },
    { version: version(2), value: null },
  ] as const;
  // Replicas keep the state of a deleted register as a record like any other.
  bed.accept('a', { version: version(2), value: bytes('a state') }, gone);
  const event = await bed.next();
  assert.deepEqual(event.type === 'change' && [event.version, event.value], [gone.version, null]);
  bed.accept('b', live, live);
  bed.accept(
    'c',
    { version: version(3), value: bytes('a state') },
    { version: version(3), value: bytes('back') },
  );
  const next = await bed.next();
  assert.equal(next.type === 'change' && next.version, version(3));
});
