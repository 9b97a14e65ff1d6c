/** The public pitfalls of signing in with a wallet, each one refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor, toHex } from '@p2pos/protocol';
import { createIdentity, createPreKeys, initiate, type KeyPair } from '@p2pos/protocol/e2ee';
import { checkEntry } from './directory.ts';
import { checkSignIn, signIn } from './sign-in.ts';
import { addressOf, createWallet, keyOf, type Wallet } from './wallet.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

async function setUp() {
  const keys: KeyPair = (await createIdentity()).signing;
  const wallet = createWallet(keys);
  const device = (await createIdentity()).signing.publicKey;
  return { wallet, device, word: await signIn(wallet, device, NOW) };
}

test('what a wallet signed for this device is taken until its time is over', async () => {
  const { wallet, device, word } = await setUp();
  const expected = { address: wallet.address, deviceKey: device, now: NOW };
  await checkSignIn(word, expected);
  await checkSignIn(word, { ...expected, now: NOW + 89 * 86_400_000 });
  await assert.rejects(checkSignIn(word, { ...expected, now: NOW + 90 * 86_400_000 }), /its time is over/);
  await assert.rejects(checkSignIn(word, { ...expected, now: NOW - 6 * 60_000 }), /lies in the future/);
});

test('another address, another device, another domain, another text: refused', async () => {
  const { wallet, device, word } = await setUp();
  const mallory = await setUp();
  const expected = { address: wallet.address, deviceKey: device, now: NOW };
  await assert.rejects(checkSignIn(word, { ...expected, address: mallory.wallet.address }), /it is of/);
  await assert.rejects(checkSignIn(word, { ...expected, deviceKey: mallory.device }), /another device/);
  // The text names the victim, the signature is of whoever made it.
  const forged = await signIn({ ...mallory.wallet, address: wallet.address }, device, NOW);
  await assert.rejects(checkSignIn(forged, expected), /the wallet has not signed it/);
  const phished = { ...word, text: word.text.replace('anchat.example', 'evil.example') };
  await assert.rejects(checkSignIn(phished, expected), /it is for evil\.example/);
  for (const text of [
    word.text.replace('Let this device', 'Let every device'),
    `${word.text}\n`,
    `x${word.text}`,
    word.text.replace('Nonce: ', 'Nonce: 0'),
    word.text.replace(/Expiration Time: .*/, 'Expiration Time: soon'),
    'x'.repeat(100_000),
    '',
  ])
    await assert.rejects(checkSignIn({ ...word, text }, expected), /refused/);
  const changed = word.signature.slice();
  changed[0] = (changed[0] as number) ^ 1;
  await assert.rejects(checkSignIn({ ...word, signature: changed }, expected), /not signed/);
});

test('a sign-in that would last for ever is refused, however well it is signed', async () => {
  const { wallet, device } = await setUp();
  const eternal: Wallet = {
    ...wallet,
    signMessage: (text) =>
      wallet.signMessage(text.replace(/Expiration Time: .*/, 'Expiration Time: 2099-01-01T00:00:00.000Z')),
  };
  const word = await signIn(eternal, device, NOW);
  const text = word.text.replace(/Expiration Time: .*/, 'Expiration Time: 2099-01-01T00:00:00.000Z');
  await assert.rejects(
    checkSignIn({ ...word, text }, { address: wallet.address, deviceKey: device, now: NOW }),
    /longer than ninety days/,
  );
});

test('an address is one key in one spelling', async () => {
  const { wallet } = await setUp();
  const key = keyOf(wallet.address);
  assert.ok(key);
  assert.equal(addressOf(key), wallet.address);
  for (const bad of [
    '',
    '0OIl',
    `1${wallet.address}`,

    'é'.repeat(40),
    '1'.repeat(33),
  ])
    assert.equal(keyOf(bad), undefined, bad);
});

test('an address that anybody can sign for is nobody: the System Program, points of small order, second spellings', async () => {
  const { device } = await setUp();
  const system = '1'.repeat(32);
  assert.equal(keyOf(system), undefined);
  for (const first of [0, 1, 0xec, 0xed, 0xee, 0xff])
    for (const top of [0x7f, 0xff]) {
      const fill = first < 2 ? 0 : 0xff;
      const point = new Uint8Array(32)
        .fill(fill)
        .with(0, first)
        .with(31, fill === 0 ? top & 0x80 : top);
      assert.equal(keyOf(addressOf(point)), undefined, toHex(point));
    }
  // R is the neutral point and S is 0: under the neutral point as key, this signs every text.
  const neutral = addressOf(new Uint8Array(32).with(0, 1));
  const signature = new Uint8Array(64).with(0, 1);
  const word = await signIn({ address: neutral, signMessage: async () => signature }, device, NOW);
  await assert.rejects(
    checkSignIn(word, { address: neutral, deviceKey: device, now: NOW }),
    /the address is none/,
  );
});

test('a sign-in is of use once, for one device: each has a nonce of its own, and a copy of it opens nothing', async () => {
  const { wallet, word } = await setUp();
  const identity = await createIdentity();
  const key = identity.signing.publicKey;
  const nonces = new Set<string | undefined>();
  for (let i = 0; i < 8; i++) nonces.add(/Nonce: (\w+)/.exec((await signIn(wallet, key, NOW)).text)?.[1]);
  assert.equal(nonces.size, 8);

  const entry = {
    signIn: await signIn(wallet, key, NOW),
    bundle: (await createPreKeys(identity, { oneTime: 0 })).bundle,
  };
  const { address } = wallet;
  const kept = (value: object) => encodeCbor(value);
  const listed = await checkEntry(address, toHex(key), kept(entry), NOW);
  assert.equal(listed.address, address);
  // Under another's address; as another device; with the word for another device; when its time is over.
  const mallory = await setUp();
  const own = await createIdentity();
  const foreign = (await createPreKeys(own, { oneTime: 0 })).bundle;
  const ownId = toHex(own.signing.publicKey);
  await assert.rejects(checkEntry(mallory.wallet.address, toHex(key), kept(entry), NOW), /it is of/);
  await assert.rejects(checkEntry(address, ownId, kept(entry), NOW), /its key is another/);
  await assert.rejects(
    checkEntry(address, ownId, kept({ ...entry, bundle: foreign }), NOW),
    /another device/,
  );
  await assert.rejects(
    checkEntry(address, toHex(key), kept({ ...entry, signIn: word }), NOW),
    /another device/,
  );
  await assert.rejects(
    checkEntry(address, toHex(key), kept(entry), NOW + 91 * 86_400_000),
    /its time is over/,
  );
  for (const value of [
    new Uint8Array(0),
    encodeCbor(null),
    encodeCbor([]),
    encodeCbor({ ...entry, bundle: null }),
  ])
    await assert.rejects(checkEntry(address, toHex(key), value, NOW), /refused/);
  // The victim's device with keys of one's own: nobody opens a session to it.
  const swapped = { ...entry.bundle, agreementKey: foreign.agreementKey };
  const taken = await checkEntry(address, toHex(key), kept({ ...entry, bundle: swapped }), NOW);
  await assert.rejects(initiate(own, taken.bundle), /not signed by its identity/);
});
