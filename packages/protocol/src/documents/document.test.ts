import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { concatBytes } from '../encoding/bytes.ts';
import { encodeCbor } from '../encoding/cbor.ts';
import { isP2posError, P2posError } from '../errors/errors.ts';
import {
  addSignatures,
  decodeDocument,
  defineDocument,
  genesisDocument,
  mergeSignatures,
  requireThreshold,
  type SignedDocument,
  signDocument,
  signingInput,
  textSchema,
  verifiedKeys,
} from '../index.ts';
import { testCrypto as crypto } from '../testing/keys.ts';
import * as sample from '../testing/samples.ts';

const { keys, genesis, signedGenesis } = sample;
const utf8 = new TextEncoder();
const malformed = { code: 'DOCUMENT_MALFORMED' };
const unsigned = { code: 'DOCUMENT_SIGNATURE' };
const publicKeys = genesis.systemKeys;

const Notice = defineDocument('p2pos/notice/1', z.strictObject({ text: textSchema(100) }), { maxBytes: 256 });
const Warning = defineDocument('p2pos/warning/1', Notice.schema, { maxBytes: 256 });

function envelope(body: unknown, signatures: unknown): Uint8Array {
  return encodeCbor({ body: body instanceof Uint8Array ? body : encodeCbor(body), signatures });
}

test('a document comes back as it was signed, byte for byte', async () => {
  const received = Buffer.from(signedGenesis.bytes);
  const document = decodeDocument(genesisDocument, received, crypto);
  received.fill(0);
  assert.deepEqual(document, signedGenesis);
  assert.deepEqual(document.body, genesis);
  assert.deepEqual(document.hash, crypto.sha256(document.bodyBytes));
});

test('signatures cover purpose, a zero byte and the body', async () => {
  const notice = await signDocument(Notice, { text: 'noon' }, [keys.admin], crypto);
  const [one] = notice.signatures;
  const covered = concatBytes(utf8.encode('p2pos/notice/1'), Uint8Array.of(0), encodeCbor({ text: 'noon' }));
  assert.ok(one && (await crypto.verify(keys.admin.publicKey, covered, one.signature)));
});

test('a signature for one purpose is worth nothing for another', async () => {
  const notice = await signDocument(Notice, { text: 'noon' }, [keys.admin], crypto);
  const warning = decodeDocument(Warning, notice.bytes, crypto);
  assert.deepEqual(await verifiedKeys(Warning, warning, crypto), []);
  const wanted = { keys: [keys.admin.publicKey], threshold: 1 };
  await requireThreshold(Notice, notice, wanted, crypto);
  await assert.rejects(requireThreshold(Warning, warning, wanted, crypto), unsigned);
});

test('no two purposes and bodies share what is signed', () => {
  assert.throws(() => defineDocument('p2pos/a\0b/1', Notice.schema, { maxBytes: 1 }), TypeError);
  assert.throws(() => defineDocument('p2pos/notice/01', Notice.schema, { maxBytes: 1 }), TypeError);
  assert.notDeepEqual(
    signingInput('p2pos/notice/1', utf8.encode('2\0x')),
    signingInput('p2pos/notice/12', utf8.encode('\0x')),
  );
});

test('k of n sign by passing the file round; the hash stays', async () => {
  const first = await signDocument(genesisDocument, genesis, [keys.root3], crypto);
  const wanted = { keys: publicKeys, threshold: 2 };
  await assert.rejects(requireThreshold(genesisDocument, first, wanted, crypto), {
    ...unsigned,
    message: /1 of the 2 valid signatures/,
  });
  const passedOn = decodeDocument(genesisDocument, first.bytes, crypto);
  const second = await addSignatures(genesisDocument, passedOn, [keys.root1], crypto);
  await requireThreshold(genesisDocument, second, wanted, crypto);
  assert.deepEqual(second.hash, first.hash);
  assert.deepEqual(await addSignatures(genesisDocument, second, [keys.root3], crypto), second);
});

test('copies signed apart are merged; bad signatures fall away', async () => {
  const one = await signDocument(genesisDocument, genesis, [keys.root1], crypto);
  const two = await signDocument(genesisDocument, genesis, [keys.root2], crypto);
  const forged = await forge(two, keys.root3.publicKey);
  assert.deepEqual(await mergeSignatures(genesisDocument, [forged, one, two], crypto), signedGenesis);
  const other = await signDocument(genesisDocument, { ...genesis, slots: 64 }, [keys.root1], crypto);
  await assert.rejects(mergeSignatures(genesisDocument, [one, other], crypto), { code: 'BAD_REQUEST' });
  await assert.rejects(mergeSignatures(genesisDocument, [], crypto), { code: 'BAD_REQUEST' });
});

test('only distinct, named keys with valid signatures count', async () => {
  const document = await signDocument(genesisDocument, genesis, [keys.root1, keys.stranger], crypto);
  const twice = [keys.root1.publicKey, keys.root1.publicKey];
  for (const among of [twice, [keys.root1.publicKey, keys.root2.publicKey], [keys.root2.publicKey]]) {
    const wanted = { keys: among, threshold: 2 };
    await assert.rejects(requireThreshold(genesisDocument, document, wanted, crypto), unsigned);
  }
  const forged = await forge(document, keys.root2.publicKey);
  await assert.rejects(
    requireThreshold(genesisDocument, forged, { keys: publicKeys, threshold: 2 }, crypto),
    unsigned,
  );
  assert.deepEqual(
    await verifiedKeys(genesisDocument, forged, crypto),
    document.signatures.map(({ key }) => key),
  );
  assert.deepEqual(await verifiedKeys(genesisDocument, forged, crypto, publicKeys), [keys.root1.publicKey]);
});

