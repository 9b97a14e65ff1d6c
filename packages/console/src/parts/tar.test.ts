import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tarOf } from './tar.ts';

test('tar unpacks what was packed; secrets are for their owner alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'p2pos-tar-'));
  try {
    const bytes = Uint8Array.from({ length: 1_024 }, (_, n) => n % 256);
    const files = [
      { name: 'a.key', content: 'sealed ü\n', secret: true },
      { name: 'b.cbor', content: bytes, secret: false },
      { name: 'empty.txt', content: '', secret: false },
    ];
    writeFileSync(join(folder, 'all.tar'), tarOf(files, 1_700_000_000_000));
    execFileSync('tar', ['-xpf', join(folder, 'all.tar'), '-C', folder]);
    assert.equal(readFileSync(join(folder, 'a.key'), 'utf8'), 'sealed ü\n');
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, 'b.cbor'))), bytes);
    assert.equal(readFileSync(join(folder, 'empty.txt'), 'utf8'), '');
    assert.equal(statSync(join(folder, 'a.key')).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'b.cbor')).mode & 0o777, 0o644);
    assert.equal(statSync(join(folder, 'b.cbor')).mtimeMs, 1_700_000_000_000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
