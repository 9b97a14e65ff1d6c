/** Receipts that hold and receipts that must be refused, in the JSON in which a write answers them. */

import { encodeCbor } from '../../encoding/cbor.ts';
import { fromHex, toHex } from '../../encoding/hex.ts';
import { peerIdFromPublicKey } from '../../peer-id.ts';
import { SignedReceipt, type Statement, signStatements } from '../../receipt.ts';
import { encodeHeader } from '../../record-header.ts';
import { formatVersion } from '../../record-version.ts';
import { testCrypto as crypto, testKey } from '../keys.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const systemId = `sys1${'a'.repeat(52)}`;
const replicas = [11, 12, 13].map((number) => {
  const signer = testKey(number);
  return { signer, peerId: peerIdFromPublicKey(signer.publicKey) };
});

function headerOf(
  key: string,
  value: Uint8Array | null,
  counter: number,
  namespace = 'default/kv',
): Uint8Array {
  return encodeHeader({
    namespace,
    partition: utf8(key),
    key: utf8(key),
    version: formatVersion({ ms: 1_763_686_923_000, counter, author: replicas[0]?.peerId as string }),
    expiresAt: undefined,
    value: value ? { hash: crypto.sha256(value), bytes: value.length } : undefined,
  });
}

/** What the record of a register holds; its version is an older one than the record's. */
function stateOf(value: Uint8Array | null): Uint8Array {
  const author = replicas[1]?.peerId as string;
  const stamp = formatVersion({ ms: 1_763_686_922_000, counter: 7, author }).slice(0, 16);
  const version = [fromHex(stamp), 0];
  return encodeCbor([1, [author], version, value, null, true, [[version]]]);
}

async function registerReceipt(state: Uint8Array, namespace = 'default/kv-cas'): Promise<SignedReceipt> {
  return { ...(await receiptFor(headerOf('leader', state, 3, namespace), [1, 2, 3])), state };
}

async function receiptFor(header: Uint8Array, batches: readonly number[]): Promise<SignedReceipt> {
  const statements = await Promise.all(
    replicas.slice(0, batches.length).map(async (replica, i) => {
      const headers = Array.from({ length: batches[i] as number }, (_, n) => headerOf(`other ${n}`, null, n));
      headers[i % headers.length] = header;
      const at = 1_763_686_923_100 + i;
      const made = await signStatements(headers, { systemId, at }, { ...replica, crypto });
      return made[i % headers.length] as Statement;
    }),
  );
  return { systemId, epoch: 3, header, statements };
}

export async function receiptVectors() {
  const value = utf8('good morning');
  const one = await receiptFor(headerOf('greeting', value, 1), [1, 2, 7]);
  const gone = await receiptFor(headerOf('schlüssel/ü', null, 2), [3, 256]);
  const agreed = await registerReceipt(stateOf(value));
  const { state: _, ...stateless } = agreed;
  const [first, ...rest] = one.statements as [Statement, ...Statement[]];
  const told = (receipt: SignedReceipt) => SignedReceipt.encode(receipt);
  return {
    systemId,
    epoch: 3,
    members: replicas.map(({ peerId }) => ({ peerId, capabilities: ['storage'] })),
    valid: [
      { receipt: told(one), key: toHex(utf8('greeting')), value: toHex(value) },
      { receipt: told(gone), key: toHex(utf8('schlüssel/ü')), value: null },
      { receipt: told(agreed), key: toHex(utf8('leader')), value: toHex(value) },
      { receipt: told(await registerReceipt(stateOf(null))), key: toHex(utf8('leader')), value: null },
    ],
    refused: [
      { why: 'another system', receipt: told({ ...one, systemId: `sys1${'b'.repeat(51)}q` }) },
      { why: 'another record', receipt: told({ ...one, header: gone.header }) },
      {
        why: 'another time',
        receipt: told({ ...one, statements: [{ ...first, at: first.at + 1 }, ...rest] }),
      },
      {
        why: 'the path of another place',
        receipt: told({
          ...one,
          statements: [...one.statements.slice(0, 2), { ...(rest[1] as Statement), index: 3 }],
        }),
      },
      { why: 'one member twice', receipt: told({ ...one, statements: [first, first] }) },
      { why: 'too few', receipt: told({ ...one, statements: [first] }) },
      { why: 'a register without its state', receipt: told(stateless) },
      {
        why: 'a state that was not signed',
        receipt: told({ ...agreed, state: stateOf(utf8('good night')) }),
      },
      {
        why: 'a plain value that looks like a state',
        receipt: told(await registerReceipt(stateOf(value), 'default/kv')),
      },
      { why: 'a state of another form', receipt: told(await registerReceipt(encodeCbor([2, 'x']))) },
    ],
  };
}
