/** What lies on disks and travels between versions of the software: these bytes never change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, fromHex, peerIdFromPublicKey, toHex } from '@p2pos/protocol';
import { instantCrypto as crypto, instantSigner } from '../../../testing/instant-crypto.ts';
import { createPlacer } from '../placement/placement.ts';
import { slotOf } from '../placement/slot.ts';
import { MIGRATIONS } from '../replica/schema.ts';
import { decodeHeader, encodeHeader } from './record.ts';
import { createSealVerifier, seal } from './seal.ts';

const signer = instantSigner(new Uint8Array(32).fill(1));
const author = peerIdFromPublicKey(signer.publicKey);
const utf8 = (text: string) => new TextEncoder().encode(text);

const fields = {
  namespace: 'default/kv',
  partition: utf8('greeting'),
  key: utf8('greeting'),
  version: formatVersion({ ms: 1_767_225_600_000, counter: 2, author }),
  expiresAt: 1_767_225_660_000,
  value: { hash: crypto.sha256(utf8('hello')), bytes: 5 },
};
const HEADER =
  '88016a64656661756c742f6b76f6486772656574696e677845303139623736646161383030303030322d313244334b6f6f574b3939566f56784e4537587a79427758457a573778684b37477076383572394633563366794b53554b5048351b0000019b76db926058202cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982405';
const PROOF =
  '84584032e4b52b1bf4f9f11779716e81e3408a871112caaea7d8dd7e8ca1e4513f5ad6bc129e47c5d863df59bf314aa191f49c157bc91ccdefbb372fa10d601ff1080403015840d0d7360ab79f58ab1e1e3fe64ad77e2ea0bc07e36b5f46ed2223edd9298df9e9671f146c5e471e8a1a83a3c214ce4ba907b8f3a5888d14cc8cd3ce75bb12ef94';

test('form 1 of a header', () => {
  assert.equal(toHex(encodeHeader(fields)), HEADER);
  assert.deepEqual(decodeHeader(fromHex(HEADER)), fields);
});

test('form 1 of a proof', async () => {
  const headers = [utf8('one'), fromHex(HEADER), utf8('three')];
  const sealed = await seal({ crypto, signer, systemId: 'sys1vector' }, headers);
  assert.equal(toHex(sealed[1]?.proof as Uint8Array), PROOF);
  const verifier = createSealVerifier({ crypto, systemId: 'sys1vector' });
  assert.equal(await verifier.verify({ header: fromHex(HEADER), proof: fromHex(PROOF) }, author), true);
});

test('slots', () => {
  const slots = ['', 'a', 'greeting', '\u{1f600}'].map((key) =>
    slotOf(crypto, 4_096, 'default/kv', utf8(key)),
  );
  assert.deepEqual(slots, [3526, 3628, 387, 3079]);
  assert.notEqual(slotOf(crypto, 4_096, 'other/kv', utf8('a')), slots[1]);
});

test('placement', () => {
  const members = ['a', 'b', 'c', 'd', 'e'].map((peerId, i) => ({
    peerId,
    tier: 2 as const,
    capabilities: ['storage' as const],
    zone: i % 2 === 0 ? 'eu' : 'us',
    draining: false,
  }));
  const placement = createPlacer({ crypto }, { slots: () => 4_096 }).place(members);
  const sets = [0, 1, 2, 3, 4, 4_095].map((slot) => placement.replicas(slot, 3).join(''));
  assert.deepEqual(sets, ['cda', 'adc', 'bea', 'bae', 'adc', 'cbe']);
});

test('the tables of the first release', () => {
  assert.deepEqual(
    MIGRATIONS.slice(0, 2).map((sql) => toHex(crypto.sha256(utf8(sql)))),
    [
      'd4f070712d2beba90e01e0e7576aa14b54e2e15b3358bf06031c13b57731e2bb',
      '76239532394b0a1247be0f7935ceee3df568095da3c08dd62731d59ae1237cea',
    ],
  );
});
