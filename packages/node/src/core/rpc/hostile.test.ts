/** A peer that does not keep to the protocol: it loses its connection, and others are served as before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor, type P2posError } from '@p2pos/protocol';
import fc from 'fast-check';
import {
  ANSWER,
  ANSWER_PART,
  CALL,
  CALL_PART,
  CANCEL,
  ERROR,
  FrameReader,
  headerBytes,
  writeHeader,
} from '../../../../protocol/src/rpc/wire/frame.ts';
import { drain } from '../../testing/manual-clock.ts';
import type { Channel } from '../net/index.ts';
import { createPair, echo, never, type PairConfig } from './test-pair.ts';

const timeoutMs = 1_000;

interface Sent {
  readonly kind: number;
  readonly method?: number;
  readonly id: number;
  readonly payload?: Uint8Array;
  readonly bodyBytes?: number;
  readonly timeoutMs?: number;
}

function frame({
  kind,
  method = 0,
  id,
  payload = new Uint8Array(0),
  bodyBytes = payload.length,
  timeoutMs: left = 1_000,
}: Sent) {
  const header = headerBytes(kind);
  const bytes = new Uint8Array(header + payload.length);
  writeHeader(
    bytes,
    0,
    kind,
    method,
    id,
    payload.length,
    kind === CALL || kind === ANSWER || kind === ERROR ? bodyBytes : 0,
    left,
  );
  bytes.set(payload, header);
  return bytes;
}
const call = (id: number, text = 'x', more: Partial<Sent> = {}) =>
  frame({ kind: CALL, method: 1, id, payload: encodeCbor(text), ...more });
const HANG = 2;
const BLOB = 3;

/** A peer m that holds the raw end of a channel to b; a goes on being served. */
async function createIntruder(config: PairConfig = {}) {
  const pair = await createPair(config);
  const m = pair.hub.join('m');
  await m.start();
  await m.dial([pair.hub.addressOf('b')], { signal: never });
  const answers: { readonly kind: number; readonly id: number; readonly payload: Uint8Array }[] = [];
  const open = async () => {
    const channel = await m.open('b', echo.protocol, { signal: never });
    const reader = new FrameReader({
      onFrame: ({ kind, id, payload }) => answers.push({ kind, id, payload: payload.slice() }),
      onLongFrame: () => undefined,
      onFilled: () => {},
    });
    channel.receive(
      (chunk) => reader.push(chunk),
      () => {},
    );
    return channel;
  };
  const send = async (channel: Channel, ...frames: readonly Uint8Array[]) => {
    for (const bytes of frames) channel.send(bytes);
    await drain();
  };
  const othersAreServed = async () =>
    assert.equal(await pair.caller.call('b', echo, 'say', 'fine', { timeoutMs }), 'fine');
  return { ...pair, m, open, send, answers, othersAreServed };
}

