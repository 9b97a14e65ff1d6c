import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stream } from '@libp2p/interface';
import { createManualClock } from '../../testing/manual-clock.ts';
import { joinStreams } from './relayed-streams.ts';
import { createThrottle } from './throttle.ts';

/** One end at the relay: the peer behind it sends while it is read, and takes `room` bytes before it is full. */
class FakeEnd extends EventTarget {
  readStatus = 'readable';
  writableNeedsDrain = false;
  writeBufferLength = 0;
  room: number;
  taken = 0;
  readonly ended: (Error | undefined)[] = [];

  constructor(room: number) {
    super();
    this.room = room;
  }

  pause(): void {
    this.readStatus = 'paused';
  }
  resume(): void {
    this.readStatus = 'readable';
  }
  send(data: { readonly byteLength: number }): boolean {
    this.taken += data.byteLength;
    this.room -= data.byteLength;
    this.writableNeedsDrain = this.room <= 0;
    return !this.writableNeedsDrain;
  }
  async close(): Promise<void> {
    this.ended.push(undefined);
  }
  abort(error: Error): void {
    this.ended.push(error);
  }

  /** What the peer sends until the relay reads no more; how many bytes that were. */
  flood(chunkBytes: number, most: number): number {
    let sent = 0;
    while (sent < most && this.readStatus === 'readable') {
      this.dispatchEvent(Object.assign(new Event('message'), { data: new Uint8Array(chunkBytes) }));
      sent += chunkBytes;
    }
    return sent;
  }
  async drain(room: number): Promise<void> {
    this.room = room;
    this.writableNeedsDrain = false;
    this.dispatchEvent(new Event('drain'));
    await Promise.resolve();
  }
}

function setUp({ room = Number.POSITIVE_INFINITY, bytesPerSecond = 0 } = {}) {
  const clock = createManualClock();
  const [writer, reader] = [new FakeEnd(Number.POSITIVE_INFINITY), new FakeEnd(room)];
  let carried = 0;
  const own = createThrottle({ clock }, { bytesPerSecond }).of('peer');
  joinStreams({ clock }, writer as unknown as Stream, reader as unknown as Stream, {
    carried: (bytes) => (carried += bytes),
    waitMs: (bytes) => own.waitMs(bytes),
  });
  return { clock, writer, reader, carried: () => carried };
}

test('a reader that takes no more stops the writer at the other side, until it takes again', async () => {
  const { writer, reader, carried } = setUp({ room: 10_000 });
  assert.equal(writer.flood(1_000, 1_000_000), 10_000);
  assert.equal(reader.taken, 10_000);
  await reader.drain(5_000);
  assert.equal(writer.flood(1_000, 1_000_000), 5_000);
  assert.equal(carried(), 15_000);
});

test('what is over the rate waits, and no longer than until it is even', async () => {
  const { clock, writer, reader } = setUp({ bytesPerSecond: 100_000 });
  const first = writer.flood(1_000, 10_000_000);
  // A quarter of a second may be ahead.
  assert.equal(first, 26_000);
  let sent = first;
  for (let ms = 0; ms < 10_000; ms += 10) {
    await clock.advance(10);
    sent += writer.flood(1_000, 10_000_000);
  }
  assert.ok(sent > 990_000 && sent < 1_060_000, `${sent} in ten seconds`);
  assert.equal(reader.taken, sent);
});

test('a reader that is full is not read for because the rate would allow it', async () => {
  const { clock, writer, reader } = setUp({ room: 30_000, bytesPerSecond: 100_000 });
  writer.flood(1_000, 10_000_000);
  for (let i = 0; i < 20; i++) {
    await clock.advance(100);
    writer.flood(1_000, 10_000_000);
  }
  assert.equal(reader.taken, 30_000);
});

test('the end of one side is the end of the other', async () => {
  const { writer, reader } = setUp();
  writer.dispatchEvent(new Event('remoteCloseWrite'));
  assert.deepEqual(reader.ended, [undefined]);
  const error = new Error('lost');
  writer.dispatchEvent(Object.assign(new Event('close'), { error }));
  assert.deepEqual(reader.ended.at(-1), error);
});
