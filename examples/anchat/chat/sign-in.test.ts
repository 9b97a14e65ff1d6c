/** The public pitfalls of signing in with a wallet, each one refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIdentity, type KeyPair } from '@p2pos/protocol/e2ee';
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
