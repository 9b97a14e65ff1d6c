/** Two nodes' pub/sub over a link that takes its time, and what becomes of messages when a node's incarnation is raised. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, P2posError } from '@p2pos/protocol';
import { createEmitter, type Emitter } from '../../core/events/index.ts';
import { silentLogger } from '../../core/log/index.ts';
import type { NetEvents } from '../../core/net/index.ts';
import { instantCrypto, instantSigner } from '../../testing/instant-crypto.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createPubsub, type Pubsub, type PubsubDeps } from './pubsub.ts';
import type { MessageBody } from './wire.ts';

const APP = 'default';
/** Of the link, 3 Mbit/s: a MiB takes 2.8 s. */
const BYTES_PER_MS = 375;

type Method = (input: unknown, context: { readonly peerId: string }) => Promise<unknown>;

interface Side {
  readonly pubsub: Pubsub;
  /** Of its process, as presence says. */
  readonly life: { incarnation: number };
}

function createPair() {
  const clock = createManualClock();
  const served = new Map<string, Record<string, Method>>();
  const link = { up: true };
  const events = new Map<string, Emitter<NetEvents>>();
  const other = (self: string) => (self === 'a' ? 'b' : 'a');

  function open(self: string, incarnation: number): Side {
    const call = (
      peerId: string,
      _: unknown,
      method: string,
      input: object,
      options: { timeoutMs: number },
    ) =>
      new Promise((resolve, reject) => {
        const { timeoutMs } = options;
        const unreachable = new P2posError('PEER_UNREACHABLE', { peerId });
        if (!link.up) return reject(unreachable);
        clock.after(timeoutMs, () => reject(new P2posError('TIMEOUT', { what: method, timeoutMs })));
        const messages = 'messages' in input ? (input.messages as MessageBody[]) : [];
        const size = messages.reduce((sum, { 4: data }) => sum + (data?.length ?? 0), 0);
        clock.after(10 + size / BYTES_PER_MS, () => {
          if (!link.up) return reject(unreachable);
          served.get(peerId)?.[method]?.(input, { peerId: self }).then(resolve, reject);
        });
      });
    const life = { incarnation };
    const emitter = createEmitter<NetEvents>(() => {});
    events.set(self, emitter);
    return {
      life,
      pubsub: createPubsub({
        self,
        rpc: {
          call,
          serve(_: unknown, methods: Record<string, Method>) {
            served.set(self, methods);
            return { [Symbol.dispose]: () => void served.delete(self) };
          },
        },
        net: {
          connections: () => (link.up ? [{ peerId: other(self) }] : []),
          isConnected: () => link.up,
          events: emitter,
        },
        membership: {
          isActive: () => true,
          view: () => ({ members: new Map([['a', {}]]) }),
          events: createEmitter(() => {}),
          systemId: 'system',
        },
        signer: instantSigner(new Uint8Array(32).fill(1)),
        crypto: instantCrypto,
        incarnation: () => life.incarnation,
        clock,
        random: createSeededRandom(self),
        log: silentLogger,
      } as unknown as PubsubDeps),
    };
  }

  const change = (up: boolean) => {
    link.up = up;
    for (const [self, emitter] of events)
      emitter.emit(up ? 'peer:connected' : 'peer:disconnected', other(self));
  };
  return {
    clock,
    open,
    connect: () => change(true),
    disconnect: () => change(false),
    async during<T>(promise: Promise<T>): Promise<T> {
      await clock.advance(100);
      return promise;
    },
  };
}

type Pair = ReturnType<typeof createPair>;

/** What a subscriber is told: numbers of messages, and of gaps with a minus. */
async function follow(pair: Pair, { pubsub }: Side, topic = '>'): Promise<number[]> {
  const told: number[] = [];
  const { batches } = await pair.during(pubsub.subscribe({ app: APP, topic }));
  void (async () => {
    for await (const batch of batches)
      for (const event of batch) {
        if (event.type === 'message') told.push(event.seq);
        if (event.type === 'gap') for (let seq = event.from; seq <= event.to; seq++) told.push(-seq);
      }
  })();
  return told;
}

const said = (bytes: number) => ({ app: APP, topic: 't', data: new Uint8Array(bytes) });

