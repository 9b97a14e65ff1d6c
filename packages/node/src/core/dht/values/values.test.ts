/** What is kept and what is refused, before it is stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DhtEntry, formatTimestamp, peerIdFromPublicKey, signDhtEntry } from '@p2pos/protocol';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { keyedCrypto as crypto, keyedSignerOf } from '../../../testing/simnet/keyed-crypto.ts';
import { createSwarm, type SwarmNode, SYSTEM_ID } from '../testing/swarm.ts';
import { checkValue } from './value.ts';
import { createValueStore, DEFAULT_VALUE_LIMITS, type ValueLimits } from './value-store.ts';

const HOUR = 3_600_000;
const signers = [1, 2, 3].map((fill) => keyedSignerOf(new Uint8Array(32).fill(fill)));
const authors = signers.map(({ publicKey }) => peerIdFromPublicKey(publicKey));
const clock = createManualClock();

async function entry(changes: Partial<DhtEntry> = {}, by = 0): Promise<Uint8Array> {
  const now = clock.now();
  const body: DhtEntry = {
    ...{ systemId: SYSTEM_ID, kind: 'shared', author: authors[by] as string, topic: 't', entry: '', seq: 1 },
    issuedAt: formatTimestamp(now),
    expiresAt: formatTimestamp(now + HOUR),
    value: Uint8Array.of(1),
    ...changes,
  };
  return signDhtEntry(body, signers[by] as (typeof signers)[0], crypto);
}
const check = (bytes: Uint8Array) =>
  checkValue({ kind: 'signed', bytes }, { crypto, systemId: SYSTEM_ID, now: clock.now() });
const from = (peerId: string, network?: string) => ({ peerId, network });

function createStore(limits: Partial<ValueLimits> = {}) {
  return createValueStore({ clock, random: createSeededRandom(1) }, { ...DEFAULT_VALUE_LIMITS, ...limits });
}

test('T22: what its author did not sign, of another system, from the future, too long or over, is refused', async () => {
  await check(await entry());
  const now = clock.now();
  const bad = [
    await entry({ author: authors[1] as string }),
    await entry({ systemId: `sys1${'b'.repeat(51)}q` }),
    await entry({ issuedAt: formatTimestamp(now + HOUR), expiresAt: formatTimestamp(now + 2 * HOUR) }),
    await entry({ expiresAt: formatTimestamp(now + 26 * HOUR) }),
    await entry({ issuedAt: formatTimestamp(now - HOUR), expiresAt: formatTimestamp(now) }),
    new Uint8Array(10_000),
    new Uint8Array(5),
  ];
  for (const bytes of bad) await assert.rejects(check(bytes), { code: 'DHT_VALUE_REFUSED' });
});

test('a newer entry replaces an older one and never the other way round; others of the topic stay', async () => {
  const store = createStore();
  const [old, newer] = [await check(await entry({ seq: 1 })), await check(await entry({ seq: 2 }))];
  const other = await check(await entry({ seq: 1 }, 1));
  for (const value of [old, other, newer]) store.put(value, from('p'));
  assert.throws(() => store.put(old, from('p')), { code: 'DHT_VALUE_REFUSED' });
  store.put(newer, from('p'));
  const held = store.get(newer.key, { count: 32, bytes: 100_000 }).map(({ bytes }) => bytes);
  assert.deepEqual(new Set(held), new Set([newer.bytes, other.bytes]));
});

test('T26: room is shared by who brings a value and the network it comes from, whoever signed it', async () => {
  const values = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => check(await entry({ topic: `t${i}` }, i % 3))),
  );
  const taken = (store: ReturnType<typeof createStore>, bringer: (i: number) => ReturnType<typeof from>) => {
    let count = 0;
    for (const [i, value] of values.entries()) {
      try {
        store.put(value, bringer(i));
        count++;
      } catch (error) {
        assert.equal((error as { readonly code: string }).code, 'DHT_FULL');
      }
    }
    return count;
  };
  const limits = { maxValues: 40, peerShare: 0.25, networkShare: 0.5 };
  assert.equal(
    taken(createStore(limits), () => from('p')),
    10,
  );
  assert.equal(
    taken(createStore(limits), (i) => from(`p${i}`, 'v4:198.51.100')),
    20,
  );
  assert.equal(
    taken(createStore(limits), (i) => from(`p${i}`)),
    40,
  );
});

test('under one key each author and each network has its share', async () => {
  const store = createStore({ perKeyOfAuthor: 2, perKey: 5, perKeyOfNetwork: 3 });
  const put = async (name: string, by: number, network?: string) => {
    const value = await check(await entry({ entry: name }, by));
    try {
      store.put(value, from(`p${name}`, network));
      return true;
    } catch {
      return false;
    }
  };
  assert.deepEqual([await put('a', 0), await put('b', 0), await put('c', 0)], [true, true, false]);
  assert.deepEqual(
    [await put('d', 1, 'n'), await put('e', 1, 'n'), await put('f', 2, 'n')],
    [true, true, true],
  );
  assert.equal(await put('g', 2, 'm'), false, 'the key is full');
});

test('the account is empty again when all has ended', async () => {
  const local = createManualClock({ startAt: clock.now() });
  const store = createValueStore({ clock: local, random: createSeededRandom(1) }, DEFAULT_VALUE_LIMITS);
  for (let i = 0; i < 20; i++) store.put(await check(await entry({ topic: `t${i}` })), from(`p${i}`, 'n'));
  assert.equal(store.size().values, 20);
  await local.advance(HOUR);
  store.sweep();
  assert.deepEqual(store.size(), { values: 0, bytes: 0 });
});

test('who hands over forgeries is banned, and what it answers is not believed', async () => {
  const swarm = createSwarm();
  await swarm.grow(30);
  const [victim, liar, author] = swarm.nodes as [SwarmNode, SwarmNode, SwarmNode];
  const forged = { kind: 'signed', bytes: await entry({ author: authors[1] as string }) } as const;
  for (let i = 0; i < 7; i++) {
    const call = liar.link.call(
      { peerId: victim.peerId, addresses: [] },
      'store',
      { addresses: [], value: forged },
      { timeoutMs: 2_000 },
    );
    const code = i < 6 ? 'DHT_VALUE_REFUSED' : 'PEER_BANNED';
    await assert.rejects(swarm.clock.during(call), { code });
  }
  assert.equal(victim.dht.hears(liar.peerId), false);
  assert.equal(victim.dht.status().values, 0);

  await swarm.clock.during(
    author.dht.announce({ topic: 't', entry: '', value: Uint8Array.of(7), ttlMs: HOUR }),
  );
  for (const node of swarm.nodes.slice(3, 12))
    node.link.intercept = (_method, _input, _from, answer) => ({
      ...(answer('findValue', { addresses: [], key: new Uint8Array(32) }, liar.peerId) as object),
      values: [forged],
    });
  const found = await swarm.clock.during(swarm.nodes[20]!.dht.discover('t'));
  assert.deepEqual(
    found.map((one) => one.author),
    [author.peerId],
  );
});
