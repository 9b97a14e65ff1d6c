/** Durable topics on several whole nodes: nothing acknowledged is lost, no sequence is given twice, whoever dies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createTestnet, type Testnet } from '../../../testing/testnet.ts';
import type { From, TopicEvent } from './reader.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const APP = 'default';

async function settled(count: number): Promise<Testnet> {
  const net = await createTestnet(count, { slots: 64 });
  await net.settle();
  return net;
}

const nodeOf = (net: Testnet, i: number) => net.nodes[i] as Testnet['nodes'][0];

function append(net: Testnet, i: number, data: string, topic = 'log', idempotencyKey?: string) {
  return nodeOf(net, i).topics.append({ app: APP, topic, data: bytes(data), idempotencyKey });
}

interface Reader {
  readonly events: TopicEvent[];
  /** `sequence text`, or `from-to gone`. */
  texts(): string[];
  stop(): void;
  error: unknown;
}

function follow(net: Testnet, i: number, from: From, topic = 'log', until?: 'end'): Reader {
  const end = new AbortController();
  const reader: Reader = {
    events: [],
    texts: () =>
      reader.events.flatMap((event) => {
        if (event.type === 'begin') return [];
        if (event.type === 'gap') return [`${event.from}-${event.to} gone`];
        return [`${event.sequence} ${event.data.length > 50 ? event.data.length : text(event.data)}`];
      }),
    stop: () => end.abort(),
    error: undefined,
  };
  void (async () => {
    try {
      const batches = nodeOf(net, i).topics.read({ app: APP, topic, from, until }, { signal: end.signal });
      for await (const batch of batches) reader.events.push(...batch);
    } catch (error) {
      if (!end.signal.aborted) reader.error = error;
    }
  })();
  return reader;
}

test('a sequence over all publishers, read from the start, a number, a time, the end', async () => {
  await using net = await settled(4);
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    times.push(net.clock.now());
    const { sequence } = await net.during(append(net, i % 4, `m${i}`));
    assert.equal(sequence, i + 1);
    await net.clock.advance(100);
  }
  const readers = [
    follow(net, 0, { kind: 'start' }),
    follow(net, 1, { kind: 'sequence', sequence: 11 }),
    follow(net, 2, { kind: 'time', at: times[20] as number }),
    follow(net, 3, { kind: 'end' }),
  ];
  await net.until(() =>
    readers.slice(0, 3).every(({ events }) => events.some((e) => e.type === 'message' && e.sequence === 30)),
  );
  await net.during(Promise.all(Array.from({ length: 20 }, (_, i) => append(net, i % 4, `n${i}`))));
  await net.until(() =>
    readers.every(({ events }) => events.some((e) => e.type === 'message' && e.sequence === 50)),
  );
  const all = Array.from({ length: 50 }, (_, i) => i + 1);
  for (const [i, first] of [1, 11, 21, 31].entries()) {
    const sequences = (readers[i] as Reader).events.flatMap((e) =>
      e.type === 'message' ? [e.sequence] : [],
    );
    assert.deepEqual(sequences, all.slice(first - 1), `reader ${i}`);
    assert.equal((readers[i] as Reader).error, undefined);
  }
  assert.equal((readers[0] as Reader).texts()[4], '5 m4');
});

test('a message is one, however often it is sent under its key', async () => {
  await using net = await settled(3);
  const one = await net.during(append(net, 0, 'x', 'log', 'key'));
  assert.equal(one.repeated, undefined);
  const both = await net.during(
    Promise.all([append(net, 1, 'x', 'log', 'key'), append(net, 2, 'x', 'log', 'key')]),
  );
  for (const again of both) assert.deepEqual(again, { ...one, repeated: true });
  assert.equal((await net.during(append(net, 1, 'y'))).sequence, 2);
  // Who had no answer has told nobody, so the repeat does: at the node that holds the topic, and at another.
  for (const i of [0, 1]) {
    const gone = new AbortController();
    const input = { app: APP, topic: 'log', data: bytes('z'), idempotencyKey: `gone ${i}` };
    const broken = nodeOf(net, i).topics.append(input, { signal: gone.signal });
    broken.catch(() => {});
    await net.clock.advance(2);
    gone.abort();
    await assert.rejects(broken);
    assert.equal((await net.during(append(net, 2, 'z', 'log', `gone ${i}`))).repeated, undefined);
    assert.equal((await net.during(append(net, 2, 'z', 'log', `gone ${i}`))).repeated, true);
  }
});

