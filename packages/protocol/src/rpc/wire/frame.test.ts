import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ANSWER,
  ANSWER_PART,
  CALL,
  CALL_PART,
  CANCEL,
  ERROR,
  type Frame,
  FrameReader,
  headerBytes,
  MAX_FRAME_BYTES,
  ProtocolFault,
  writeHeader,
} from './frame.ts';

interface Seen {
  readonly kind: number;
  readonly method: number;
  readonly id: number;
  readonly bodyBytes: number;
  readonly timeoutMs: number;
  readonly payload: readonly number[];
}

/** A reader whose frames, however they came, are gathered. */
function gather() {
  const seen: Seen[] = [];
  let place: Uint8Array | undefined;
  const keep = ({ kind, method, id, bodyBytes, timeoutMs }: Frame, payload: Uint8Array) =>
    seen.push({ kind, method, id, bodyBytes, timeoutMs, payload: [...payload] });
  const reader = new FrameReader({
    onFrame: (frame) => keep(frame, frame.payload),
    onLongFrame(frame, payloadBytes) {
      assert.equal(frame.payload.length, 0);
      place = new Uint8Array(payloadBytes);
      return place;
    },
    onFilled(frame, payloadBytes) {
      assert.equal(payloadBytes, place?.length);
      keep(frame, place ?? new Uint8Array(0));
    },
  });
  return { reader, seen };
}

function encode({ kind, method, id, bodyBytes, timeoutMs, payload }: Seen): Uint8Array {
  const header = headerBytes(kind);
  const bytes = new Uint8Array(header + payload.length);
  writeHeader(bytes, 0, kind, method, id, payload.length, bodyBytes, timeoutMs);
  bytes.set(payload, header);
  return bytes;
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const frames = fc.array(
  fc.record({
    kind: fc.constantFrom(CALL, ANSWER, ERROR, CALL_PART, ANSWER_PART, CANCEL),
    method: fc.integer({ min: 0, max: 0xffff }),
    id: u32,
    bodyBytes: u32,
    timeoutMs: u32,
    payload: fc.oneof(
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
      fc
        .integer({ min: 2_000, max: 6_000 })
        .map((length) => Array.from({ length }, (_, index) => index & 255)),
    ),
  }),
  { maxLength: 12 },
);

test('frames are the same however their bytes are cut', () => {
  const cuts = fc.infiniteStream(
    fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5_000 })),
  );
  fc.assert(
    fc.property(frames, cuts, (sent, lengths) => {
      const { reader, seen } = gather();
      const bytes = Buffer.concat(sent.map(encode));
      for (let at = 0; at < bytes.length; ) {
        const length = lengths.next().value as number;
        reader.push(bytes.subarray(at, at + length));
        at += length;
      }
      const expected = sent.map((frame) => ({
        ...frame,
        timeoutMs: frame.kind === CALL ? frame.timeoutMs : 0,
      }));
      assert.deepEqual(seen, expected);
    }),
    { numRuns: 300 },
  );
});

test('a place that is not wanted is skipped', () => {
  const kept: number[] = [];
  const reader = new FrameReader({
    onFrame: ({ id }) => kept.push(id),
    onLongFrame: () => undefined,
    onFilled: () => assert.fail('nothing was wanted'),
  });
  const long = encode({
    kind: CALL_PART,
    method: 0,
    id: 1,
    bodyBytes: 0,
    timeoutMs: 0,
    payload: new Array(50_000).fill(1),
  });
  const next = encode({ kind: CANCEL, method: 0, id: 2, bodyBytes: 0, timeoutMs: 0, payload: [] });
  const bytes = Buffer.concat([long, next]);
  for (let at = 0; at < bytes.length; at += 1_000) reader.push(bytes.subarray(at, at + 1_000));
  assert.deepEqual(kept, [2]);
});

test('random bytes end in a fault or in frames, never in anything else or in more memory than a frame', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (chunks) => {
      const { reader } = gather();
      try {
        for (const chunk of chunks) reader.push(chunk);
      } catch (error) {
        assert.ok(error instanceof ProtocolFault);
      }
    }),
    { numRuns: 1_000 },
  );
});

for (const [name, kind, payloadBytes] of [
  ['of 4 GiB', CALL, 0xffff_ffff],
  ['one byte over the limit', ANSWER, MAX_FRAME_BYTES - headerBytes(ANSWER) + 1],
  ['of an unknown kind', 7, 0],
  ['of kind zero', 0, 0],
] as const) {
  test(`a frame ${name} is refused before its payload comes, cut anywhere`, () => {
    const header = new Uint8Array(headerBytes(kind));
    writeHeader(header, 0, kind, 1, 1, payloadBytes, payloadBytes, 1_000);
    for (let cut = 0; cut <= 16; cut++) {
      const { reader } = gather();
      assert.throws(() => {
        reader.push(header.subarray(0, cut));
        reader.push(header.subarray(cut, 16));
      }, ProtocolFault);
    }
  });
}

test('the longest frame passes', () => {
  const { reader, seen } = gather();
  const length = MAX_FRAME_BYTES - headerBytes(CALL);
  reader.push(
    encode({
      kind: CALL,
      method: 1,
      id: 1,
      bodyBytes: length,
      timeoutMs: 5,
      payload: new Array(length).fill(3),
    }),
  );
  assert.equal(seen[0]?.payload.length, length);
});
