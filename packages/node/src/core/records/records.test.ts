import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTestbed, decode, nameOf } from './testbed.ts';

test('what is written through one node is read through every other', async () => {
  await using bed = await createTestbed({ nodes: 5 });
  const written = await bed.put(0, 'greeting', 'hello');
  assert.ok(written.durable >= 2);
  for (let i = 0; i < 5; i++) assert.equal(await bed.get(i, 'greeting'), 'hello');
  assert.equal(await bed.get(1, 'nothing'), undefined);
});
void isP2posError;
void decode;
void nameOf;