test('the holder crashes: nothing acknowledged is lost, no number is given twice or out of order', async () => {
  await using net = await settled(5);
  const reader = follow(net, 2, { kind: 'start' });
  const acknowledged = new Map<number, string>();
  let sent = 0;
  let stop = false;
  const publisher = async (i: number) => {
    while (!stop) {
      const data = `p${i} ${sent++}`;
      try {
        const { sequence } = await append(net, i, data, 'log', data);
        assert.ok(!acknowledged.has(sequence), `${sequence} was given twice`);
        acknowledged.set(sequence, data);
      } catch (error) {
        if (!(error instanceof P2posError)) throw error;
      }
      await new Promise<void>((resolve) => void net.clock.after(150, resolve));
    }
  };
  const publishing = [0, 1, 3, 4].map(publisher);
  let crashes = 0;
  for (let round = 0; round < 3; round++) {
    await net.clock.advance(3_000);
    const { holder } = await net.during(nodeOf(net, 2).topics.state({ app: APP, topic: 'log' }));
    const i = net.nodes.findIndex(({ peerId }) => peerId === holder);
    if (i === 2 || i < 0) continue;
    crashes++;
    // Not a word to anybody, as when the power goes.
    net.partition(
      [i],
      [0, 1, 2, 3, 4].filter((j) => j !== i),
    );
    await net.crash(i);
    net.heal();
    await net.clock.advance(12_000);
    await net.start(i);
  }
  assert.ok(crashes > 1);
  await net.clock.advance(5_000);
  stop = true;
  await net.during(Promise.all(publishing));
  const last = Math.max(...acknowledged.keys());
  await net.until(() => reader.events.some((e) => e.type === 'message' && e.sequence === last));
  const read = new Map(
    reader.events.flatMap((e) => (e.type === 'message' ? [[e.sequence, text(e.data)] as const] : [])),
  );
  for (const [sequence, data] of acknowledged) assert.equal(read.get(sequence), data);
  const sequences = [...read.keys()];
  assert.deepEqual(
    sequences,
    sequences.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(read.values()).size, read.size, 'nothing twice');
  assert.ok(acknowledged.size > 100, `${acknowledged.size}`);
});

test('a holder that is cut off cannot write past its successor', async () => {
  await using net = await settled(5);
  await net.during(append(net, 0, 'before'));
  net.partition([0], [1, 2, 3, 4]);
  const late = append(net, 0, 'late').then(
    ({ sequence }) => `late at ${sequence}`,
    (error: P2posError) => error.code,
  );
  const after = await net.during(append(net, 1, 'after'));
  net.heal();
  const outcome = await net.during(late);
  const reader = follow(net, 2, { kind: 'start' }, 'log', 'end');
  await net.until(() => reader.events.length >= 3 || reader.error !== undefined);
  const read = reader.texts();
  assert.ok(read.includes(`${after.sequence} after`), read.join());
  assert.equal(read[0], '1 before');
  if (outcome.startsWith('late at')) assert.ok(read.includes(`${outcome.slice(8)} late`), read.join());
});

test('T17: a mebibyte travels in chunks and harms nobody beside it', async () => {
  await using net = await settled(3);
  const reader = follow(net, 2, { kind: 'start' });
  await net.during(append(net, 0, 'a'));
  const data = Uint8Array.from({ length: 1_048_576 }, (_, i) => i % 251);
  const big = await net.during(nodeOf(net, 1).topics.append({ app: APP, topic: 'log', data }));
  await net.during(append(net, 0, 'b'));
  await net.until(() => reader.texts().length === 3);
  assert.deepEqual(reader.texts(), ['1 a', '2 1048576', '3 b']);
  const found = reader.events.find((e) => e.type === 'message' && e.sequence === big.sequence);
  assert.ok(found?.type === 'message' && Buffer.compare(found.data, data) === 0);
});

