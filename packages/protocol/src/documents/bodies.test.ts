import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../encoding/cbor.ts';
import { isP2posError } from '../errors/errors.ts';
import {
  adminProofDocument,
  countersign,
  countersignatureSchema,
  type DocumentKind,
  decodeDocument,
  formatTimestamp,
  genesisDocument,
  keyRotationDocument,
  MAX_ADMIN_PROOF_MS,
  MAX_MEMBERS,
  type Member,
  parseTimestamp,
  peerIdFromPublicKey,
  revocationDocument,
  signDocument,
  snapshotDocument,
  verifiedKeys,
  verifyCountersignature,
} from '../index.ts';
import { testCrypto as crypto } from '../testing/keys.ts';
import * as sample from '../testing/samples.ts';

const { keys, peerIds } = sample;
const key = (number: number) => new Uint8Array(32).fill(number);
const many = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));
const hash = (number: number) => new Uint8Array(32).fill(number >> 8, 1).fill(number, 0, 1);
const serial = (number: number) => number.toString(16).padStart(32, '0');
const distinctKey = (index: number) => Uint8Array.of(index >> 8, index, ...new Uint8Array(30));
const [first, second] = sample.members as [Member, Member];
const withMember = (change: Record<string, unknown>) => ({ members: [{ ...first, ...change }, second] });
const manyMembers = (count: number) =>
  many(count, (index) => ({
    ...first,
    peerId: peerIdFromPublicKey(distinctKey(index)),
    name: `n${index}`,
  })).sort((a, b) => (a.peerId < b.peerId ? -1 : 1));

