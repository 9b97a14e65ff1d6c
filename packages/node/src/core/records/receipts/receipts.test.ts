import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, type SignedReceipt, verifyReceipt } from '@p2pos/protocol';
import { instantCrypto } from '../../../testing/instant-crypto.ts';
import { RECORDS } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';
import { createCollector } from './collector.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function put(bed: Testbed, key: string, text: string): Promise<SignedReceipt> {
  const { receipt } = await bed.run(
    bed.node(0).records.put({ ...nameOf(key), value: bytes(text), receipt: 'signed' }),
  );
  assert.ok(receipt);
  return receipt;
}

const claimOf = (bed: Testbed) => ({
  systemId: bed.system.systemId,
  members: bed.members(...Array.from({ length: bed.size }, (_, i) => i)),
  epoch: 1,
});

test('a write answers, when it is wished for, what its replicas signed', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const receipt = await put(bed, 'deed', 'mine');
  const claim = { ...claimOf(bed), ...nameOf('deed'), value: bytes('mine') };
  const { peerIds } = await verifyReceipt(receipt, claim, bed.system.crypto);
  const replicas = bed.replicasOf('deed').map((index) => bed.node(index).peerId);
  assert.ok(peerIds.length >= 2 && peerIds.every((peerId) => replicas.includes(peerId)));
  const plain = await bed.put(0, 'deed', 'again');
  assert.equal(plain.receipt, undefined);
});

test('a deletion has a receipt too', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  await put(bed, 'deed', 'mine');
  const { receipt } = await bed.run(bed.node(1).records.delete({ ...nameOf('deed'), receipt: 'signed' }));
  const claim = { ...claimOf(bed), ...nameOf('deed'), value: null };
  await verifyReceipt(receipt as SignedReceipt, claim, bed.system.crypto);
});

test('writes at the same time share signatures, and each receipt stands alone', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const receipts = await Promise.all(Array.from({ length: 40 }, (_, i) => put(bed, `key${i}`, `value ${i}`)));
  assert.ok(receipts.some(({ statements }) => statements.some(({ size }) => size > 1)));
  for (const [i, receipt] of receipts.entries()) {
    const claim = { ...claimOf(bed), ...nameOf(`key${i}`), value: bytes(`value ${i}`) };
    await verifyReceipt(receipt, claim, bed.system.crypto);
  }
});

test('a replica signs only for what it holds in that very version', async () => {
  await using bed = await createTestbed({ nodes: 3 });
  const old = await bed.put(0, 'a', 'one');
  await bed.put(0, 'a', 'two');
  await bed.clock.advance(100);
  const { epoch, hash } = bed.node(0).membership.view();
  const ask = (name: string, version: string) =>
    bed.run(
      bed
        .node(0)
        .rpc.call(
          bed.node(1).peerId,
          RECORDS,
          'receipt',
          { epoch, placement: hash, records: [['default/kv', bytes(name), null, version]] },
          { timeoutMs: 1_000 },
        ),
    );
  assert.deepEqual((await ask('a', old.version)).answers, [{ result: 'replaced' }]);
  assert.deepEqual((await ask('b', old.version)).answers, [{ result: 'absent' }]);
});

test('a change of a register has a receipt for its version and value, a repeat the same, a deletion one of its own', async () => {
  await using bed = await createTestbed({ nodes: 5, registers: true });
  const name = { namespace: 'default/kv-cas', partition: bytes('deed'), key: bytes('deed') };
  const { crypto } = bed.system;
  const change = (index: number, text: string | null, version: string | undefined, idempotencyKey: string) =>
    bed.run(
      bed.node(index).records.registers.change({
        ...name,
        value: text === null ? null : bytes(text),
        condition: version === undefined ? { kind: 'absent' } : { kind: 'version', version },
        idempotencyKey,
        receipt: 'signed',
      }),
    );
  const first = await change(0, 'mine', undefined, 'one');
  const claim = { ...claimOf(bed), ...name, version: first.version };
  const told = await verifyReceipt(
    first.receipt as SignedReceipt,
    { ...claim, value: bytes('mine') },
    crypto,
  );
  assert.deepEqual([told.version, told.bytes], [first.version, 4]);
  assert.ok(told.peerIds.length >= 2);
  const again = await change(1, 'mine', undefined, 'one');
  assert.equal(again.version, first.version);
  await verifyReceipt(again.receipt as SignedReceipt, { ...claim, value: bytes('mine') }, crypto);

  const refuses = (receipt: object, wrong: object, reason: RegExp) =>
    assert.rejects(verifyReceipt(receipt as SignedReceipt, { ...claim, ...wrong }, crypto), reason);
  await refuses(first.receipt as object, { value: bytes('yours') }, /it is for another value/);
  await refuses(
    first.receipt as object,
    { version: `${'0'.repeat(16)}${first.version.slice(16)}` },
    /it is for version/,
  );
  const { state: _, ...stateless } = first.receipt as SignedReceipt;
  await refuses(stateless, {}, /the state of its register is missing/);
  const state = Uint8Array.from((first.receipt as SignedReceipt).state as Uint8Array);
  state[state.length - 1] = (state.at(-1) as number) ^ 1;
  await refuses({ ...first.receipt, state }, {}, /is not the one that was signed/);
  await refuses(
    { ...(await put(bed, 'deed', 'mine')), state },
    { namespace: 'default/kv' },
    /is of no register/,
  );

  const gone = await change(2, null, first.version, 'two');
  await verifyReceipt(
    gone.receipt as SignedReceipt,
    { ...claim, version: gone.version, value: null },
    crypto,
  );
  await refuses(gone.receipt as object, { version: gone.version, value: bytes('mine') }, /for a deletion/);
});

test('who is no member any more when the receipt is asked for is told that the write is done', async () => {
  const collector = createCollector(
    {
      systemId: 'system',
      topology: { placedNow: () => undefined } as unknown as Topology,
      calls: { ask: () => assert.fail('nobody is to be asked') },
      crypto: instantCrypto,
    },
    { timeoutMs: 1_000 },
  );
  const held = { version: 'v1', replicas: ['a', 'b'] };
  await assert.rejects(collector.collect(nameOf('deed'), { slot: 0, count: 3 }, held, {}), (error) => {
    assert.ok(isP2posError(error, 'RECEIPT_UNAVAILABLE'));
    assert.deepEqual([error.details['outcome'], error.details['version']], ['done', 'v1']);
    return true;
  });
});