test('T4: no keys, or a threshold below one, authorise nothing', async () => {
  for (const threshold of [0, -1, Number.NaN, 0.5]) {
    for (const named of [[], publicKeys]) {
      const wanted = { keys: named, threshold };
      await assert.rejects(requireThreshold(genesisDocument, signedGenesis, wanted, crypto), unsigned);
    }
  }
  await assert.rejects(
    requireThreshold(genesisDocument, signedGenesis, { keys: [], threshold: 1 }, crypto),
    unsigned,
  );
});

test('T28: a hash in the place of a signature is no signature', async () => {
  const input = signingInput(genesisDocument.purpose, signedGenesis.bodyBytes);
  const { publicKey } = keys.root1;
  const hash = crypto.sha256(input);
  for (const signature of [
    concatBytes(hash, hash),
    concatBytes(hash, crypto.sha256(concatBytes(publicKey, input))),
    concatBytes(publicKey, hash),
    new Uint8Array(64),
  ]) {
    const bytes = envelope(signedGenesis.bodyBytes, [{ key: publicKey, signature }]);
    const document = decodeDocument(genesisDocument, bytes, crypto);
    const wanted = { keys: [publicKey], threshold: 1 };
    await assert.rejects(requireThreshold(genesisDocument, document, wanted, crypto), unsigned);
  }
});

test('a signature does not fit another body', async () => {
  const bytes = envelope({ ...genesis, name: 'Another system' }, signedGenesis.signatures);
  const document = decodeDocument(genesisDocument, bytes, crypto);
  assert.deepEqual(await verifiedKeys(genesisDocument, document, crypto), []);
});

test('envelopes of another form are refused', () => {
  const { bodyBytes, signatures, bytes } = signedGenesis;
  const [one, two] = signatures;
  const many = Array.from({ length: 65 }, (_, index) => ({
    key: new Uint8Array(32).fill(index),
    signature: new Uint8Array(64),
  }));
  const refused: Record<string, Uint8Array> = {
    'no signature': envelope(bodyBytes, []),
    'descending keys': envelope(bodyBytes, [two, one]),
    'one key twice': envelope(bodyBytes, [one, one]),
    'too many signatures': envelope(bodyBytes, many),
    'a short key': envelope(bodyBytes, [{ ...one, key: new Uint8Array(31) }]),
    'a long signature': envelope(bodyBytes, [{ ...one, signature: new Uint8Array(65) }]),
    'text in place of bytes': envelope(bodyBytes, [{ ...one, signature: 'x'.repeat(64) }]),
    'a field more': encodeCbor({ body: bodyBytes, signatures, note: 1 }),
    'a field more in a signature': envelope(bodyBytes, [{ ...one, at: 1 }]),
    'no body': encodeCbor({ signatures }),
    'an empty body': envelope(new Uint8Array(0), signatures),
    'a body that is no byte string': encodeCbor({ body: genesis, signatures }),
    'an array': encodeCbor([bodyBytes, signatures]),
    'a byte more': concatBytes(bytes, Uint8Array.of(0)),
    'a byte less': bytes.slice(0, -1),
    'a byte more in the body': envelope(concatBytes(bodyBytes, Uint8Array.of(0)), signatures),
    nothing: new Uint8Array(0),
    'too much': new Uint8Array(genesisDocument.maxDocumentBytes + 1),
  };
  for (const [name, input] of Object.entries(refused)) {
    assert.throws(() => decodeDocument(genesisDocument, input, crypto), malformed, name);
  }
});

test('a body over the bound of its kind is refused both ways', async () => {
  const Small = defineDocument('p2pos/notice/1', Notice.schema, { maxBytes: 20 });
  const long = await signDocument(Notice, { text: 'x'.repeat(20) }, [keys.admin], crypto);
  assert.throws(() => decodeDocument(Small, long.bytes, crypto), malformed);
  await assert.rejects(signDocument(Small, { text: 'x'.repeat(20) }, [keys.admin], crypto), malformed);
});

test('nobody signs what would be refused', async () => {
  await assert.rejects(
    signDocument(genesisDocument, { ...genesis, threshold: 1 }, [keys.root1], crypto),
    malformed,
  );
  await assert.rejects(signDocument(genesisDocument, genesis, [], crypto), malformed);
  await assert.rejects(signDocument(genesisDocument, genesis, [keys.root1, keys.root1], crypto), malformed);
});

test('a kind refuses what it cannot keep with its own code', async () => {
  const Picky = defineDocument('p2pos/notice/1', Notice.schema, {
    maxBytes: 256,
    refuse: () => new P2posError('BAD_REQUEST', { reason: 'not today' }),
  });
  const notice = await signDocument(Notice, { text: 'noon' }, [keys.admin], crypto);
  assert.throws(
    () => decodeDocument(Picky, notice.bytes, crypto),
    (error) => isP2posError(error, 'BAD_REQUEST'),
  );
});

test('a refusal names the field and does not repeat what it was sent at length', () => {
  const bytes = envelope({ ...genesis, ['x'.repeat(5_000)]: 1 }, signedGenesis.signatures);
  assert.throws(
    () => decodeDocument(genesisDocument, bytes, crypto),
    (error) => {
      assert.ok(error instanceof Error && error.message.length < 300);
      return true;
    },
  );
  const wrong = envelope({ ...genesis, slots: 100 }, signedGenesis.signatures);
  assert.throws(
    () => decodeDocument(genesisDocument, wrong, crypto),
    /genesis document.*slots: must be a power of two/,
  );
});

/** The document with a signature under `key` that this key did not make. */
async function forge<T>(document: SignedDocument<T>, key: Uint8Array): Promise<SignedDocument<T>> {
  const { signature } = document.signatures[0]!;
  return { ...document, signatures: [...document.signatures, { key, signature }] };
}
