import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor } from '@p2pos/protocol';
import { readFrames } from './frames.ts';

test('frames come as they were sent; what is none is no message, and never a crash of whoever reads it', () => {
  const frames = [
    { id: 1, type: 'result', output: { key: 'a' } },
    { type: 'error', code: 'TIMEOUT' },
  ];
  assert.deepEqual(readFrames(encodeCbor(frames)), frames);
  for (const wrong of [[null], [[]], [{ id: 1 }], [{ type: 'end', id: 'x' }], {}, null, 'frames', [7]])
    assert.equal(readFrames(encodeCbor(wrong as never)), undefined, JSON.stringify(wrong));
  assert.equal(readFrames(Uint8Array.of(0xff, 0x00)), undefined);
});
