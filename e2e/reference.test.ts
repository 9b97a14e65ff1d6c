/** What is generated for readers in other languages names everything that there is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import { z } from 'zod';
import { CAPABILITIES } from '../scripts/reference/capabilities.ts';
import { CLONE } from './harness.ts';

const read = (name: string) => readFileSync(join(CLONE, 'docs/reference', name), 'utf8');

test('peers.cddl has every capability', () => {
  assert.ok(CAPABILITIES.length > 12);
  for (const { protocol } of CAPABILITIES)
    assert.ok(read('peers.cddl').includes(`; ${protocol}\n`), protocol);
});

test('every name that the CDDL uses is defined', () => {
  for (const file of ['frames.cddl', 'peers.cddl']) {
    const code = read(file)
      .replace(/;.*$/gm, '')
      .replace(/"(?:[^"\\]|\\.)*"/g, '');
    const defined = new Set([...code.matchAll(/^([\w.-]+) = /gm)].map(([, name]) => name));
    const used = [...code.matchAll(/(?:: |= | \/ |\*\d* )([a-z][\w.-]*)/g)].map(([, name]) => name as string);
    const prelude = new Set([
      'any',
      'bool',
      'bstr',
      'int',
      'null',
      'number',
      'tstr',
      'uint',
      'true',
      'false',
    ]);
    assert.ok(used.length > 100);
    for (const name of used) assert.ok(defined.has(name) || prelude.has(name), `${file}: ${name}`);
  }
});

test('frames.schema.json takes frames, and no others', () => {
  const { $defs } = JSON.parse(read('frames.schema.json'));
  const side = (name: string) => z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs } as never);
  const client = side('ClientFrame');
  const call = { op: 'call', id: 1, method: 'kv.put', input: { key: 'a', body: { $blob: 'MQ==' } } };
  for (const frame of [{ op: 'ping' }, call, { op: 'subscribe', id: 'x', kind: 'kv', prefix: 'a' }])
    assert.ok(client.safeParse(frame).success, JSON.stringify(frame));
  for (const frame of [{}, { op: 'pong' }, { ...call, id: -1 }, { op: 'subscribe', id: 1, kind: 'x' }])
    assert.ok(!client.safeParse(frame).success, JSON.stringify(frame));
  const input = side('kv.put.input');
  assert.ok(input.safeParse(call.input).success);
  assert.ok(!input.safeParse({ key: 'a' }).success);
  assert.ok(side('NodeFrame').safeParse({ id: 1, type: 'result', output: {} }).success);
  assert.deepEqual(decodeCbor(encodeCbor([call])), [call]);
});
