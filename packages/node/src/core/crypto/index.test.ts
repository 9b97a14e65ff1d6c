import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { identityFromSeed } from '../identity/index.ts';
import { createNodeCrypto } from './index.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const crypto = createNodeCrypto();

test('SHA-256 of "abc" is that of FIPS 180-2', () => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.deepEqual(crypto.sha256(new TextEncoder().encode('abc')), hex(expected));
});

test('the signature of RFC 8032 §7.1, test 2, verifies', async () => {
  const publicKey = hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  const signature = hex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  assert.ok(await crypto.verify(publicKey, hex('72'), signature));
  assert.ok(!(await crypto.verify(publicKey, hex('73'), signature)));
});

test('one changed bit in key, message or signature makes it false, never an error', async () => {
  const identity = identityFromSeed(new Uint8Array(32).fill(3));
  const message = new TextEncoder().encode('message');
  const signature = await identity.signer.sign(message);
  const { publicKey } = identity.signer;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 }), fc.nat(), async (which, at) => {
      const parts = [publicKey, message, signature].map((part) => part.slice());
      const part = parts[which] as Uint8Array;
      const bit = at % (part.length * 8);
      part[bit >> 3] = (part[bit >> 3] as number) ^ (1 << (bit & 7));
      const [key, bytes, sealed] = parts as [Uint8Array, Uint8Array, Uint8Array];
      assert.equal(await crypto.verify(key, bytes, sealed), false);
    }),
  );
});

test('keys and signatures of any length and content are false, never an error', async () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  const key = fc.oneof(bytes, fc.uint8Array({ minLength: 32, maxLength: 32 }));
  const signature = fc.oneof(bytes, fc.uint8Array({ minLength: 64, maxLength: 64 }));
  await fc.assert(
    fc.asyncProperty(key, bytes, signature, async (publicKey, message, sealed) => {
      assert.equal(await crypto.verify(publicKey, message, sealed), false);
    }),
  );
});

test('a flood of strange keys does not push out the use of known ones', async () => {
  const identity = identityFromSeed(new Uint8Array(32).fill(4));
  const message = new Uint8Array(3);
  const signature = await identity.signer.sign(message);
  const own = createNodeCrypto();
  const strange = Array.from({ length: 5_000 }, (_, i) => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, i);
    return own.verify(key, message, signature);
  });
  await Promise.all(strange);
  assert.ok(await own.verify(identity.signer.publicKey, message, signature));
});

test('of many verifications at once one is made here, the others in the thread pool, all with the same verdicts', async () => {
  let now = 0;
  const busy = createNodeCrypto({ clock: { monotonic: () => now } }, { inlineEveryMs: 1 });
  const { signer } = identityFromSeed(new Uint8Array(32).fill(5));
  const message = new TextEncoder().encode('message');
  const signature = await signer.sign(message);
  for (let round = 0; round < 3; round++) {
    now += 2;
    const order: number[] = [];
    const verdicts = [message, message, new Uint8Array(1)].map(async (bytes, i) => {
      const valid = await busy.verify(signer.publicKey, bytes, signature);
      order.push(i);
      return valid;
    });
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual(order, [0]);
    assert.deepEqual(await Promise.all(verdicts), [true, true, false]);
  }
});
