import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { z } from 'zod';
import {
  adminProofDocument,
  compareVersions,
  DeliveryReceipt,
  type DocumentKind,
  decodeCanonical,
  decodeCbor,
  decodeDocument,
  encodeCbor,
  formatDuration,
  formatTimestamp,
  formatVersion,
  fromHex,
  genesisDocument,
  invitationDocument,
  isP2posError,
  isPeerId,
  isSystemId,
  isTimestamp,
  isVersion,
  keyRotationDocument,
  parseDuration,
  parseTimestamp,
  parseVersion,
  peerIdFromPublicKey,
  publicKeyFromPeerId,
  revocationDocument,
  SignedReceipt,
  signingInput,
  snapshotDocument,
  systemIdOf,
  toHex,
  verifiedKeys,
  verifyCountersignature,
  verifyDelivery,
  verifyReceipt,
} from './index.ts';
import { testCrypto as crypto, testKey } from './testing/keys.ts';
import { vectorFiles } from './testing/vectors/index.ts';
import { fromNotation, type Json } from './testing/vectors/notation.ts';

const folder = new URL('../vectors/', import.meta.url);
const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T;

interface Text {
  readonly text: string;
}
interface Cbor {
  readonly hex: string;
  readonly value: Json;
  readonly why: string;
}
interface DeliveryVectors {
  readonly systemId: string;
  readonly epoch: number;
  readonly members: readonly { readonly peerId: string }[];
  readonly valid: readonly {
    readonly receipt: z.input<typeof DeliveryReceipt>;
    readonly topic: string;
    readonly data: string;
    readonly clients: number;
  }[];
  readonly refused: readonly { readonly receipt: z.input<typeof DeliveryReceipt>; readonly why: string }[];
}
interface ReceiptVectors {
  readonly systemId: string;
  readonly epoch: number;
  readonly members: readonly { readonly peerId: string; readonly capabilities: readonly 'storage'[] }[];
  readonly valid: readonly {
    readonly receipt: z.input<typeof SignedReceipt>;
    readonly key: string;
    readonly value: string | null;
  }[];
  readonly refused: readonly { readonly receipt: z.input<typeof SignedReceipt>; readonly why: string }[];
}
interface Documents {
  readonly keys: readonly { readonly seed: string; readonly publicKey: string; readonly peerId: string }[];
  readonly systemId: string;
  readonly documents: readonly {
    readonly kind: string;
    readonly purpose: string;
    readonly body: Json;
    readonly bodyHex: string;
    readonly hash: string;
    readonly signingInput: string;
    readonly signedBy: readonly string[];
    readonly hex: string;
  }[];
  readonly refused: readonly {
    readonly kind: string;
    readonly why: string;
    readonly code: string;
    readonly hex: string;
  }[];
  readonly unverified: readonly {
    readonly kind: string;
    readonly why: string;
    readonly verified: readonly string[];
    readonly hex: string;
  }[];
  readonly countersignatures: {
    readonly purpose: string;
    readonly snapshotHash: string;
    readonly valid: readonly { readonly peerId: string; readonly signature: string }[];
    readonly invalid: readonly {
      readonly peerId: string;
      readonly signature: string;
      readonly why: string;
    }[];
  };
}

const kinds = new Map<string, DocumentKind<unknown>>();
for (const kind of [
  genesisDocument,
  keyRotationDocument,
  adminProofDocument,
  revocationDocument,
  snapshotDocument,
  invitationDocument,
]) {
  kinds.set(kind.name, kind as DocumentKind<unknown>);
}
const kindOf = (name: string) => kinds.get(name) as DocumentKind<unknown>;

test('the files are what the generator writes', () => {
  for (const [name, text] of vectorFiles) {
    assert.equal(readFileSync(new URL(name, folder), 'utf8'), text, `${name}: run vectors/generate.ts`);
  }
});

