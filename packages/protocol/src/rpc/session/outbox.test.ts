import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createManualClock } from '../../../../node/src/testing/manual-clock.ts';
import type { CostClass } from '../capability.ts';
import type { Channel } from '../ports.ts';
import { ANSWER, ANSWER_PART, CALL, type Frame, FrameReader } from '../wire/frame.ts';
import { createMessage, Outbox } from './outbox.ts';

/** A channel that takes what the test allows. */
function createSlowChannel() {
  let room = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  const channel: Channel = {
    peerId: 'b',
    protocol: '/x/1.0.0',
    send(chunk) {
      chunks.push(chunk);
      slow.allowed -= chunk.length;
      return slow.allowed > 0;
    },
    drained: () => room.promise,
    receive() {},
    pause() {},
    resume() {},
    close() {},
    abort() {},
  };
  const slow = {
    channel,
    chunks,
    allowed: 0,
    async allow(bytes: number) {
      slow.allowed = bytes;
      room.resolve();
      room = Promise.withResolvers();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  return slow;
}

function setUp(allowed = Number.POSITIVE_INFINITY) {
  const clock = createManualClock();
  const slow = createSlowChannel();
  slow.allowed = allowed;
  const account = { queuedBytes: 0 };
  let stalled = 0;
  const outbox = new Outbox(
    { channel: slow.channel, clock, account, onStall: () => stalled++ },
    { stallMs: 1_000 },
  );
  /** Frames sent so far: kind, id, payload length. */
  const frames = () => {
    const seen: {
      readonly kind: number;
      readonly id: number;
      readonly length: number;
      readonly timeoutMs: number;
    }[] = [];
    const keep = ({ kind, id, timeoutMs }: Frame, length: number) =>
      seen.push({ kind, id, length, timeoutMs });
    const reader = new FrameReader({
      onFrame: (frame) => keep(frame, frame.payload.length),
      onLongFrame: (_, payloadBytes) => new Uint8Array(payloadBytes),
      onFilled: keep,
    });
    for (const chunk of slow.chunks) reader.push(chunk);
    return seen;
  };
  return { clock, slow, account, outbox, frames, stalled: () => stalled };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
const answer = (id: number, bytes: number, cost: CostClass = 'interactive') =>
  createMessage(ANSWER, id, cost, new Uint8Array(bytes).fill(id));

test('what is queued in one turn leaves in one chunk', async () => {
  const { outbox, slow, frames } = setUp();
  for (let id = 1; id <= 20; id++) outbox.add(answer(id, 100));
  assert.equal(slow.chunks.length, 0);
  await turn();
  assert.equal(slow.chunks.length, 1);
  assert.deepEqual(
    frames().map(({ id }) => id),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
});

test('bodies arrive whole, whatever is queued with them and however slowly they leave', async () => {
  const messages = fc.array(
    fc.tuple(
      fc.constantFrom<CostClass>('interactive', 'bulk', 'repair'),
      fc.oneof(
        fc.nat(400),
        fc.nat(300_000),
        fc.constantFrom(16_340, 16_341, 16_368, 16_369, 65_492, 65_520, 65_521),
      ),
    ),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(messages, fc.integer({ min: 1, max: 200_000 }), async (sent, allowance) => {
      const { outbox, slow, account } = setUp(allowance);
      const bodies = sent.map(([, length], index) =>
        Uint8Array.from({ length }, (_, at) => (at * 7 + index) & 255),
      );
      for (const [index, [cost]] of sent.entries()) {
        outbox.add(createMessage(CALL, index + 1, cost, bodies[index] as Uint8Array, 9, 5_000));
      }
      for (let round = 0; round < 100_000 && account.queuedBytes > 0; round++) await slow.allow(allowance);
      const got = new Map<number, Uint8Array[]>();
      const keep = ({ id }: Frame, payload: Uint8Array) => {
        got.set(id, [...(got.get(id) ?? []), payload.slice()]);
      };
      let place = new Uint8Array(0);
      const reader = new FrameReader({
        onFrame: (frame) => keep(frame, frame.payload),
        onLongFrame(_, length) {
          place = new Uint8Array(length);
          return place;
        },
        onFilled: (frame) => keep(frame, place),
      });
      for (const chunk of slow.chunks) {
        assert.ok(chunk.length <= 65_536);
        reader.push(chunk);
      }
      for (const [index, body] of bodies.entries()) {
        assert.equal(Buffer.compare(Buffer.concat(got.get(index + 1) ?? []), body), 0);
      }
    }),
    { numRuns: 40 },
  );
});

test('a full channel is shared 8 : 2 : 1 by the cost classes, so repair never stops reads', async () => {
  const { outbox, slow, frames } = setUp(1);
  outbox.add(answer(99, 10));
  await turn();
  for (let index = 0; index < 40; index++) {
    outbox.add(answer(3, 1_000_000, 'repair'));
    outbox.add(answer(2, 1_000_000, 'bulk'));
    outbox.add(answer(1, 1_000_000, 'interactive'));
  }
  for (let round = 0; round < 220; round++) await slow.allow(1);
  const bytes = new Map([1, 2, 3].map((id) => [id, 0]));
  for (const { id, length } of frames()) if (id < 99) bytes.set(id, (bytes.get(id) ?? 0) + length);
  const [interactive = 0, bulk = 0, repair = 0] = bytes.values();
  assert.ok(Math.abs(interactive / repair - 8) < 0.8, `${interactive} to ${repair}`);
  assert.ok(Math.abs(bulk / repair - 2) < 0.2, `${bulk} to ${repair}`);
});

test('a short message does not wait for the end of a long one of its class', async () => {
  const { outbox, slow, frames } = setUp(1);
  outbox.add(answer(1, 5_000_000));
  await turn();
  outbox.add(answer(2, 50));
  for (let round = 0; round < 4; round++) await slow.allow(1);
  const order = frames().map(({ kind, id }) => `${kind} ${id}`);
  assert.ok(order.slice(0, 3).includes(`${ANSWER} 2`), order.join());
  assert.equal(order[1], `${ANSWER_PART} 1`);
});

test('a call tells what is left of its time when it leaves, not when it was queued', async () => {
  const { clock, outbox, slow, frames } = setUp(1);
  outbox.add(answer(9, 10));
  await turn();
  outbox.add(createMessage(CALL, 1, 'interactive', new Uint8Array(5), 1, clock.monotonic() + 500));
  await clock.advance(120);
  await slow.allow(100);
  assert.equal(frames().find(({ kind }) => kind === CALL)?.timeoutMs, 380);
});

test('what has not left can be taken back, and is accounted for', async () => {
  const { outbox, slow, account, frames } = setUp(1);
  const blocking = answer(1, 10);
  outbox.add(blocking);
  await turn();
  const never = answer(2, 1_000);
  const partly = answer(3, 200_000);
  outbox.add(partly);
  await slow.allow(1);
  outbox.add(never);
  assert.equal(outbox.remove(never), true);
  assert.equal(outbox.remove(partly), false);
  assert.equal(outbox.remove(blocking), false);
  assert.equal(account.queuedBytes, 0);
  await slow.allow(1_000_000);
  assert.deepEqual(
    frames().map(({ id }) => id),
    [1, 3],
  );
});

test('a peer that takes nothing for long is reported once; one that is slow is not', async () => {
  const { clock, outbox, slow, stalled } = setUp(1);
  outbox.add(answer(1, 1_000_000));
  await turn();
  for (let round = 0; round < 5; round++) {
    await clock.advance(900);
    await slow.allow(1);
  }
  assert.equal(stalled(), 0);
  await clock.advance(1_000);
  assert.equal(stalled(), 1);
  outbox.close();
  await clock.advance(10_000);
  assert.equal(stalled(), 1);
  assert.equal(clock.pending(), 0);
});
