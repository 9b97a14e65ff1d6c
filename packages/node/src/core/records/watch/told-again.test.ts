/** What was told because one replica told of something older comes again from that replica to a watch that goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantCrypto } from '../../../testing/instant-crypto.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import type { Change } from './change.ts';
import type { FollowAnswer } from './source.ts';
import { createWatcher } from './watcher.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const version = (n: number) => `${n.toString(16).padStart(16, '0')}-a`;
const PEERS = ['a', 'b', 'c'].map((letter) => letter.repeat(8));

function changeOf(at: number): Change {
  return {
    key: bytes('k'),
    partition: bytes('k'),
    version: version(at),
    value: bytes(`#${at}`),
    expiresAt: undefined,
  };
}

test('what the replica that lagged has yet to tell is not told twice', async () => {
  const [lagging] = PEERS as [string];
  let caughtUp = false;
  const others = Promise.withResolvers<void>();
  const page = (
    peerId: string,
    from: number,
  ): (Pick<FollowAnswer, 'more' | 'position'> & { changes: Change[] }) | undefined => {
    if (peerId !== lagging)
      return from === 0 ? { position: 2, more: false, changes: [changeOf(2)] } : undefined;
    if (from === 0) return { position: 1, more: false, changes: [changeOf(1)] };
    return caughtUp && from === 1 ? { position: 2, more: false, changes: [changeOf(2)] } : undefined;
  };
  await using watcher = createWatcher(
    {
      topology: {
        onChange: () => ({ [Symbol.dispose]() {} }),
        moves: { ring: () => ({ closed: [0] }) as never, required: () => [PEERS] },
      },
      async ask(peerId, { from, waitMs }, _timeoutMs, signal) {
        if (peerId !== lagging) await others.promise;
        const position = from?.position ?? 0;
        const found = page(peerId, position) ?? (waitMs === 0 && { position, more: false, changes: [] });
        const store = Buffer.from(peerId.repeat(2)).toString('hex');
        if (found) return { store, floor: 0, compacted: false, ...found, changes: found.changes as never[] };
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
      },
      crypto: instantCrypto,
      holdersOf: () => PEERS,
      changes: { read: async (_range, body) => body as unknown as Change },
      read: async () => changeOf(2),
      check: () => ({ kind: 'lww', replicas: 3 }) as never,
      clock: createManualClock(),
      now: () => 0,
      random: { float: () => 0 } as never,
      log: { debug() {} } as never,
    },
    {},
  );
  const input = { namespace: 'default/kv', prefix: bytes('') };
  async function told(from?: string) {
    let changes = 0;
    const stop = new AbortController();
    for await (const event of watcher.watch({ ...input, ...(from && { from }) }, stop.signal)) {
      if (event.type === 'change') {
        changes++;
        others.resolve();
      }
      if (event.type === 'synced') return { changes, token: event.token };
    }
    throw new Error('it ended');
  }
  const first = await told();
  assert.equal(first.changes, 1);
  caughtUp = true;
  const second = await told(first.token);
  assert.equal(second.changes, 0);
});
