/** Two nodes' pub/sub over a link that takes its time, and what becomes of messages when a node's incarnation is raised. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, P2posError } from '@p2pos/protocol';
import { createEmitter } from '../../core/events/index.ts';
import { silentLogger } from '../../core/log/index.ts';
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
          events: createEmitter(() => {}),
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

  return { clock, link, open };
}

/** What a subscriber to all is told: numbers of messages, and of gaps with a minus. */
async function follow(pair: ReturnType<typeof createPair>, { pubsub }: Side): Promise<number[]> {
  const told: number[] = [];
  const subscribing = pubsub.subscribe({ app: APP, topic: '>' });
  await pair.clock.advance(100);
  const { batches } = await subscribing;
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
  pair.link.up = false;
  for (let i = 0; i < 3; i++) await a.pubsub.publish(said(1));
  a.life.incarnation = 2;
  for (let i = 0; i < 3; i++) await a.pubsub.publish(said(1));
  await pair.clock.advance(10_000);
  pair.link.up = true;
  await pair.clock.advance(5_000);
  assert.deepEqual(told, [1, 2, 3, 1, 2, 3]);
});