const part = new Uint8Array(1_000);
const faults: readonly {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly reason: RegExp;
}[] = [
  {
    name: 'bytes that are no frames',
    frames: [Uint8Array.of(9, 9, 9, 9, ...new Array(50).fill(9))],
    reason: /unknown kind/,
  },
  {
    name: 'a length of 4 GiB',
    frames: [Uint8Array.of(1, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0)],
    reason: /4294967339 bytes/,
  },
  {
    name: 'a body of 4 GiB',
    frames: [call(1, 'x', { bodyBytes: 0xffff_ffff })],
    reason: /body of 4294967295/,
  },
  {
    name: 'a body that is no CBOR',
    frames: [frame({ kind: CALL, method: 1, id: 1, payload: Uint8Array.of(0xff, 1) })],
    reason: /CBOR/i,
  },
  {
    name: 'a frame longer than its body',
    frames: [call(1, 'long text', { bodyBytes: 2 })],
    reason: /longer than its body/,
  },
  {
    name: 'an answer to nothing',
    frames: [frame({ kind: ANSWER, id: 7, payload: encodeCbor('x') })],
    reason: /never made/,
  },
  { name: 'an error to nothing', frames: [frame({ kind: ERROR, id: 7 })], reason: /never made/ },
  {
    name: 'a part of an answer to nothing',
    frames: [frame({ kind: ANSWER_PART, id: 7, payload: part })],
    reason: /never made/,
  },
  {
    name: 'a part of a call that was never made',
    frames: [frame({ kind: CALL_PART, id: 7, payload: part })],
    reason: /never made/,
  },
  {
    name: 'more of a body than announced',
    frames: [
      frame({ kind: CALL, method: BLOB, id: 1, payload: part, bodyBytes: 1_500 }),
      frame({ kind: CALL_PART, id: 1, payload: part }),
    ],
    reason: /do not fit/,
  },
  {
    name: 'an empty part',
    frames: [
      frame({ kind: CALL, method: BLOB, id: 1, payload: part, bodyBytes: 1_500 }),
      frame({ kind: CALL_PART, id: 1 }),
    ],
    reason: /do not fit/,
  },
  {
    name: 'a part of a call that was complete',
    frames: [
      frame({ kind: CALL, method: HANG, id: 1, payload: encodeCbor('x') }),
      frame({ kind: CALL_PART, id: 1, payload: part }),
    ],
    reason: /was complete/,
  },
  {
    name: 'an id twice',
    frames: [1, 1].map((id) => frame({ kind: CALL, method: HANG, id, payload: encodeCbor('x') })),
    reason: /under way/,
  },
  { name: 'the id zero', frames: [call(0)], reason: /under way/ },
  { name: 'a cancel of nothing', frames: [frame({ kind: CANCEL, id: 5 })], reason: /cancels more/ },
  {
    name: 'more cancels than calls',
    frames: [call(1), ...[1, 1].map((id) => frame({ kind: CANCEL, id }))],
    reason: /cancels more/,
  },
  {
    name: 'a long cancel, in pieces',
    frames: [frame({ kind: CANCEL, id: 1, payload: new Uint8Array(9_000) }).subarray(0, 20)],
    reason: /cancel with a body/,
  },
];
for (const { name, frames, reason } of faults) {
  test(`a peer that sends ${name} loses its connection`, async () => {
    const { b, m, open, send, lines, othersAreServed } = await createIntruder();
    await send(await open(), ...frames);
    assert.equal(b.isConnected('m'), false);
    assert.equal(m.isConnected('b'), false);
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.['result'], 'peer_protocol');
    assert.match(String(lines[0]?.['reason']), reason);
    await othersAreServed();
  });
}

test('a callee that answers wrongly loses its connection, and all its callers hear of it at once', async () => {
  const { a, hub, caller } = await createPair();
  const m = hub.join('m');
  const answers: Record<string, (id: number) => Uint8Array> = {
    'no CBOR': (id) => frame({ kind: ANSWER, id, payload: Uint8Array.of(0xff) }),
    'an error that is none': (id) => frame({ kind: ERROR, id, payload: encodeCbor(['x']) }),
    'too long': (id) => frame({ kind: ANSWER, id, payload: part, bodyBytes: 2_000_000 }),
    'a part first': (id) => frame({ kind: ANSWER_PART, id, payload: part }),
    'another call': (id) => frame({ kind: ANSWER, id: id + 100, payload: encodeCbor('x') }),
    'twice at a time': (id) =>
      Buffer.concat([1, 2].map(() => frame({ kind: ANSWER, id, payload: part, bodyBytes: 5_000 }))),
  };
  let wrong = (_: number): Uint8Array => new Uint8Array(0);
  m.handle(echo.protocol, (channel) => {
    const reader = new FrameReader({
      onFrame: ({ id }) => {
        if (id === 2) channel.send(wrong(id));
      },
      onLongFrame: () => undefined,
      onFilled: () => {},
    });
    channel.receive(
      (chunk) => reader.push(chunk),
      () => {},
    );
  });
  await m.start();
  for (const [name, answer] of Object.entries(answers)) {
    wrong = answer;
    await a.dial([hub.addressOf('m')], { signal: never });
    const codes = await Promise.all(
      [1, 2].map(() =>
        caller.call('m', echo, 'say', 'x', { timeoutMs: 60_000 }).catch((error: P2posError) => error.code),
      ),
    );
    assert.deepEqual(codes, ['PEER_PROTOCOL', 'PEER_PROTOCOL'], name);
    assert.equal(a.isConnected('m'), false, name);
  }
  assert.equal(await caller.call('b', echo, 'say', 'fine', { timeoutMs }), 'fine');
});

