import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeHeader,
  formatVersion,
  isP2posError,
  peerIdFromPublicKey,
  type SignedReceipt,
  type Statement,
  signStatements,
  verifyReceipt,
} from './index.ts';
import { testCrypto as crypto, testKey } from './testing/keys.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const systemId = `sys1${'a'.repeat(52)}`;
const value = utf8('the deed');
const replicas = [1, 2, 3].map((number) => {
  const signer = testKey(number);
  return { signer, peerId: peerIdFromPublicKey(signer.publicKey) };
});
const members = replicas.map(({ peerId }) => ({ peerId, capabilities: ['storage'] as const }));

function headerOf(key: string, text: Uint8Array | undefined = value, ms = 1_000): Uint8Array {
  return encodeHeader({
    namespace: 'default/kv',
    partition: utf8(key),
    key: utf8(key),
    version: formatVersion({ ms, counter: 0, author: replicas[0]?.peerId as string }),
    expiresAt: undefined,
    value: text && { hash: crypto.sha256(text), bytes: text.length },
  });
}

async function receiptFor(key = 'deed', others = ['x', 'y', 'z']): Promise<SignedReceipt> {
  const header = headerOf(key);
  const statements = await Promise.all(
    replicas.map(async (replica, i) => {
      const headers = others.map((other) => headerOf(other));
      headers.splice(i, 0, header);
      const all = await signStatements(headers, { systemId, at: 5_000 + i }, { ...replica, crypto });
      return all[i] as Statement;
    }),
  );
  return { systemId, epoch: 4, header, statements };
}

const claim = {
  systemId,
  members: members.map((one) => ({ ...one, capabilities: [...one.capabilities] })),
  epoch: 4,
};

function refusedFor(reason: RegExp) {
  return (error: unknown) => isP2posError(error, 'RECEIPT_REFUSED') && reason.test(error.message);
}

test('a receipt says who had what on disk', async () => {
  const verified = await verifyReceipt(await receiptFor(), { ...claim, key: utf8('deed'), value }, crypto);
  assert.deepEqual(
    verified.peerIds,
    replicas.map(({ peerId }) => peerId),
  );
  assert.deepEqual([verified.from, verified.to], [5_000, 5_002]);
  assert.equal(verified.record.namespace, 'default/kv');
});

test('every tampered receipt is refused with its own reason', async () => {
  const receipt = await receiptFor();
  const [first, ...rest] = receipt.statements as [Statement, ...Statement[]];
  const withFirst = (fields: Partial<Statement>) => ({
    ...receipt,
    statements: [{ ...first, ...fields }, ...rest],
  });
  const flipped = (bytes: Uint8Array) => bytes.with(3, (bytes[3] as number) ^ 1);
  const cases: [SignedReceipt, Partial<Parameters<typeof verifyReceipt>[1]>, RegExp][] = [
    [receipt, { value: utf8('another deed') }, /for another value/],
    [receipt, { value: null }, /for a value, not for a deletion/],
    [receipt, { key: utf8('other') }, /for another key/],
    [receipt, { namespace: 'other/kv' }, /for default\/kv, not for other\/kv/],
    [receipt, { version: 'x' }, /is for version .*, not for x/],
    [receipt, { systemId: 'sys1b' }, /of the system sys1a+, not of sys1b/],
    [
      { ...receipt, systemId: 'sys1b' },
      { systemId: 'sys1b' },
      /signature of .* not for this record in this system/,
    ],
    [{ ...receipt, header: headerOf('other') }, {}, /signature of .* not for this record/],
    [{ ...receipt, header: headerOf('deed', utf8('another')) }, {}, /signature of .* not for this record/],
    [{ ...receipt, header: utf8('junk') }, {}, /cannot be read/],
    [receipt, { members: claim.members.slice(1) }, /is no member in snapshot 4/],
    [
      receipt,
      { members: claim.members.slice(1), epoch: 5 },
      /given under snapshot 4, verify it against that one/,
    ],
    [receipt, { members: claim.members.map((one) => ({ ...one, capabilities: [] })) }, /holds no records/],
    [withFirst({ at: 1 }), {}, /signature of .* at this time/],
    [withFirst({ signature: flipped(first.signature) }), {}, /signature of/],
    [withFirst({ path: flipped(first.path) }), {}, /signature of/],
    [withFirst({ path: first.path.slice(32) }), {}, /path of .* does not lead/],
    [withFirst({ path: new Uint8Array(10_000) }), {}, /path of .* does not lead/],
    [withFirst({ index: 9 }), {}, /path of .* does not lead/],
    [withFirst({ peerId: replicas[1]?.peerId as string }), {}, /signature of/],
    [{ ...receipt, statements: [first, first] }, {}, /is in it twice/],
    [{ ...receipt, statements: [first] }, {}, /1 replicas signed it, 2 are needed/],
    [{ ...receipt, statements: [] }, {}, /0 replicas signed it, 2 are needed/],
  ];
  for (const [tampered, fields, reason] of cases)
    await assert.rejects(
      verifyReceipt(tampered, { ...claim, ...fields }, crypto),
      refusedFor(reason),
      String(reason),
    );
});
