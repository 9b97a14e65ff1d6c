/** What one holder writes: entries that whoever follows can bear, and no more in memory than an app may have there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { silentLogger } from '../../../core/log/index.ts';
import type { Lease } from '../../../core/records/index.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { Account } from './account.ts';
import { afterEntry, type Entry, type Head, lengthOf, NEVER_WRITTEN } from './format.ts';
import type { TopicLog } from './log.ts';
import { createSequencer } from './sequencer.ts';

/** Its writes wait until they are let go. */
async function bench(account: Account = { bytes: 0, maxBytes: 2 ** 30 }) {
  const clock = createManualClock();
  const entries = new Map<number, Entry>();
  let gate = Promise.resolve();
  let head: Head = NEVER_WRITTEN;
  const topic: TopicLog = {
    app: 'a',
    topic: 't',
    head: async () => head,
    async editHead(edit) {
      head = edit(head) ?? head;
      return head;
    },
    async read(number) {
      const entry = entries.get(number);
      return entry && { entry, after: afterEntry(number, entry) };
    },
    async write(number, entry) {
      await gate;
      lost.signal.throwIfAborted();
      entries.set(number, entry);
      return true;
    },
    remove: async () => {},
    search: async () => 1,
  };
  const lost = new AbortController();
  const lease: Lease = { token: 1, lost: lost.signal, async [Symbol.asyncDispose]() {} };
  const sequencer = await createSequencer({
    self: 'me',
    topic,
    lease,
    account,
    clock,
    log: silentLogger,
    now: () => clock.now(),
    onWritten() {},
    async removePayloads() {},
  });
  let ids = 0;
  return {
    entries,
    lose: () => lost.abort(new P2posError('LEASE_LOST', { token: 1 })),
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    append(data: Uint8Array | number) {
      const id = Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? ++ids : ids >> 8) & 255);
      const stored = typeof data === 'number' ? { id, bytes: data, hash: new Uint8Array(32) } : data;
      return sequencer.append({ publisher: 'p', at: 0, id, data: stored });
    },
  };
}

test('an entry holds no more data than one large message, however many wait', async () => {
  const { entries, hold, append } = await bench();
  const go = hold();
  const first = append(new Uint8Array(1));
  const appended = Array.from({ length: 20 }, (_, i) => append(i % 2 === 0 ? 1_048_576 : 400_000));
  go();
  await Promise.all([first, ...appended]);
  const sums = [...entries.values()].map(({ messages }) =>
    messages.reduce((sum, one) => sum + lengthOf(one), 0),
  );
  assert.ok(Math.max(...sums) <= 1_048_576, `${Math.max(...sums)} bytes in one entry`);
  assert.equal(
    sums.reduce((a, b) => a + b, 0),
    1 + 10 * 1_448_576,
  );
});

test('what waits for all logs of an app is bounded, and given back when it is written or refused', async () => {
  const account: Account = { bytes: 0, maxBytes: 100_000 };
  const one = await bench(account);
  const other = await bench(account);
  const go = one.hold();
  const waiting = [0, 1, 2].map(() => one.append(new Uint8Array(40_000)));
  await assert.rejects(other.append(new Uint8Array(1)), { code: 'OVERLOADED' });
  go();
  await Promise.all(waiting);
  await other.append(new Uint8Array(1));
  assert.equal(account.bytes, 0);
  const goOn = one.hold();
  const refused = [0, 1, 2].map(() =>
    assert.rejects(one.append(new Uint8Array(40_000)), { code: 'LEASE_LOST' }),
  );
  one.lose();
  goOn();
  await Promise.all(refused);
  assert.equal(account.bytes, 0);
});

test('what comes in the moment in which the last of what waited is written is written too', {
  timeout: 5_000,
}, async () => {
  const { append } = await bench();
  for (let i = 0; i < 3; i++) await append(new Uint8Array(1));
});
