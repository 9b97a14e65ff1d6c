/** What a watch is made of: tokens, what it remembers, and what it believes of what replicas say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, isP2posError, toBase64url } from '@p2pos/protocol';
import fc from 'fast-check';
import { createTestSystem } from '../../../testing/test-system.ts';
import { encodeHeader } from '../format/record.ts';
import { createSealVerifier, seal } from '../format/seal.ts';
import type { ChangeBody } from '../format/wire.ts';
import { createChangeReader } from './change.ts';
import { Known } from './known.ts';
import { Outlet } from './outlet.ts';
import { decodeToken, encodeToken } from './token.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const isError = (code: Parameters<typeof isP2posError>[1]) => (error: unknown) => isP2posError(error, code);
const version = (n: number) => `${n.toString(16).padStart(16, '0')}-a`;

test('a token comes back as it was; anything else is refused, never a crash', () => {
  const store = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((raw) => Buffer.from(raw).toString('hex'));
  const positions = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 60 }),
    fc.record({ store, position: fc.nat() }, { noNullPrototype: true }),
  );
  const range = fc.option(store, { nil: undefined });
  const told = fc.array(fc.uint8Array({ minLength: 12, maxLength: 12 }), { maxLength: 5 });
  fc.assert(
    fc.property(
      range,
      positions,
      fc.constantFrom('', 'ab'.repeat(8)),
      told,
      (range, entries, horizon, told) => {
        const standing = { range, horizon, positions: new Map(Object.entries(entries)), told };
        const token = encodeToken(standing);
        assert.deepEqual(decodeToken(token), standing);
        assert.match(token, /^[\w-]+$/);
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (junk) => {
      assert.throws(() => decodeToken(toBase64url(junk)), isError('WATCH_TOKEN_INVALID'));
    }),
  );
  for (const text of ['', 'A', '%', 'A'.repeat(65_537)])
    assert.throws(() => decodeToken(text), isError('WATCH_TOKEN_INVALID'));
});

test('whatever is forgotten, a version that may be old is never taken for new', () => {
  const change = fc.record({ key: fc.integer({ min: 0, max: 9 }), at: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const known = new Known('', { maxKeys: 3 });
      const newest = new Map<number, number>();
      for (const { key, at } of changes) {
        const name = String(key);
        const told = { version: version(at), dead: false };
        if (known.covers(name, told)) continue;
        const before = newest.get(key) ?? 0;
        if (known.isUnsure(name, told.version)) continue;
        assert.ok(at > before || before === 0, `${key}: ${at} after ${before}`);
        newest.set(key, at);
        known.set(name, told);
      }
    }),
  );
});

test('a key that expired is told once more, in the same version', () => {
  const known = new Known('', { maxKeys: 3 });
  known.set('a', { version: version(1), dead: false });
  assert.equal(known.covers('a', { version: version(1), dead: false }), true);
  assert.equal(known.covers('a', { version: version(1), dead: true }), false);
  known.set('a', { version: version(1), dead: true });
  assert.equal(known.covers('a', { version: version(1), dead: true }), true);
  assert.equal(known.covers('a', { version: version(1), dead: false }), true);
});

test('what an outlet was ended with comes after what is still in it', async () => {
  const outlet = new Outlet<number>({ maxBytes: 3, weigh: (n) => n });
  outlet.push(1);
  outlet.push(2);
  let drained = false;
  const waiting = outlet.drained().then(() => {
    drained = true;
  });
  await Promise.resolve();
  assert.equal(drained, false);
  outlet.end(new Error('over'));
  await waiting;
  assert.deepEqual([await outlet.take(), await outlet.take()], [1, 2]);
  await assert.rejects(outlet.take(), /over/);
});

test('T22: a replica that tells of what no member signed, or of another key, is not believed', async () => {
  const system = await createTestSystem({ nodes: 2, now: 1_800_000_000_000, seed: 'watch' });
  const { systemId } = system;
  const [author, stranger] = system.nodes as [(typeof system.nodes)[0], (typeof system.nodes)[0]];
  const reader = createChangeReader({
    verifier: createSealVerifier({ crypto: system.crypto, systemId }),
    topology: { wasEverMember: (peerId) => peerId === author.peerId },
    crypto: system.crypto,
    now: () => 2_000,
    trustedNow: async () => 1_800_000_000_000,
  });
  async function bodyOf(key: string, by: typeof author, named = by.peerId): Promise<ChangeBody> {
    const value = bytes(`under ${key}`);
    const header = encodeHeader({
      namespace: 'default/kv',
      partition: bytes(key),
      key: bytes(key),
      version: formatVersion({ ms: 1_500, counter: 0, author: named }),
      expiresAt: undefined,
      value: { hash: system.crypto.sha256(value), bytes: value.length },
    });
    const [sealed] = await seal({ crypto: system.crypto, signer: by.signer, systemId }, [header]);
    return [bytes(key), null, [header, value, sealed?.proof as Uint8Array]];
  }
  const range = { namespace: 'default/kv', prefix: bytes('k') };
  const good = await bodyOf('key', author);
  const [key, , record] = good as [Uint8Array, null, NonNullable<ChangeBody[2]>];
  const [header, value, proof] = record;
  const read = await reader.read(range, good);
  assert.deepEqual(read.version !== undefined && read.value, bytes('under key'));
  const lies: [string, ChangeBody][] = [
    ['outside the range', await bodyOf('other', author)],
    ['another key', [bytes('kex'), null, record]],
    ['another partition', [key, bytes('p'), record]],
    ['another value', [key, null, [header, bytes('forged key'), proof]]],
    ['a stranger', await bodyOf('key', stranger)],
    ['a stranger in the name of a member', await bodyOf('key', stranger, author.peerId)],
    ['no header', [key, null, [bytes('junk'), value, proof]]],
    ['no proof', [key, null, [header, value, bytes('junk')]]],
  ];
  for (const [what, body] of lies)
    await assert.rejects(reader.read(range, body), (error) => isP2posError(error), what);
  await assert.rejects(reader.read({ ...range, namespace: 'other/kv' }, good), isError('PEER_PROTOCOL'));
  // What cannot be shown is a reason to ask the others.
  assert.equal((await reader.read(range, [key, null, null])).version, undefined);
  assert.equal((await reader.read(range, [key, null, [header, null, proof]])).version, undefined);
});
