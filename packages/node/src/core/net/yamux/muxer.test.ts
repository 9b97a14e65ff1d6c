import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AbstractMessageStream, type SendResult } from '@libp2p/utils';
import fc from 'fast-check';
import { silentLibp2pLogger } from '../silent-logger.ts';
import {
  ACK,
  DATA,
  decodeHeader,
  encodeHeader,
  FIN,
  HEADER_BYTES,
  type Header,
  INITIAL_WINDOW_BYTES,
  PING,
  RST,
  SYN,
  WINDOW_UPDATE,
} from './frame.ts';
import { YamuxMuxer } from './muxer.ts';
import type { YamuxStream } from './stream.ts';

/** The other side is the test: it feeds bytes in and sees the bytes that come out. */
class Wire extends AbstractMessageStream {
  readonly out: Uint8Array[] = [];

  constructor() {
    super({ log: silentLibp2pLogger.forComponent('test'), direction: 'inbound' });
  }
  sendData(data: Iterable<Uint8Array>): SendResult {
    let sentBytes = 0;
    for (const bytes of data) {
      sentBytes += bytes.length;
      this.out.push(bytes.slice());
    }
    return { sentBytes, canSendMore: true };
  }
  async close(): Promise<void> {
    this.onTransportClosed();
  }
  sendReset(): void {}
  sendPause(): void {}
  sendResume(): void {}

  /** The headers sent since last asked. */
  headers(): Header[] {
    const bytes = Buffer.concat(this.out.splice(0));
    const headers: Header[] = [];
    for (let at = 0; at < bytes.length; ) {
      const header = decodeHeader(bytes, at);
      headers.push(header);
      at += HEADER_BYTES + (header.type === DATA ? header.length : 0);
    }
    return headers;
  }
}

function server(config = {}) {
  const wire = new Wire();
  const muxer = new YamuxMuxer(wire, {
    maxInboundStreams: 8,
    maxOutboundStreams: 8,
    maxWindowBytes: 1_048_576,
    ...config,
  });
  const streams = new Map<
    number,
    { readonly stream: YamuxStream; got: number[]; bytes: number; ended: boolean }
  >();
  muxer.addEventListener('stream', ({ detail: stream }) => {
    const seen = { stream, got: [] as number[], bytes: 0, ended: false };
    streams.set(stream.streamId, seen);
    stream.addEventListener('message', ({ data }) => {
      seen.bytes += data.byteLength;
      if (data.byteLength < 1_000) seen.got.push(...data.subarray());
    });
    stream.addEventListener('end', () => {
      seen.ended = true;
    });
  });
  return { wire, muxer, streams };
}

const frame = (type: number, flags: number, streamId: number, payload: Uint8Array | number) =>
  typeof payload === 'number'
    ? encodeHeader({ type, flags, streamId, length: payload })
    : Buffer.concat([encodeHeader({ type, flags, streamId, length: payload.length }), payload]);

test('frames mean the same however they are cut', () => {
  const messages = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.uint8Array({ maxLength: 60 })), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
      const expected = [[], [], []] as number[][];
      const opened = [false, false, false];
      const frames: Uint8Array[] = [];
      for (const [index, payload] of sent) {
        frames.push(frame(DATA, opened[index] ? 0 : SYN, 2 * index + 1, payload));
        opened[index] = true;
        expected[index]?.push(...payload);
      }
      for (const index of [0, 1, 2])
        if (opened[index]) frames.push(frame(WINDOW_UPDATE, FIN, 2 * index + 1, 0));
      const { wire, streams } = server();
      const bytes = Buffer.concat(frames);
      for (let at = 0; at < bytes.length; ) {
        const length = cuts.next().value as number;
        wire.onData(bytes.subarray(at, at + length));
        at += length;
      }
      for (const index of [0, 1, 2]) {
        const seen = streams.get(2 * index + 1);
        assert.equal(seen !== undefined, opened[index]);
        if (seen) assert.deepEqual([seen.got, seen.ended], [expected[index], true]);
      }
      assert.equal(wire.status, 'open');
    }),
    { numRuns: 200 },
  );
});

