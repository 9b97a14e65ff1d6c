/** Keys go to and fro between the page and p2pctl: both read what the other sealed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSealedText, sealText as sealByCommand } from '../../../cli/src/keys/age-file.ts';
import { makeKeyText } from '../../../cli/src/keys.ts';
import { crypto } from '../crypto.ts';
import { openKeyText, sealText } from './sealed.ts';
import { makeKey } from './signer.ts';

const PASSPHRASE = 'a passphrase für tests';

test('p2pctl opens what the page sealed', async () => {
  const { pem, signer } = await makeKey();
  assert.equal(await openSealedText(await sealText(pem, PASSPHRASE), PASSPHRASE), pem);
  const bytes = new TextEncoder().encode('signed');
  assert.equal(await crypto.verify(signer.publicKey, bytes, await signer.sign(bytes)), true);
  await assert.rejects(sealText(pem, 'short'), /shorter than 12/);
});

test('the page opens what p2pctl sealed, and nothing else', async () => {
  const { text, signer } = makeKeyText();
  const sealed = await sealByCommand(text, PASSPHRASE, 10);
  const opened = await openKeyText(sealed, PASSPHRASE);
  assert.deepEqual(opened.publicKey, signer.publicKey);
  assert.deepEqual((await openKeyText(text, '')).publicKey, signer.publicKey);
  await assert.rejects(openKeyText(sealed, 'another passphrase'), /does not open the key/);
  await assert.rejects(openKeyText(sealed.replace(/[A-Z]{4}/, 'AAAA'), PASSPHRASE), Error);
  for (const wrong of [
    '',
    'x',
    '-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----',
    '-----BEGIN AGE ENCRYPTED FILE-----',
  ])
    await assert.rejects(openKeyText(wrong, PASSPHRASE), /no Ed25519 key/, wrong);
});

test('a signature is valid for its key and its bytes alone', async () => {
  const [one, other] = await Promise.all([makeKey(), makeKey()]);
  const bytes = Uint8Array.of(1, 2, 3);
  const signature = await one.signer.sign(bytes);
  assert.equal(await crypto.verify(other.signer.publicKey, bytes, signature), false);
  assert.equal(await crypto.verify(one.signer.publicKey, Uint8Array.of(1, 2), signature), false);
  assert.equal(await crypto.verify(new Uint8Array(31), bytes, signature), false);
});
