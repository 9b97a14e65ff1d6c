/** Damaged records while replicas are compared: what cannot be given to others is not given out as common to all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { encodeHeader } from '../format/record.ts';
import { type Sealed, seal } from '../format/seal.ts';
import { openRecordTable } from '../replica/store.ts';
import { createTestbed, nameOf, type Testbed } from '../testing/testbed.ts';

const QUICK = { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 };
const DAMAGE = "UPDATE records SET value = x'00' WHERE key = ?";
const MEND = "UPDATE records SET value = x'76' WHERE key = ?";
const bytes = (text: string) => new TextEncoder().encode(text);

/** A record of node 0 that lies on this disk alone. */
async function plant(bed: Testbed, index: number, key: string): Promise<void> {
  const { crypto, systemId, nodes } = bed.system;
  const { peerId: author, signer } = nodes[0] as (typeof nodes)[0];
  const value = bytes('v');
  const version = formatVersion({ ms: bed.clock.now(), counter: 0, author });
  const hashed = { hash: crypto.sha256(value), bytes: value.length };
  const fields = { ...nameOf(key), version, expiresAt: undefined, value: hashed };
  const header = encodeHeader(fields);
  const [sealed] = await seal({ crypto, signer, systemId }, [header]);
  const { slot } = bed.node(0).records.locate(fields);
  const table = await openRecordTable({ store: bed.node(index).store, crypto });
  await table.accept([{ fields, header, value, slot, count: 3, ...(sealed as Sealed) }], bed.clock.now());
}

async function write(bed: Testbed, index: number, sql: string, key: string): Promise<void> {
  await bed.node(index).store.write([{ sql, params: [bytes(key)] }]);
}

test('two replicas do not hold the same while a damaged record of one cannot be given to the other', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  await plant(bed, 0, 'a');
  await write(bed, 0, DAMAGE, 'a');
  const { repair } = bed.node(0).records;
  assert.equal(await bed.run(repair.round()), false);
  await write(bed, 0, MEND, 'a');
  assert.equal(await bed.run(repair.round()), true);
  assert.equal(await bed.get(1, 'a'), 'v');
});

test('a damaged record that nobody else holds keeps no learner from counting again', async () => {
  await using bed = await createTestbed({ nodes: 3, records: QUICK });
  for (let i = 0; i < 10; i++) await bed.put(0, `key${i}`, 'v');
  await bed.crash(2);
  bed.replaceDisk(2);
  bed.cut(2, 0);
  bed.cut(2, 1);
  await bed.start(2);
  await plant(bed, 2, 'a');
  await write(bed, 2, DAMAGE, 'a');
  await bed.heal();
  await bed.clock.advance(1_000);
  await bed.settleStanding();
  assert.equal(await bed.get(2, 'key3'), 'v');
});