test('no bytes make it throw, and a fault closes the connection', () => {
  const header = fc
    .record({
      type: fc.integer({ min: 0, max: 5 }),
      flags: fc.integer({ min: 0, max: 15 }),
      streamId: fc.integer({ min: 0, max: 4 }),
      length: fc.oneof(fc.nat(300), fc.nat()),
    })
    .map(encodeHeader);
  fc.assert(
    fc.property(fc.array(fc.oneof(header, fc.uint8Array({ maxLength: 30 })), { maxLength: 30 }), (chunks) => {
      const { wire, muxer } = server();
      for (const chunk of chunks) if (wire.status === 'open') wire.onData(chunk);
      assert.ok(wire.status === 'open' || muxer.status === 'closed');
      assert.ok(muxer.streams.length <= 8);
    }),
    { numRuns: 1_000 },
  );
});

test('a reader that pauses is sent a window and no more; what it reads is granted again, the window doubled', () => {
  const { wire, streams } = server();
  wire.onData(frame(WINDOW_UPDATE, SYN, 1, 0));
  const seen = streams.get(1);
  assert.ok(seen);
  seen.stream.pause();
  const chunk = new Uint8Array(65_536);
  for (let sent = 0; sent < INITIAL_WINDOW_BYTES; sent += chunk.length) wire.onData(frame(DATA, 0, 1, chunk));
  assert.equal(seen.bytes, 0);
  assert.deepEqual(wire.headers(), []);
  seen.stream.resume();
  assert.equal(seen.bytes, INITIAL_WINDOW_BYTES);
  assert.deepEqual(wire.headers(), [
    { type: WINDOW_UPDATE, flags: ACK, streamId: 1, length: 2 * INITIAL_WINDOW_BYTES },
  ]);
  seen.stream.pause();
  for (let sent = 0; sent < 2 * INITIAL_WINDOW_BYTES; sent += chunk.length)
    wire.onData(frame(DATA, 0, 1, chunk));
  assert.equal(wire.status, 'open');
  wire.onData(frame(DATA, 0, 1, 1));
  assert.equal(wire.status, 'aborted');
});

test('windows grow to their limit only, and updates are rare', () => {
  const { wire, streams } = server({ maxWindowBytes: 1_048_576 });
  wire.onData(frame(WINDOW_UPDATE, SYN, 1, 0));
  let granted = INITIAL_WINDOW_BYTES;
  const chunk = new Uint8Array(16_384);
  let updates = 0;
  for (let sent = 0; sent < 16 * 1_048_576; sent += chunk.length) {
    wire.onData(frame(DATA, 0, 1, chunk));
    granted -= chunk.length;
    for (const { length } of wire.headers()) {
      granted += length;
      updates++;
    }
    assert.ok(granted >= 0 && granted <= 1_048_576);
  }
  assert.equal(streams.get(1)?.bytes, 16 * 1_048_576);
  assert.ok(updates < 40, `${updates} updates`);
});

test('we send no more than we are granted, and go on when granted more', async () => {
  const { wire, muxer } = server();
  const stream = await muxer.createStream();
  const sent = () => wire.headers().reduce((sum, { type, length }) => sum + (type === DATA ? length : 0), 0);
  for (let index = 0; index < 8; index++) stream.send(new Uint8Array(65_536));
  assert.equal(sent(), INITIAL_WINDOW_BYTES);
  assert.equal(stream.writableNeedsDrain, true);
  wire.onData(frame(WINDOW_UPDATE, ACK, stream.streamId, 100_000));
  await Promise.resolve();
  assert.equal(sent(), 100_000);
  wire.onData(frame(WINDOW_UPDATE, 0, stream.streamId, 1_000_000));
  await Promise.resolve();
  assert.equal(sent(), 8 * 65_536 - INITIAL_WINDOW_BYTES - 100_000);
});

test('too many streams are reset, and room comes back', () => {
  const { wire, muxer } = server({ maxInboundStreams: 2 });
  for (const streamId of [1, 3, 5]) wire.onData(frame(WINDOW_UPDATE, SYN, streamId, 0));
  assert.equal(muxer.streams.length, 2);
  assert.deepEqual(wire.headers(), [{ type: WINDOW_UPDATE, flags: RST, streamId: 5, length: 0 }]);
  wire.onData(frame(WINDOW_UPDATE, RST, 1, 0));
  wire.onData(frame(DATA, 0, 5, Uint8Array.of(1, 2, 3)));
  wire.onData(frame(WINDOW_UPDATE, SYN, 7, 0));
  assert.deepEqual(
    muxer.streams.map(({ streamId }) => streamId),
    [3, 7],
  );
});

test('pings are answered', () => {
  const { wire } = server();
  wire.onData(frame(PING, SYN, 0, 77));
  assert.deepEqual(wire.headers(), [{ type: PING, flags: ACK, streamId: 0, length: 77 }]);
});
