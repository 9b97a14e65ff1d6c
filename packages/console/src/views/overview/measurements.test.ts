import assert from 'node:assert/strict';
import { test } from 'node:test';
import { totalOf } from './measurements.ts';

test('a counter is summed over its labels, and no other of a longer name', () => {
  const text = [
    '# TYPE p2pos_requests counter',
    'p2pos_requests{operation="kv.get",status="200"} 3',
    'p2pos_requests{operation="kv.put",status="200"} 4.5',
    'p2pos_requests_in_flight 100',
    'p2pos_requests_total{a="b"} 100',
  ].join('\n');
  assert.equal(totalOf(text, 'p2pos_requests'), 7.5);
  assert.equal(totalOf('', 'p2pos_requests'), 0);
});