test('cbor.json', () => {
  const { accepted, ordinary, refused } = read<Record<string, Cbor[]>>('cbor.json');
  assert.ok(accepted && ordinary && refused);
  for (const { hex, value } of accepted) {
    assert.equal(toHex(encodeCbor(fromNotation(value))), hex);
    assert.deepEqual(decodeCanonical(fromHex(hex)), fromNotation(value));
    assert.deepEqual(decodeCbor(fromHex(hex)), fromNotation(value));
  }
  for (const { hex, value, why } of ordinary) {
    assert.deepEqual(decodeCbor(fromHex(hex)), fromNotation(value), why);
    assert.throws(() => decodeCanonical(fromHex(hex)), { code: 'DOCUMENT_MALFORMED' }, `${why}: ${hex}`);
  }
  for (const { hex, why } of refused) {
    assert.throws(() => decodeCbor(fromHex(hex)), { code: 'CBOR_MALFORMED' }, `${why}: ${hex}`);
    assert.throws(() => decodeCanonical(fromHex(hex)), { code: 'DOCUMENT_MALFORMED' }, `${why}: ${hex}`);
  }
});

test('ids.json', () => {
  const { peerIds, refusedPeerIds, systemIds, refusedSystemIds } = read<{
    peerIds: { publicKey: string; peerId: string }[];
    refusedPeerIds: Text[];
    systemIds: { genesisHash: string; systemId: string }[];
    refusedSystemIds: Text[];
  }>('ids.json');
  for (const { publicKey, peerId } of peerIds) {
    assert.equal(peerIdFromPublicKey(fromHex(publicKey)), peerId);
    assert.equal(toHex(publicKeyFromPeerId(peerId)), publicKey);
    assert.ok(isPeerId(peerId));
  }
  for (const { text } of refusedPeerIds) {
    assert.ok(!isPeerId(text), JSON.stringify(text));
    assert.throws(() => publicKeyFromPeerId(text), { code: 'PEER_ID_INVALID' }, JSON.stringify(text));
  }
  for (const { genesisHash, systemId } of systemIds) {
    assert.equal(systemIdOf(fromHex(genesisHash)), systemId);
    assert.ok(isSystemId(systemId));
  }
  for (const { text } of refusedSystemIds) assert.ok(!isSystemId(text), JSON.stringify(text));
});

test('time.json', () => {
  const vectors = read<{
    timestamps: { ms: number; text: string }[];
    truncated: { ms: number; text: string }[];
    refusedTimestamps: Text[];
    durations: { text: string; ms: number; shortest: string }[];
    refusedDurations: Text[];
  }>('time.json');
  for (const { ms, text } of vectors.timestamps) assert.equal(formatTimestamp(ms), text);
  for (const { ms, text } of [...vectors.timestamps, ...vectors.truncated]) {
    assert.equal(parseTimestamp(text), ms);
    assert.ok(isTimestamp(text));
  }
  for (const { text } of vectors.refusedTimestamps) {
    assert.ok(!isTimestamp(text), JSON.stringify(text));
    assert.throws(() => parseTimestamp(text), { code: 'BAD_REQUEST' }, JSON.stringify(text));
  }
  for (const { text, ms, shortest } of vectors.durations) {
    assert.equal(parseDuration(text), ms);
    assert.equal(formatDuration(ms), shortest);
  }
  for (const { text } of vectors.refusedDurations) {
    assert.throws(() => parseDuration(text), { code: 'BAD_REQUEST' }, JSON.stringify(text));
  }
});

test('versions.json', () => {
  const { versions, refused } = read<{
    versions: { ms: number; counter: number; author: string; text: string }[];
    refused: Text[];
  }>('versions.json');
  for (const [index, { text, ...fields }] of versions.entries()) {
    assert.equal(formatVersion(fields), text);
    assert.deepEqual(parseVersion(text), fields);
    assert.ok(isVersion(text));
    for (const [other, { text: against }] of versions.entries()) {
      assert.equal(Math.sign(compareVersions(text, against)), Math.sign(index - other));
    }
  }
  for (const { text } of refused) {
    assert.ok(!isVersion(text), JSON.stringify(text));
    assert.throws(() => parseVersion(text), { code: 'VERSION_INVALID' }, JSON.stringify(text));
  }
});

