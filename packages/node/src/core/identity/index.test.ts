import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorCode, isP2posError } from '@p2pos/protocol';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { createNodeCrypto } from '../crypto/index.ts';
import { silentLogger } from '../log/index.ts';
import { createSystemRandom } from '../random/index.ts';
import { type IdentityConfig, identityFromSeed, openIdentity } from './index.ts';
import { isSealed, keyFromPem, keyToPem, seal, unseal } from './key-format.ts';
import { createSecretFile } from './secret-file.ts';

const deps = { random: createSystemRandom(), log: silentLogger };
const open = (config: IdentityConfig) => openIdentity(deps, config);

async function refusal(config: IdentityConfig, code: ErrorCode, text: RegExp): Promise<void> {
  await assert.rejects(open(config), (error) => {
    assert.ok(isP2posError(error, code), String(error));
    assert.match(error.message, text);
    return true;
  });
}

test('a key is made once, for its owner only, and is the same ever after', async () => {
  await using folder = await createTempFolder();
  const home = join(folder.path, 'new', 'home');
  const first = await open({ home });
  const { mode } = await stat(join(home, 'node.key'));
  assert.equal(mode & 0o777, 0o600);
  assert.deepEqual(await readdir(home), ['node.key']);
  const second = await open({ home });
  assert.equal(second.peerId, first.peerId);
  assert.match(first.peerId, /^12D3KooW/);
});

test('two first starts at once agree on one key', async () => {
  await using folder = await createTempFolder();
  const identities = await Promise.all(Array.from({ length: 4 }, () => open({ home: folder.path })));
  const peerIds = new Set(identities.map(({ peerId }) => peerId));
  assert.equal(peerIds.size, 1);
  assert.deepEqual(await readdir(folder.path), ['node.key']);
});

test('a key that is there already is never replaced', async () => {
  await using folder = await createTempFolder();
  const file = join(folder.path, 'node.key');
  assert.equal(await createSecretFile(file, 'first'), true);
  assert.equal(await createSecretFile(file, 'second'), false);
  assert.equal(await readFile(file, 'utf8'), 'first');
  assert.deepEqual(await readdir(folder.path), ['node.key']);
});

test('what it signs verifies under its public key, and under no other', async () => {
  const identity = identityFromSeed(new Uint8Array(32).fill(1));
  const other = identityFromSeed(new Uint8Array(32).fill(2));
  const bytes = new TextEncoder().encode('hello');
  const signature = await identity.signer.sign(bytes);
  const crypto = createNodeCrypto();
  assert.ok(await crypto.verify(identity.signer.publicKey, bytes, signature));
  assert.ok(!(await crypto.verify(other.signer.publicKey, bytes, signature)));
});

test('the public key of a seed is that of RFC 8032 §7.1, test 1', () => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const identity = identityFromSeed(new Uint8Array(seed));
  const expected = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
  assert.equal(Buffer.from(identity.signer.publicKey).toString('hex'), expected);
});

test('a key file that others can read is refused with the command that mends it', async () => {
  await using folder = await createTempFolder();
  await open({ home: folder.path });
  const file = join(folder.path, 'node.key');
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(file, mode);
    await refusal({ home: folder.path }, 'SECRET_FILE_EXPOSED', new RegExp(`chmod 600 ${file}`));
  }
});

test('a damaged key file is refused and left as it is', async () => {
  await using folder = await createTempFolder();
  const file = join(folder.path, 'node.key');
  const damaged: Record<string, RegExp> = {
    '': /no private key in PEM/,
    hello: /no private key in PEM/,
    [keyToPem(new Uint8Array(32)).slice(0, 60)]: /no private key in PEM/,
    [`-----BEGIN AGE ENCRYPTED FILE-----\nhello\n`]: /sealed by a passphrase/,
    ['x'.repeat(70_000)]: /70000 bytes/,
  };
  for (const [text, reason] of Object.entries(damaged)) {
    await writeFile(file, text, { mode: 0o600 });
    await assert.rejects(open({ home: folder.path }), reason);
    assert.equal(await readFile(file, 'utf8'), text);
  }
});

test('a key of another kind is refused', () => {
  const rsa =
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n';
  assert.throws(() => keyFromPem(rsa), /type x25519, not ed25519/);
});

test('a home that cannot be made is HOME_UNWRITABLE', async () => {
  await using folder = await createTempFolder();
  await writeFile(join(folder.path, 'file'), '');
  const home = join(folder.path, 'file', 'home');
  await assert.rejects(
    open({ home }),
    (error) => isP2posError(error, 'SECRET_FILE_UNREADABLE') || isP2posError(error, 'HOME_UNWRITABLE'),
  );
});

test('a passphrase seals a new key and one that was not sealed; without it, or with another, nothing opens', async () => {
  await using folder = await createTempFolder();
  const home = folder.path;
  const passphraseFile = join(home, 'passphrase');
  const file = join(home, 'node.key');
  await writeFile(passphraseFile, 'correct horse\nsecond line\n', { mode: 0o600 });
  const plain = await open({ home });
  const sealed = await open({ home, passphraseFile });
  assert.equal(sealed.peerId, plain.peerId);
  assert.ok(isSealed(await readFile(file, 'utf8')));
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await open({ home, passphraseFile })).peerId, plain.peerId);
  await refusal({ home }, 'KEY_PASSPHRASE_NEEDED', /node\.passphrase_file/);
  await writeFile(passphraseFile, 'wrong horse');
  await refusal({ home, passphraseFile }, 'KEY_PASSPHRASE_WRONG', /node\.key/);
});

test('a passphrase file that is missing, empty or exposed is refused', async () => {
  await using folder = await createTempFolder();
  const home = folder.path;
  const passphraseFile = join(home, 'passphrase');
  await refusal({ home, passphraseFile }, 'SECRET_FILE_UNREADABLE', /does not exist/);
  await writeFile(passphraseFile, '\n', { mode: 0o600 });
  await refusal({ home, passphraseFile }, 'SECRET_FILE_UNREADABLE', /first line is empty/);
  await writeFile(passphraseFile, 'secret');
  await chmod(passphraseFile, 0o644);
  await refusal({ home, passphraseFile }, 'SECRET_FILE_EXPOSED', /chmod 600/);
});

test('a seal opens with its passphrase only, and damage is told from a wrong passphrase', async () => {
  const sealed = await seal('text', 'right', 4);
  assert.equal(await unseal(sealed, 'right'), 'text');
  assert.equal(await unseal(sealed, 'wrong'), undefined);
  await assert.rejects(unseal(sealed.replace(/\n.{4}/, '\nAAAA'), 'right'), /seal is damaged/);
});
