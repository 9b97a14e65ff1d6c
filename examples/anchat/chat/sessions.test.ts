import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor, encodeCbor, P2posError, toHex } from '@p2pos/protocol';
import { createIdentity, createPreKeys, type PreKeyBundle } from '@p2pos/protocol/e2ee';
import type { Directory, Listed } from './directory.ts';
import { createSessions } from './sessions.ts';
import { createMemoryStore } from './store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const UNREADABLE = { code: 'E2EE_UNREADABLE' };

function createWorld() {
  const listed = new Map<string, Listed>();
  const directory: Directory = {
    devicesOf: async (address) => [...listed.values()].filter((one) => one.address === address),
    async check(address, key) {
      const found = listed.get(toHex(key));
      if (found?.address !== address) throw new P2posError('BAD_REQUEST', { reason: 'no such device' });
      return found;
    },
    bundleOf: async ({ bundle }) => bundle,
  };
  return async (address: string) => {
    const identity = await createIdentity();
    const { bundle, secrets } = await createPreKeys(identity, { oneTime: 0 });
    const id = toHex(identity.signing.publicKey);
    const own: Listed = { address, id, bundle: bundle as PreKeyBundle, since: 0 };
    listed.set(id, own);
    const store = createMemoryStore();
    await store.write([['pre-keys', secrets]]);
    const signIn = { text: '', signature: new Uint8Array(64) };
    const device = { address, id, signIn, identity, bundle };
    const sessions = createSessions({ store, directory, device });
    return {
      own,
      async write(to: Listed, words: string) {
        const sealed = await sessions.seal(to, bytes(words));
        await store.write(sealed.changes);
        return sealed.bytes;
      },
      async read(letter: Uint8Array, { isKept = true } = {}) {
        const { from, plaintext, changes } = await sessions.open(letter);
        if (isKept) await store.write(changes);
        return `${from}: ${text(plaintext)}`;
      },
    };
  };
}

test('letters of both ways are read in any order, each once, and again after a failure to keep them', async () => {
  const come = createWorld();
  const [alice, bob] = [await come('alice'), await come('bob')];
  const first = await alice.write(bob.own, 'one');
  const second = await alice.write(bob.own, 'two');
  assert.equal(await bob.read(second), 'alice: two');
  assert.equal(await bob.read(first, { isKept: false }), 'alice: one');
  assert.equal(await bob.read(first), 'alice: one');
  // Without one-time keys, only the mark of the opening tells a copy.
  for (const copy of [first, second]) await assert.rejects(bob.read(copy), UNREADABLE);
  assert.equal(await alice.read(await bob.write(alice.own, 'three')), 'bob: three');
});

test('two who write first at once understand each other', async () => {
  const come = createWorld();
  const [alice, bob] = [await come('alice'), await come('bob')];
  const [toBob, toAlice] = [await alice.write(bob.own, 'one'), await bob.write(alice.own, 'two')];
  assert.equal(await bob.read(toBob), 'alice: one');
  assert.equal(await alice.read(toAlice), 'bob: two');
  for (let i = 0; i < 3; i++) {
    assert.equal(await bob.read(await alice.write(bob.own, `a${i}`)), `alice: a${i}`);
    assert.equal(await alice.read(await bob.write(alice.own, `b${i}`)), `bob: b${i}`);
  }
});

test('nobody writes as another: not by name, not by device, not into a session that stands', async () => {
  const come = createWorld();
  const [alice, bob, mallory] = [await come('alice'), await come('bob'), await come('mallory')];
  await bob.read(await alice.write(bob.own, 'hello'));
  const letter = decodeCbor(await mallory.write(bob.own, 'forged')) as Record<string, unknown>;
  const { signingKey } = alice.own.bundle;
  await assert.rejects(bob.read(encodeCbor({ ...letter, from: 'alice' })), { code: 'BAD_REQUEST' });
  await assert.rejects(bob.read(encodeCbor({ ...letter, from: 'alice', device: signingKey })), UNREADABLE);
  const opening = { ...(letter['opening'] as object), signingKey };
  await assert.rejects(
    bob.read(encodeCbor({ ...letter, from: 'alice', device: signingKey, opening })),
    UNREADABLE,
  );
  await assert.rejects(bob.read(encodeCbor({ ...letter, device: signingKey })), UNREADABLE);
  for (const junk of [new Uint8Array(0), encodeCbor(null), encodeCbor({ from: 'alice', device: 'x' })])
    await assert.rejects(bob.read(junk), UNREADABLE);
  assert.equal(await bob.read(encodeCbor(letter)), 'mallory: forged');
});
