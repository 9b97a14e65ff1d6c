import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { dialInOrder } from './dial-order.ts';

const TCP = '/ip4/127.0.0.1/tcp/1';
const QUIC = '/ip4/127.0.0.1/udp/1/quic-v1';
const { signal } = new AbortController();

function attempts(clock: ReturnType<typeof createManualClock>, works: (tries: number) => boolean) {
  const tried: string[][] = [];
  const dialled = dialInOrder(
    { clock },
    [QUIC, TCP],
    async (addresses) => {
      tried.push([...addresses]);
      if (!works(tried.length)) throw new Error('refused');
      return addresses.length;
    },
    signal,
  );
  return { tried, dialled };
}

test('tcp alone is tried first, and again before anything else', async () => {
  const clock = createManualClock();
  const { tried, dialled } = attempts(clock, (tries) => tries === 2);
  await clock.advance(3_000);
  assert.equal(await dialled, 1);
  assert.deepEqual(tried, [[TCP], [TCP]]);
});

test('where tcp cannot be had all addresses are tried', async () => {
  const clock = createManualClock();
  const { tried, dialled } = attempts(clock, (tries) => tries === 5);
  await clock.advance(3_000);
  assert.equal(await dialled, 2);
  assert.deepEqual(tried, [[TCP], [TCP], [TCP], [TCP], [QUIC, TCP]]);
});

test('addresses of one transport are dialled at once', async () => {
  const tried: number[] = [];
  const dial = async (addresses: readonly string[]) => tried.push(addresses.length);
  await dialInOrder({ clock: createManualClock() }, [QUIC], dial, signal);
  assert.deepEqual(tried, [1]);
});
