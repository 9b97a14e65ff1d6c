import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  contentKeyOf,
  type DhtEntry,
  decodeCbor,
  dhtKeyOf,
  encodeCbor,
  fromHex,
  kadBodies,
  nodeIdOf,
  signDhtEntry,
  toHex,
  verifyDhtEntry,
} from './index.ts';
import { testCrypto as crypto, testKey } from './testing/keys.ts';
import { fromNotation, type Json } from './testing/vectors/notation.ts';

interface Vectors {
  readonly systemId: string;
  readonly nodeIds: readonly { readonly peerId: string; readonly id: string }[];
  readonly contentKeys: readonly { readonly content: string; readonly key: string }[];
  readonly entries: readonly { readonly body: Json; readonly hex: string; readonly key: string }[];
  readonly refused: readonly { readonly hex: string; readonly why: string }[];
  readonly calls: readonly {
    readonly method: keyof typeof kadBodies;
    readonly side: 'input' | 'output';
    readonly body: Json;
    readonly hex: string;
  }[];
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/dht.json', import.meta.url), 'utf8')) as Vectors;
const [own, shared] = vectors.entries.map(({ body }) => fromNotation(body) as DhtEntry) as [
  DhtEntry,
  DhtEntry,
];

test('dht.json', async () => {
  for (const { peerId, id } of vectors.nodeIds) assert.equal(toHex(nodeIdOf(peerId, crypto)), id);
  for (const { content, key } of vectors.contentKeys)
    assert.equal(toHex(contentKeyOf(fromHex(content), crypto)), key);
  for (const { body, hex, key } of vectors.entries) {
    const document = await verifyDhtEntry(fromHex(hex), vectors.systemId, crypto);
    assert.deepEqual(document.body, fromNotation(body));
    assert.equal(toHex(dhtKeyOf(document.body, crypto)), key);
  }
  for (const { hex, why } of vectors.refused)
    await assert.rejects(
      verifyDhtEntry(fromHex(hex), vectors.systemId, crypto),
      { code: 'DHT_VALUE_REFUSED' },
      why,
    );
  for (const { method, side, body, hex } of vectors.calls) {
    assert.equal(toHex(encodeCbor(fromNotation(body))), hex);
    assert.deepEqual(kadBodies[method][side].parse(decodeCbor(fromHex(hex))), fromNotation(body));
  }
});

test('a key follows from its kind, its topic and, where it has one owner, from that', () => {
  const key = (entry: DhtEntry) => toHex(dhtKeyOf(entry, crypto));
  const other = vectors.nodeIds[1]?.peerId as string;
  const keys = [
    own,
    { ...own, topic: 'x' },
    { ...own, author: other },
    { ...own, kind: 'shared' as const },
  ].map(key);
  assert.equal(new Set(keys).size, 4);
  assert.equal(key({ ...shared, author: other, entry: 'y', seq: 9 }), key(shared));
});

test('entries that break their own rules are not signed', async () => {
  const signer = testKey(21);
  const broken: DhtEntry[] = [
    { ...own, entry: 'x' },
    { ...own, topic: '' },
    { ...own, value: new Uint8Array(4_097) },
    { ...shared, value: new Uint8Array(1_537) },
    { ...own, seq: 0 },
    { ...own, expiresAt: 'tomorrow' },
  ];
  for (const entry of broken)
    await assert.rejects(signDhtEntry(entry, signer, crypto), { code: 'DOCUMENT_MALFORMED' });
});
