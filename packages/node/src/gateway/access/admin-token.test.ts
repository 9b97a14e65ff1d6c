import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type LogFields, silentLogger } from '../../core/log/index.ts';
import { createSystemRandom } from '../../core/random/index.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { openAdminToken } from './admin-token.ts';

const random = createSystemRandom();

describe('the admin token', () => {
  it('is made once, for its owner only, and matches nothing but itself', async () => {
    await using folder = await createTempFolder();
    const file = join(folder.path, 'token');
    const made = await openAdminToken({ random, log: silentLogger }, { file });
    const text = await readFile(file, 'utf8');
    assert.match(text, /^p2pos_[\w-]{43}\n$/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder.path), ['token']);
    const again = await openAdminToken({ random, log: silentLogger }, { file });
    assert.equal(again.secret, made.secret);
    assert.equal(again.matches(text.trim()), true);
    for (const guess of ['', text, text.trim().slice(0, -1), `${text.trim()}x`, text.trim().toUpperCase()]) {
      assert.equal(again.matches(guess), false);
    }
  });

  it('is taken from others who could read it, with a warning', async () => {
    await using folder = await createTempFolder();
    const file = join(folder.path, 'token');
    await openAdminToken({ random, log: silentLogger }, { file });
    await chmod(file, 0o644);
    const warnings: LogFields[] = [];
    await openAdminToken(
      { random, log: { ...silentLogger, warn: (fields) => void warnings.push(fields) } },
      { file },
    );
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(warnings.length, 1);
  });

  it('is not replaced when its file is damaged, and the folder must be there', async () => {
    await using folder = await createTempFolder();
    const file = join(folder.path, 'token');
    for (const text of ['', 'p2pos_short', `p2pos_${'x'.repeat(43)}\np2pos_${'y'.repeat(43)}\n`]) {
      await writeFile(file, text);
      await assert.rejects(openAdminToken({ random, log: silentLogger }, { file }), {
        code: 'TOKEN_FILE_INVALID',
      });
      assert.equal(await readFile(file, 'utf8'), text);
    }
    const nowhere = join(folder.path, 'missing', 'token');
    await assert.rejects(openAdminToken({ random, log: silentLogger }, { file: nowhere }), (error: Error) => {
      assert.match(error.message, /ENOENT.*Move it away/);
      return true;
    });
  });
});
