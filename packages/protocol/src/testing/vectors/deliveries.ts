/** Receipts of delivery that hold and that must be refused, in the JSON in which a publish answers them. */
import { DeliveryReceipt, encodeDelivery, signDelivery } from '../../delivery.ts';
import { toHex } from '../../encoding/hex.ts';
import { peerIdFromPublicKey } from '../../peer-id.ts';
import { testCrypto as crypto, testKey } from '../keys.ts';

const systemId = `sys1${'a'.repeat(52)}`;
const nodes = [11, 12, 13].map((number) => {
  const signer = testKey(number);
  return { signer, peerId: peerIdFromPublicKey(signer.publicKey) };
});
const [publisher] = nodes as [(typeof nodes)[0]];
const MS = 1_763_686_923_000;

function headerOf(topic: string, seq: number, data: Uint8Array) {
  const hash = crypto.sha256(data);
  const { peerId } = publisher;
  return {
    app: 'default',
    topic,
    publisher: peerId,
    incarnation: MS,
    seq,
    at: MS + 5,
    hash,
    bytes: data.length,
  };
}

async function receiptFor(
  header: ReturnType<typeof headerOf>,
  clients: readonly number[],
): Promise<DeliveryReceipt> {
  const statements = clients.map((count, i) =>
    signDelivery(header, { systemId, at: MS + 100 + i, clients: count }, nodes[i] as (typeof nodes)[0]),
  );
  return { systemId, delivery: encodeDelivery(header), statements: await Promise.all(statements) };
}

export async function deliveryVectors() {
  const data = new TextEncoder().encode('good morning');
  const nothing = new Uint8Array(0);
  const header = headerOf('orders.eu.new', 1, data);
  const one = await receiptFor(header, [1, 3, 0]);
  const other = await receiptFor(headerOf('schlüssel.ü', 9_007_199_254_740_991, nothing), [2]);
  const stranger = testKey(14);
  const foreign = await signDelivery(
    header,
    { systemId, at: MS + 100, clients: 1 },
    { peerId: peerIdFromPublicKey(stranger.publicKey), signer: stranger },
  );
  const [first, ...rest] = one.statements as [DeliveryReceipt['statements'][0]];
  const told = (receipt: DeliveryReceipt) => DeliveryReceipt.encode(receipt);
  const changed = (change: object) => told({ ...one, statements: [{ ...first, ...change }, ...rest] });
  return {
    systemId,
    epoch: 3,
    members: nodes.map(({ peerId }) => ({ peerId })),
    valid: [
      { receipt: told(one), topic: 'orders.eu.new', data: toHex(data), clients: 4 },
      { receipt: told(other), topic: 'schlüssel.ü', data: '', clients: 2 },
    ],
    refused: [
      { why: 'another system', receipt: told({ ...one, systemId: `sys1${'b'.repeat(51)}q` }) },
      { why: 'another message', receipt: told({ ...one, delivery: other.delivery }) },
      { why: 'more clients', receipt: changed({ clients: 2 }) },
      { why: 'another time', receipt: changed({ at: first.at + 1 }) },
      { why: 'the name of another member', receipt: changed({ peerId: nodes[1]?.peerId }) },
      { why: 'one member twice', receipt: told({ ...one, statements: [first, first] }) },
      { why: 'no member', receipt: told({ ...one, statements: [foreign] }) },
      { why: 'nobody', receipt: told({ ...one, statements: [] }) },
      {
        why: 'keys of the message in another order',
        receipt: told({ ...one, delivery: reordered(one.delivery) }),
      },
    ],
  };
}

/** The same map, its first field moved to its end. */
function reordered(delivery: Uint8Array): Uint8Array {
  // "at" and an integer of eight bytes come first: 62 61 74 1b and eight more.
  const field = delivery.subarray(1, 13);
  return Uint8Array.from([...delivery.subarray(0, 1), ...delivery.subarray(13), ...field]);
}