test('documents.json', async () => {
  const vectors = read<Documents>('documents.json');
  for (const { seed, publicKey, peerId } of vectors.keys) {
    assert.equal(toHex(testKey(fromHex(seed)[0]!).publicKey), publicKey);
    assert.equal(peerIdFromPublicKey(fromHex(publicKey)), peerId);
  }
  assert.equal(systemIdOf(fromHex(vectors.documents[0]!.hash)), vectors.systemId);
  assert.equal(vectors.documents.length, kinds.size);
  for (const vector of vectors.documents) {
    const kind = kindOf(vector.kind);
    const document = decodeDocument(kind, fromHex(vector.hex), crypto);
    assert.equal(kind.purpose, vector.purpose);
    assert.deepEqual(document.body, fromNotation(vector.body));
    assert.equal(toHex(encodeCbor(fromNotation(vector.body))), vector.bodyHex);
    assert.equal(toHex(document.bodyBytes), vector.bodyHex);
    assert.equal(toHex(document.hash), vector.hash);
    assert.equal(toHex(signingInput(vector.purpose, document.bodyBytes)), vector.signingInput);
    assert.deepEqual((await verifiedKeys(kind, document, crypto)).map(toHex), vector.signedBy);
  }
  for (const { kind, why, code, hex } of vectors.refused) {
    assert.throws(() => decodeDocument(kindOf(kind), fromHex(hex), crypto), { code }, `${kind}: ${why}`);
  }
  for (const { kind, why, verified, hex } of vectors.unverified) {
    const document = decodeDocument(kindOf(kind), fromHex(hex), crypto);
    const valid = await verifiedKeys(kindOf(kind), document, crypto);
    assert.deepEqual(valid.map(toHex), verified, `${kind}: ${why}`);
  }
  const { snapshotHash, valid, invalid } = vectors.countersignatures;
  const check = (word: { readonly peerId: string; readonly signature: string }) =>
    verifyCountersignature(fromHex(snapshotHash), { ...word, signature: fromHex(word.signature) }, crypto);
  for (const word of valid) assert.equal(await check(word), true);
  for (const word of invalid) assert.equal(await check(word), false, word.why);
});

test('receipts', async () => {
  const { systemId, members, epoch, valid, refused } = read<ReceiptVectors>('receipts.json');
  const claim = { systemId, members, epoch };
  for (const { receipt, key, value } of valid) {
    const { record, peerIds } = await verifyReceipt(
      SignedReceipt.decode(receipt),
      { ...claim, key: fromHex(key), value: value === null ? null : fromHex(value) },
      crypto,
    );
    assert.equal(toHex(record.key), key);
    assert.equal(peerIds.length, receipt.statements.length);
  }
  for (const { receipt, why } of refused)
    await assert.rejects(
      verifyReceipt(SignedReceipt.decode(receipt), claim, crypto),
      (error) => isP2posError(error, 'RECEIPT_REFUSED'),
      why,
    );
});

test('receipts of delivery', async () => {
  const { systemId, members, epoch, valid, refused } = read<DeliveryVectors>('deliveries.json');
  const claim = { systemId, members, epoch };
  for (const { receipt, topic, data, clients } of valid) {
    const of = { ...claim, topic, data: fromHex(data) };
    const verified = await verifyDelivery(DeliveryReceipt.decode(receipt), of, crypto);
    assert.equal(verified.clients, clients);
    assert.deepEqual(
      verified.peerIds,
      receipt.statements.map(({ peerId }) => peerId),
    );
    for (const other of [
      { ...of, topic: `${topic}x` },
      { ...of, data: new Uint8Array(13) },
    ])
      await assert.rejects(verifyDelivery(DeliveryReceipt.decode(receipt), other, crypto));
  }
  for (const { receipt, why } of refused)
    await assert.rejects(
      verifyDelivery(DeliveryReceipt.decode(receipt), claim, crypto),
      (error) => isP2posError(error, 'RECEIPT_REFUSED'),
      why,
    );
});
