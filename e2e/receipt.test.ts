/** Receipts over real processes: asked for with p2pctl and over HTTP, verified with no node running. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { startDev } from './harness.ts';

test('p2pctl receipt verify: holds offline, and refuses what was tampered with', async () => {
  await using folder = await createTempFolder();
  const file = (name: string) => join(folder.path, name);
  writeFileSync(file('deed'), 'mine');
  writeFileSync(file('other'), 'yours');
  await using dev = await startDev({ nodes: 3 });
  const put = await dev.p2pctl('kv', 'put', 'deed', '--file', file('deed'), '--receipt', file('deed.json'));
  assert.equal(put.code, 0, put.stderr);
  const agreed = ['kv', 'put', 'seat', 'mine', '--cas', '--if-absent', '--receipt', file('seat.json')];
  assert.equal((await dev.p2pctl(...agreed)).code, 0);
  const { http } = dev.node(1);
  const response = await fetch(`${http}/v1/kv/deed?receipt=signed`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${dev.token(1)}` },
  });
  const deletion = (await response.json()) as { existed: boolean; receipt: object };
  assert.equal(deletion.existed, true);
  writeFileSync(file('gone.json'), JSON.stringify(deletion));
  await dev.end();

  const verify = (...words: string[]) => dev.p2pctl('receipt', 'verify', ...words, '--node', '1');
  const valid = await verify(file('deed.json'), '--value-file', file('deed'));
  assert.equal(valid.code, 0, valid.stderr);
  assert.match(valid.stdout, /^valid: [23] members had 4 bytes under deed \(default\/kv\) on disk/);
  const seat = await verify(file('seat.json'), '--value-file', file('deed'));
  assert.equal(seat.code, 0, seat.stderr);
  assert.match(seat.stdout, /^valid: [23] members had 4 bytes under seat \(default\/kv-cas\) on disk/);
  const notYours = await verify(file('seat.json'), '--value-file', file('other'));
  assert.match(notYours.stderr, /it is for another value/);
  const gone = await verify(file('gone.json'), '--json');
  assert.equal(JSON.parse(gone.stdout).deleted, true, gone.stderr);
  const other = await verify(file('deed.json'), '--value-file', file('other'));
  assert.equal(other.code, 1);
  assert.match(other.stderr, /RECEIPT_REFUSED: This receipt proves nothing: it is for another value\./);
  writeFileSync(file('renamed.json'), readFileSync(file('deed.json'), 'utf8').replace('"deed"', '"will"'));
  const renamed = await verify(file('renamed.json'));
  assert.match(renamed.stderr, /it is for another key/);
  const none = await verify(file('deed'));
  assert.match(none.stderr, /no signed receipt in it/);
});
