import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { unpack } from './archive.ts';

/** One entry of a tar archive with whatever name and type; POSIX.1-1988 ustar. */
function entry(name: string, content: string, type = '0'): Buffer {
  const head = Buffer.alloc(512);
  head.write(name, 0, 100);
  head.write('0000644\0', 100);
  head.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  head.write('        ', 148);
  head.write(type, 156);
  head.write('target', 157);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  body.write(content);
  return Buffer.concat([head, body]);
}

async function setup() {
  const folder = await createTempFolder();
  const file = join(folder.path, 'a.tar.gz');
  const out = join(folder.path, 'out');
  mkdirSync(out);
  return {
    folder,
    file,
    out,
    write: (...parts: Buffer[]) =>
      writeFileSync(file, gzipSync(Buffer.concat([...parts, Buffer.alloc(1_024)]))),
  };
}

test('what tar packed is unpacked: folders, long names, programs', async () => {
  const { folder, file, out } = await setup();
  await using _ = folder;
  const tree = join(folder.path, 'tree');
  const deep = join(tree, 'a'.repeat(90), 'b'.repeat(90));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'long.txt'), 'long');
  writeFileSync(join(tree, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'large'), Buffer.alloc(300_001, 7));
  for (const format of ['gnu', 'pax', 'ustar']) {
    execFileSync('tar', ['-czf', file, `--format=${format}`, '-C', tree, '.']);
    const target = join(out, format);
    mkdirSync(target);
    await unpack(file, target);
    assert.equal(readFileSync(join(target, 'a'.repeat(90), 'b'.repeat(90), 'long.txt'), 'utf8'), 'long');
    assert.equal(statSync(join(target, 'run.sh')).mode & 0o777, 0o755);
    assert.equal(statSync(join(target, 'large')).size, 300_001);
    assert.equal(statSync(join(target, 'empty')).size, 0);
  }
});

test('T34: names that lead out, links, and what is no archive are refused, and nothing lies outside', async () => {
  const { folder, file, out, write } = await setup();
  await using _ = folder;
  for (const name of ['../escape', '/tmp/p2pos-escape', 'a/../../escape', 'a\\b']) {
    write(entry(name, 'x'));
    await assert.rejects(unpack(file, out), /leads out of its folder/);
  }
  for (const type of ['1', '2', '3', '6']) {
    write(entry('link', '', type));
    await assert.rejects(unpack(file, out), /neither a file nor a folder/);
  }
  assert.ok(!existsSync(join(folder.path, 'escape')));
  symlinkSync(folder.path, join(out, 'existing'));
  write(entry('existing', 'x'));
  await assert.rejects(unpack(file, out), /EEXIST/);
  write(entry('cut', 'x'.repeat(2_000)).subarray(0, 700));
  await assert.rejects(unpack(file, out));
  write(Buffer.alloc(512, 1));
  await assert.rejects(unpack(file, out), /no tar archive/);
  writeFileSync(file, 'plain');
  await assert.rejects(unpack(file, out));
});