test('calls and cancels by the thousand are answered or forgotten, and cost nothing that stays', async () => {
  const { open, send, contexts, othersAreServed, answers } = await createIntruder({
    b: { limits: { maxCallsIn: 16 } },
  });
  const channel = await open();
  for (let id = 1; id <= 5_000; id++) {
    channel.send(frame({ kind: CALL, method: HANG, id, payload: encodeCbor('x') }));
    channel.send(frame({ kind: CANCEL, id }));
    if (id % 100 === 0) await drain();
  }
  await drain();
  assert.ok(contexts.every(({ signal }) => signal.aborted));
  answers.length = 0;
  await send(channel, call(5_001, 'still there'));
  assert.deepEqual(
    answers.map(({ kind, id }) => [kind, id]),
    [[ANSWER, 5_001]],
  );
  await othersAreServed();
});

test('a body that comes byte by byte, or stops coming, is dropped at its deadline; its memory is free again', async () => {
  const { clock, open, send, answers, othersAreServed } = await createIntruder({
    b: { limits: { maxReceivingBytes: 10_000 } },
  });
  const channel = await open();
  await send(
    channel,
    frame({ kind: CALL, method: BLOB, id: 1, payload: part, bodyBytes: 9_000, timeoutMs: 5_000 }),
  );
  await send(channel, frame({ kind: CALL, method: BLOB, id: 2, payload: part, bodyBytes: 9_000 }));
  assert.deepEqual(
    answers.map(({ kind, id }) => [kind, id]),
    [[ERROR, 2]],
  );
  await clock.advance(5_000);
  await send(
    channel,
    frame({ kind: CALL_PART, id: 1, payload: part }),
    frame({ kind: CALL_PART, id: 2, payload: part }),
  );
  const body = encodeCbor(new Uint8Array(8_000));
  await send(
    channel,
    frame({ kind: CALL, method: BLOB, id: 3, payload: body.subarray(0, 4_000), bodyBytes: body.length }),
    frame({ kind: CALL_PART, id: 3, payload: body.subarray(4_000) }),
  );
  assert.deepEqual(
    answers.slice(1).map(({ kind, id }) => [kind, id]),
    [[ANSWER, 3]],
  );
  await othersAreServed();
});

test('a peer that calls and never reads is given up before its answers fill the memory', async () => {
  const { b, open, othersAreServed, hub } = await createIntruder({
    b: { limits: { maxQueuedBytes: 1_000_000 } },
    hub: { highWaterBytes: 10_000 },
  });
  const channel = await open();
  channel.pause();
  const body = encodeCbor(new Uint8Array(5_000));
  for (let id = 1; id <= 60_000 && b.isConnected('m'); id++) {
    channel.send(frame({ kind: CALL, method: BLOB, id, payload: body }));
    if (id % 20 === 0) await drain();
  }
  assert.equal(b.isConnected('m'), false);
  assert.ok(hub);
  await othersAreServed();
});

test('a peer that opens channels without end keeps the newest few', async () => {
  const { open, othersAreServed, send, answers, b } = await createIntruder();
  const channels: Channel[] = [];
  for (let index = 0; index < 20; index++) channels.push(await open());
  await drain();
  for (const [index, channel] of channels.entries()) await send(channel, call(1, `${index}`));
  assert.equal(answers.length, 4);
  assert.equal(b.isConnected('m'), true);
  await othersAreServed();
});

test('whatever frames a peer sends, others are served and nothing is thrown', async () => {
  const id = fc.integer({ min: 0, max: 4 });
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.string({ maxLength: 10 }).map(encodeCbor),
    fc.constant(part),
  );
  const any = fc
    .record({
      kind: fc.integer({ min: 1, max: 6 }),
      method: fc.integer({ min: 0, max: 7 }),
      id,
      payload,
      extra: fc.nat(3_000),
      timeoutMs: fc.nat(50),
    })
    .map(({ extra, ...of }) => frame({ ...of, bodyBytes: of.payload.length + extra }));
  await fc.assert(
    fc.asyncProperty(fc.array(any, { maxLength: 12 }), fc.nat(100), async (frames, advance) => {
      const { clock, open, send, othersAreServed, lines } = await createIntruder();
      const channel = await open();
      await send(channel, ...frames);
      await clock.advance(advance);
      await othersAreServed();
      // `fail` is meant to be logged as a failure; nothing else may be.
      for (const line of lines)
        assert.ok(line['result'] === 'peer_protocol' || String(line['method']).endsWith(' fail'));
    }),
    { numRuns: 300 },
  );
});