/** For each kind: its sample, changes that it takes, and changes that it refuses. */
const rules: Rule[] = [
  rule(genesisDocument, sample.genesis, {
    sound: [
      { slots: 1 },
      { slots: 65_536 },
      { systemKeys: [key(1)], threshold: 1 },
      { threshold: 3 },
      { releaseKeys: [], releaseThreshold: 0 },
      { systemKeys: many(32, key), threshold: 17 },
      { name: '系统 №1' },
    ],
    refused: [
      { version: 2 },
      { version: undefined },
      { admission: 'invite' },
      { slots: 0 },
      { slots: 100 },
      { slots: 131_072 },
      { slots: 4_096.5 },
      { slots: '4096' },
      { systemKeys: [], threshold: 0 },
      { systemKeys: [key(1), key(1), key(2)] },
      { systemKeys: many(33, key), threshold: 17 },
      { systemKeys: [key(1), key(2)], threshold: 1 },
      { systemKeys: ['k', 'l'] },
      { systemKeys: 7 },
      { threshold: 4 },
      { threshold: 0 },
      { releaseThreshold: 0 },
      { releaseKeys: [], releaseThreshold: 1 },
      { name: '' },
      { name: ' x' },
      { name: 'x\n' },
      { name: 'a\u202eb' },
      { name: 'x'.repeat(65) },
      { createdAt: '2026-11-21T01:02:03Z' },
      { createdAt: '2026-02-30T01:02:03.000000000Z' },
      { extra: 1 },
    ],
  }),
  rule(keyRotationDocument, sample.keyRotation, {
    sound: [
      { version: 3 },
      { keptProofs: [] },
      { keptProofs: many(512, hash), keptRevocations: many(1_024, hash) },
    ],
    refused: [
      { version: 1 },
      { previous: new Uint8Array(31) },
      { threshold: 1 },
      { threshold: 3 },
      { keys: [key(1), key(1)] },
      { keptProofs: [key(1), key(1)] },
      { keptProofs: [key(1).subarray(1)] },
      { keptProofs: many(513, hash) },
      { keptRevocations: [key(1), key(1)] },
      { keptRevocations: many(1_025, hash) },
      { systemId: 'sys1' },
      { systemId: `${sample.systemId.slice(0, -1)}b` },
    ],
  }),
  rule(adminProofDocument, sample.adminProof, {
    sound: [
      { scopes: ['members:force'] },
      { scopes: ['members:add@eu'] },
      { validTo: formatTimestamp(parseTimestamp(sample.adminProof.validFrom) + MAX_ADMIN_PROOF_MS) },
    ],
    refused: [
      { version: 2 },
      { role: 'owner' },
      { scopes: [] },
      { scopes: ['members:*'] },
      { scopes: ['members:add@'] },
      { scopes: ['members:add@eu/berlin/1'] },
      { scopes: ['members:add', 'members:add'] },
      { scopes: ['members:add,members:remove'] },
      { validTo: sample.adminProof.validFrom },
      { validTo: '2026-11-21T01:02:02.999999999Z' },
      { validTo: '9999-12-31T23:59:59.999999999Z' },
      { validTo: formatTimestamp(parseTimestamp(sample.adminProof.validFrom) + MAX_ADMIN_PROOF_MS + 1) },
      { serial: 'ff' },
      { adminPeerId: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N' },
    ],
  }),
  rule(revocationDocument, sample.revocation, {
    sound: [
      { serials: [] },
      { peerIds: [] },
      { serials: many(4_096, (index) => ({ serial: serial(index) })) },
    ],
    refused: [
      { serials: [], peerIds: [] },
      { epoch: 0 },
      { serials: [{ serial: serial(1) }, { serial: serial(1), lastGoodSnapshot: key(1) }] },
      { serials: [{ serial: serial(1), lastGoodSnapshot: null }] },
      { serials: [{ serial: serial(1), since: 1 }] },
      { serials: many(4_097, (index) => ({ serial: serial(index) })) },
      { peerIds: [peerIds.nodeA, peerIds.nodeA] },
      { peerIds: ['x'] },
    ],
  }),
  rule(snapshotDocument, sample.snapshot, {
    sound: [
      { members: [first] },
      { members: manyMembers(MAX_MEMBERS) },
      { merges: [key(1), key(2)] },
      { force: true },
      withMember({ addresses: many(8, (index) => `/dns4/${'x'.repeat(240)}/tcp/${index}`) }),
      withMember({ zone: 'eu', tier: 3 }),
    ],
    refused: [
      { version: 2 },
      { epoch: 0 },
      { epoch: 1.5 },
      { previous: '00' },
      { merges: [key(1), key(1)] },
      { merges: many(65, key) },
      { members: [] },
      { members: [second, first] },
      { members: [first, first] },
      { members: [first, { ...first, name: 'twin' }] },
      { members: manyMembers(MAX_MEMBERS + 1) },
      { members: [first.peerId, second.peerId] },
      { members: first },
      { force: 0 },
      { adminProof: new Uint8Array(0) },
      { adminProof: new Uint8Array(64_000) },
      withMember({ name: second.name }),
      withMember({ name: 'Node' }),
      withMember({ name: '' }),
      withMember({ tier: 4 }),
      withMember({ tier: '1' }),
      withMember({ capabilities: ['storage', 'storage'] }),
      withMember({ capabilities: ['root'] }),
      withMember({ zone: 'eu/' }),
      withMember({ zone: 'EU' }),
      withMember({ draining: undefined }),
      withMember({ notAfter: null }),
      withMember({ addresses: many(9, (index) => `/ip4/192.0.2.1/tcp/${index}`) }),
      withMember({ addresses: [`/dns4/${'x'.repeat(251)}`] }),
      withMember({ addresses: ['192.0.2.1:4100'] }),
      withMember({ rights: [] }),
    ],
  }),
];

for (const { kind, body, sound, refused } of rules) {
  test(`${kind.name}: sound bodies are taken`, async () => {
    for (const change of [{}, ...sound]) {
      const { bytes } = await signDocument(kind, { ...body, ...change }, [keys.admin], crypto);
      const document = decodeDocument(kind, bytes, crypto);
      assert.deepEqual(encodeCbor(document.body), document.bodyBytes);
      assert.deepEqual(await verifiedKeys(kind, document, crypto), [keys.admin.publicKey]);
    }
  });

  test(`${kind.name}: bodies against its rules are refused`, async () => {
    const { signatures } = await signDocument(kind, body, [keys.admin], crypto);
    for (const change of refused) {
      const bytes = encodeCbor({ body: encodeCbor({ ...body, ...change }), signatures });
      assert.throws(
        () => decodeDocument(kind, bytes, crypto),
        { code: 'DOCUMENT_MALFORMED' },
        JSON.stringify(change),
      );
    }
  });

  test(`${kind.name}: each field is needed unless it is marked optional`, async () => {
    const { signatures } = await signDocument(kind, body, [keys.admin], crypto);
    for (const name of Object.keys(body)) {
      const bytes = encodeCbor({ body: encodeCbor({ ...body, [name]: undefined }), signatures });
      assert.throws(() => decodeDocument(kind, bytes, crypto), { code: 'DOCUMENT_MALFORMED' }, name);
    }
  });

  test(`${kind.name}: any bytes and any body give a document or a typed refusal`, async () => {
    const { bytes } = await signDocument(kind, body, [keys.admin], crypto);
    const mutation = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const changed = bytes.slice();
        for (const [place, flip] of mutations) changed[place]! ^= flip;
        if (!Buffer.from(changed).equals(bytes)) tolerate(kind, changed, bytes);
      }),
      { numRuns: 300 },
    );
    const value = fc.anything({ withNullPrototype: false, maxDepth: 3 }).filter(isEncodable);
    const change = fc.dictionary(fc.constantFrom(...Object.keys(body)), value, { minKeys: 1, maxKeys: 3 });
    fc.assert(
      fc.property(change, (fields) => {
        tolerate(
          kind,
          encodeCbor({
            body: encodeCbor({ ...body, ...fields }),
            signatures: [{ key: key(1), signature: new Uint8Array(64) }],
          }),
          bytes,
        );
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => tolerate(kind, random, bytes)),
      { numRuns: 300 },
    );
  });
}