test('a long message that short ones overtake is waited for as long as its publisher tries', async () => {
  const pair = createPair();
  const [a, b] = [pair.open('a', 1), pair.open('b', 1)];
  const told = await follow(pair, b);
  const long = a.pubsub.publish({ ...said(1_048_576), ack: 'all', signed: true });
  await pair.clock.advance(20);
  const short = a.pubsub.publish({ ...said(256), ack: 'all' });
  await pair.clock.advance(2_500);
  assert.deepEqual(told, []);
  await pair.clock.advance(2_500);
  assert.deepEqual(told, [1, 2]);
  const { clients, receipt } = await long;
  assert.deepEqual([clients, receipt?.statements[0]?.clients, (await short).clients], [1, 1, 1]);
});

test('who got a message only after its loss was told neither confirms it nor signs for it', async () => {
  const pair = createPair();
  const [a, b] = [pair.open('a', 1), pair.open('b', 1)];
  const told = await follow(pair, b);
  const long = a.pubsub.publish({ ...said(1_048_576), signed: true });
  const failed = assert.rejects(long, (error) => isP2posError(error, 'PUBSUB_UNCONFIRMED'));
  await pair.clock.advance(20);
  // More of them than wait for an earlier one.
  for (let i = 0; i < 5_000; i++) void a.pubsub.publish(said(1));
  await pair.clock.advance(10_000);
  await failed;
  assert.deepEqual(
    told,
    Array.from({ length: 5_001 }, (_, i) => (i === 0 ? -1 : i + 1)),
  );
});

test('what is on its way when the incarnation of its publisher is raised still comes, then what follows', async () => {
  const pair = createPair();
  const [a, b] = [pair.open('a', 1), pair.open('b', 1)];
  const told = await follow(pair, b);
  pair.disconnect();
  for (let i = 0; i < 3; i++) await a.pubsub.publish(said(1));
  a.life.incarnation = 2;
  for (let i = 0; i < 3; i++) await a.pubsub.publish(said(1));
  await pair.clock.advance(10_000);
  pair.connect();
  await pair.clock.advance(5_000);
  assert.deepEqual(told, [1, 2, 3, 1, 2, 3]);
});

test('nothing that is on its way to a node whose incarnation is raised is lost', async () => {
  const pair = createPair();
  const [a, b] = [pair.open('a', 1), pair.open('b', 1)];
  const told = await follow(pair, b);
  const COUNT = 60;
  for (let i = 1; i <= COUNT; i++) {
    if (i === 5) b.life.incarnation = 2;
    // The connection is made anew too.
    if (i === 20) pair.disconnect();
    if (i === 25) pair.connect();
    await a.pubsub.publish(said(1));
    await pair.clock.advance(1_000);
  }
  await pair.clock.advance(1_000);
  assert.deepEqual(
    told,
    Array.from({ length: COUNT }, (_, i) => i + 1),
  );
});

for (const earlier of [5, 9])
  test(`a process that begins under ${earlier === 5 ? 'the' : 'a lower'} incarnation of a former one is heard once it is raised`, async () => {
    const pair = createPair();
    const [a, former] = [pair.open('a', 1), pair.open('b', earlier)];
    await follow(pair, former);
    // It has said more than the next one will for a while.
    await follow(pair, former, 'more');
    await a.pubsub.publish(said(1));
    await former.pubsub.publish(said(1));
    await pair.clock.advance(1_000);
    await former.pubsub[Symbol.asyncDispose]();
    pair.disconnect();
    await a.pubsub.publish(said(1));
    const b = pair.open('b', 5);
    pair.connect();
    const { confirmedBy } = await pair.during(b.pubsub.subscribe({ app: APP, topic: 'new' }));
    assert.deepEqual(confirmedBy, [], 'it is not heard yet, and says so');
    b.life.incarnation = 10;
    await pair.clock.advance(4_000);
    const [told, others] = [await follow(pair, b), await follow(pair, a)];
    assert.deepEqual((await pair.during(b.pubsub.subscribe({ app: APP, topic: 'new' }))).confirmedBy, ['a']);
    await a.pubsub.publish(said(1));
    await b.pubsub.publish(said(1));
    await pair.clock.advance(1_000);
    assert.deepEqual(told, [1, 3], 'its own, and of the other what was not meant for the former process');
    assert.deepEqual(others, [3, 1]);
  });