test('the data of a repeat is not kept beside that of the first', async () => {
  await using net = await settled(3);
  const sum = async () => {
    const all = net.nodes.map(({ records }) => records.storedBytes(APP));
    return (await net.during(Promise.all(all))).reduce((a, b) => a + b, 0);
  };
  const data = new Uint8Array(500_000).fill(7);
  const input = { app: APP, topic: 'log', data, idempotencyKey: 'key' };
  await net.during(nodeOf(net, 0).topics.append(input));
  const before = await sum();
  for (let i = 0; i < 3; i++) await net.during(nodeOf(net, i).topics.append(input));
  await net.clock.advance(1_000);
  const after = await sum();
  assert.ok(after - before < 100_000, `${after - before} bytes more`);
  const reader = follow(net, 1, { kind: 'start' }, 'log', 'end');
  await net.until(() => reader.texts().length === 1);
  assert.deepEqual(reader.texts(), ['1 500000']);
});

test('retention by count, bytes and age; what is gone is told', async () => {
  await using net = await settled(3);
  await net.during(nodeOf(net, 1).topics.retain({ app: APP, topic: 'log', retention: { messages: 10 } }));
  for (let i = 1; i <= 40; i++) await net.during(append(net, 0, `m${i}`));
  await net.clock.advance(5_000);
  const counted = follow(net, 2, { kind: 'sequence', sequence: 1 }, 'log', 'end');
  await net.until(() => counted.texts().some((one) => one.endsWith('m40')));
  assert.equal(counted.texts()[0], '1-30 gone');
  assert.equal(counted.texts().length, 11);

  const sized = { app: APP, topic: 'sized', retention: { bytes: 5_000 } };
  await net.during(nodeOf(net, 1).topics.retain(sized));
  for (let i = 1; i <= 20; i++) await net.during(append(net, 0, 'x'.repeat(1_000), 'sized'));
  await net.clock.advance(5_000);
  const { bytes: kept } = await net.during(nodeOf(net, 2).topics.state(sized));
  assert.ok(kept >= 5_000 && kept <= 6_000, `${kept}`);

  const aged = { app: APP, topic: 'aged', retention: { ageMs: 120_000 } };
  await net.during(nodeOf(net, 1).topics.retain(aged));
  for (let i = 1; i <= 5; i++) await net.during(append(net, 0, `old${i}`, 'aged'));
  await net.clock.advance(300_000);
  assert.equal((await net.during(append(net, 2, 'new', 'aged'))).sequence, 6);
  const reader = follow(net, 1, { kind: 'sequence', sequence: 1 }, 'aged', 'end');
  await net.until(() => reader.texts().some((one) => one.endsWith('new')));
  assert.deepEqual(reader.texts(), ['1-5 gone', '6 new']);
});

test('a follower whose links are cut reads on without a hole when they are back', async () => {
  await using net = await settled(4);
  const reader = follow(net, 3, { kind: 'start' });
  for (let i = 1; i <= 10; i++) await net.during(append(net, 0, `m${i}`));
  await net.until(() => reader.texts().length === 10);
  net.partition([0, 1, 2], [3]);
  for (let i = 11; i <= 400; i++) await net.during(append(net, 0, `m${i}`));
  await net.clock.advance(40_000);
  net.heal();
  await net.until(() => reader.texts().length === 400);
  assert.deepEqual(
    reader.texts(),
    Array.from({ length: 400 }, (_, i) => `${i + 1} m${i + 1}`),
  );
});

test('what is told to followers while they look for their place, or is no entry at all, harms none of them', async () => {
  await using net = await settled(3);
  for (let i = 1; i <= 5; i++) await net.during(append(net, 0, `m${i}`));
  const readers = [1, 2].map((i) => follow(net, i, { kind: 'start' }));
  const late = follow(net, 2, { kind: 'end' });
  const appending = append(net, 0, 'm6');
  for (const data of [new Uint8Array(3), Uint8Array.of(0x82, 1, 0x41, 0), new Uint8Array(0)])
    await nodeOf(net, 0).pubsub.live.publish(`${APP}/log/.log`, data);
  await net.during(appending);
  await net.during(append(net, 1, 'm7'));
  await net.until(() => readers.every((one) => one.texts().length === 7) && late.texts().includes('7 m7'));
  for (const one of [...readers, late]) assert.equal(one.error, undefined);
});
