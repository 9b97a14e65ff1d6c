/** What the build makes: what the page's policy lets in, and nothing that it does not. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLONE = fileURLToPath(new URL('../../..', import.meta.url));
const DIST = join(CLONE, 'packages/console/dist');
const build = () => promisify(execFile)('node', [join(CLONE, 'scripts/page.mjs')]);

before(build);

test('the page has no inline script or style and asks no other server', async () => {
  const html = await readFile(join(DIST, 'index.html'), 'utf8');
  assert.match(html, /<script type="module"[^>]* src="\.\/assets\/[a-z]+\.js"><\/script>/);
  assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|style=|https?:\/\/| on[a-z]+=/);
  for (const name of await readdir(join(DIST, 'assets'))) {
    if (name.endsWith('.css')) {
      assert.doesNotMatch(await readFile(join(DIST, 'assets', name), 'utf8'), /url\(|@import/, name);
    }
  }
});

test('a second build of the same sources does nothing', async () => {
  const before = await readFile(join(DIST, '.stamp'), 'utf8');
  const started = performance.now();
  await build();
  assert.ok(performance.now() - started < 3_000);
  assert.equal(await readFile(join(DIST, '.stamp'), 'utf8'), before);
});