test('genesis: an open system is refused by a code of its own', () => {
  const body = encodeCbor({ ...sample.genesis, admission: 'open' });
  const bytes = encodeCbor({ body, signatures: sample.signedGenesis.signatures });
  assert.throws(() => decodeDocument(genesisDocument, bytes, crypto), {
    code: 'ADMISSION_UNSUPPORTED',
    message: /admission open/,
  });
});

test('T7: members joined by commas make no other list, and one signature fits one list', async () => {
  const signed = await signDocument(snapshotDocument, sample.snapshot, [keys.admin], crypto);
  const ids = [first.peerId, second.peerId];
  const joined = [
    { members: [{ ...first, peerId: ids.join() }] },
    { members: [{ ...first, peerId: ids.join('') }] },
    { members: [{ ...first, name: `${first.name},${second.name}` }] },
    { members: [ids.join()] },
    { members: ids.join() },
  ];
  for (const change of joined) {
    const bytes = encodeCbor({
      body: encodeCbor({ ...sample.snapshot, ...change }),
      signatures: signed.signatures,
    });
    assert.throws(() => decodeDocument(snapshotDocument, bytes, crypto), { code: 'DOCUMENT_MALFORMED' });
  }
  const lists = [
    [first],
    [second],
    [{ ...first, name: second.name }],
    [{ ...first, addresses: [...first.addresses, ...second.addresses, '/ip4/192.0.2.9'] }, second],
    [{ ...first, capabilities: [...first.capabilities, 'seed' as const] }, second],
    [first, { ...second, zone: first.zone }],
  ];
  for (const list of lists) {
    const body = encodeCbor({ ...sample.snapshot, members: list });
    const document = decodeDocument(
      snapshotDocument,
      encodeCbor({ body, signatures: signed.signatures }),
      crypto,
    );
    assert.deepEqual(await verifiedKeys(snapshotDocument, document, crypto), []);
  }
});

test('different bodies have different bytes, whatever their texts hold', () => {
  const word = fc.constantFrom('a', 'b', ',', 'a,b', '', '-');
  fc.assert(
    fc.property(fc.array(word), fc.array(word), (one, two) => {
      assert.equal(
        Buffer.from(encodeCbor({ members: one })).equals(encodeCbor({ members: two })),
        JSON.stringify(one) === JSON.stringify(two),
      );
    }),
  );
});

test('a countersignature is one peer’s word about one snapshot', async () => {
  const { hash } = await signDocument(snapshotDocument, sample.snapshot, [keys.admin], crypto);
  const word = await countersign(hash, keys.nodeA);
  assert.equal(word.peerId, peerIds.nodeA);
  assert.equal(await verifyCountersignature(hash, word, crypto), true);
  assert.equal(await verifyCountersignature(crypto.sha256(hash), word, crypto), false);
  assert.equal(await verifyCountersignature(hash, { ...word, peerId: peerIds.nodeB }, crypto), false);
  const bare = { ...word, signature: await keys.nodeA.sign(hash) };
  assert.equal(await verifyCountersignature(hash, bare, crypto), false);
  const [signed] = (await signDocument(snapshotDocument, sample.snapshot, [keys.nodeA], crypto)).signatures;
  assert.equal(await verifyCountersignature(hash, { ...word, signature: signed!.signature }, crypto), false);
  assert.ok(countersignatureSchema.safeParse(word).success);
  assert.ok(!countersignatureSchema.safeParse({ ...word, peerId: 'x' }).success);
});

interface Rule {
  readonly kind: DocumentKind<object>;
  readonly body: object;
  readonly sound: readonly object[];
  readonly refused: readonly object[];
}

function rule<T extends object>(
  kind: DocumentKind<T>,
  body: T,
  changes: { readonly sound: readonly object[]; readonly refused: readonly object[] },
): Rule {
  return { kind: kind as unknown as DocumentKind<object>, body, ...changes };
}

/** Changed bytes are refused with a code or read as another document. */
function tolerate(kind: DocumentKind<object>, bytes: Uint8Array, original: Uint8Array): void {
  try {
    const document = decodeDocument(kind, bytes, crypto);
    assert.deepEqual(encodeCbor({ body: document.bodyBytes, signatures: document.signatures }), bytes);
    assert.deepEqual(encodeCbor(document.body), document.bodyBytes);
    assert.notDeepEqual(document.bytes, original);
  } catch (error) {
    assert.ok(
      isP2posError(error, 'DOCUMENT_MALFORMED') || isP2posError(error, 'ADMISSION_UNSUPPORTED'),
      String(error),
    );
  }
}

function isEncodable(value: unknown): boolean {
  try {
    encodeCbor(value);
    return true;
  } catch {
    return false;
  }
}
