/** The SDK's socket: what it repeats, what it resumes, and how it falls back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kvStreams, P2posError } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { bindStreams } from '../packages/node/src/gateway/index.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTestDoor } from '../packages/node/src/testing/http-door.ts';

/** Two numbers, then silence until it is let go. */
const pairs = bindStreams(kvStreams, {
  kv: async ({ from = '0' }, { signal }) => ({
    opened: { token: null },
    events: (async function* () {
      yield { type: 'progress' as const, token: from };
      yield { type: 'progress' as const, token: `${Number(from) + 1}` };
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    })(),
  }),
});

describe('the SDK over a socket', () => {
  it('resumes a stream at another node from its last event', async () => {
    const gone = await createTestDoor({ streams: pairs });
    await using stays = await createTestDoor({ streams: pairs, config: { tokenFile: gone.tokenFile } });
    await using client = connect({ url: [gone.url, stays.url], token: gone.token });
    const seen: number[] = [];
    const following = client.subscribe(
      'kv',
      {},
      {
        resume: (input, last) => (last.type === 'progress' ? { from: `${Number(last.token) + 1}` } : input),
      },
    );
    for await (const event of following) {
      if (event.type !== 'progress') continue;
      seen.push(Number(event.token));
      if (seen.length === 2) await gone[Symbol.asyncDispose]();
      if (seen.length === 4) break;
    }
    assert.deepEqual(seen, [0, 1, 2, 3]);
  });

  it('many calls at once travel in few messages and each gets its own answer', async () => {
    await using door = await createTestDoor();
    let messages = 0;
    class Counted extends WebSocket {
      override send(data: Parameters<WebSocket['send']>[0]): void {
        messages++;
        super.send(data);
      }
    }
    await using client = connect({ url: door.url, token: door.token, WebSocket: Counted });
    await client.kv.put('first', '');
    const before = messages;
    await Promise.all(Array.from({ length: 200 }, (_, i) => client.kv.put(`k${i}`, `v${i}`)));
    assert.ok(messages - before <= 4, `${messages - before} messages`);
    const values = await Promise.all(Array.from({ length: 200 }, (_, i) => client.kv.get(`k${i}`)));
    assert.deepEqual(
      values.map((value) => value?.text()),
      values.map((_, i) => `v${i}`),
    );
  });

  it('sends what no message of the socket has room for over HTTP, and much at once in several messages', async () => {
    await using door = await createTestDoor();
    await using client = connect({ url: door.url, token: door.token, maxAttempts: 1 });
    const db = client.sql('large');
    const insert = (length: number) => db.execute('INSERT INTO t VALUES (?)', ['x'.repeat(length)]);
    await client.health();
    await Promise.all(Array.from({ length: 40 }, () => insert(100_000)));
    await insert(3_000_000);
  });

  it('tells what no frame can carry to who passed it, and goes on', async () => {
    await using door = await createTestDoor();
    await using client = connect({ url: door.url, token: door.token, transport: 'socket' });
    await client.kv.put('a', '1');
    const db = client.sql('shop');
    const wrong = [
      client.sql.create('shop', { engine: Symbol('x') } as never),
      db.execute('INSERT INTO t VALUES (?)', [2n ** 70n]).then(() => assert.fail()),
      client.sql.create('shop', { voters: new Map() } as never),
      client.kv.put('\ud800', 'x'),
    ];
    const settled = await Promise.allSettled([...wrong, client.kv.get('a')]);
    for (const one of settled.slice(0, -1))
      assert.ok(one.status === 'rejected' && one.reason instanceof P2posError, JSON.stringify(one));
    const last = settled.at(-1) as PromiseFulfilledResult<{ text(): string } | undefined>;
    assert.equal(last.value?.text(), '1');
    const loop = client.subscribe('kv', { prefix: '\ud800' })[Symbol.asyncIterator]();
    await assert.rejects(async () => loop.next(), P2posError);
  });

  it('goes over HTTP where no socket can be had', async () => {
    await using door = await createTestDoor();
    class Refused extends WebSocket {
      constructor(url: string | URL) {
        super(String(url).replace('/v1/ws', '/nothing'));
      }
    }
    await using client = connect({ url: door.url, token: door.token, WebSocket: Refused });
    await client.kv.put('a', '1');
    assert.equal((await client.kv.get('a'))?.text(), '1');
  });

  it('a call under way when the node ends is not repeated unless a repeat is harmless', async () => {
    let puts = 0;
    const put = () => {
      puts++;
      return new Promise<never>(() => {});
    };
    const gone = await createTestDoor({ kv: { put } });
    await using stays = await createTestDoor({ config: { tokenFile: gone.tokenFile } });
    await using client = connect({ url: [gone.url, stays.url], token: gone.token });
    const writing = client.kv.put('a', 'once');
    await eventually(() => puts === 1);
    await gone[Symbol.asyncDispose]();
    assert.equal((await writing).durable, 1);
    assert.equal((await client.kv.get('a'))?.text(), 'once');
  });
});
