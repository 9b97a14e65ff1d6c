import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTestDoor, type TestDoor } from '../../testing/http-door.ts';
import { exchangeRaw, rawRequest } from '../../testing/raw-http.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { openPage } from './page.ts';

describe('the page', () => {
  let folder: Awaited<ReturnType<typeof createTempFolder>>;
  let door: TestDoor;
  before(async () => {
    folder = await createTempFolder();
    const file = (name: string, text: string) => writeFile(join(folder.path, 'page', name), text);
    await mkdir(join(folder.path, 'page', 'views'), { recursive: true });
    await writeFile(join(folder.path, 'secret.html'), 'secret');
    await file('index.html', '<h1>page</h1>');
    await file('style.css', 'body{}');
    await file('plain.js', 'export {};');
    await file('views/ring.js', 'export const a = 1;');
    await file('main.ts', 'throw 1;');
    await file('notes.md', 'notes');
    await symlink(join(folder.path, 'secret.html'), join(folder.path, 'page', 'link.html'));
    door = await createTestDoor({ config: { pageFolder: join(folder.path, 'page') } });
  });
  after(async () => {
    await door[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it('serves files by their types under a policy that lets in nothing foreign', async () => {
    for (const [path, type] of [
      ['/style.css', 'text/css; charset=utf-8'],
      ['/plain.js', 'text/javascript; charset=utf-8'],
      ['/views/ring.js', 'text/javascript; charset=utf-8'],
    ]) {
      const answer = await fetch(`${door.url}${path}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), type);
      const policy = answer.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
      assert.doesNotMatch(policy, /unsafe|\*|http:/);
    }
  });

  it('is a page without files where nothing was built', async () => {
    assert.deepEqual((await openPage(join(folder.path, 'absent'))).paths, []);
  });

  it('serves nothing else and leads out of its folder by no name', async () => {
    for (const path of [
      '/main.ts',
      '/notes.md',
      '/link.html',
      '/secret.html',
      '/../secret.html',
      '/views/../../secret.html',
      '/..%2fsecret.html',
      '/views/..%5c..%5csecret.html',
      '/%2e%2e/secret.html',
      '/views',
      '/index.html%00.css',
      '//etc/passwd',
    ]) {
      const answer = await exchangeRaw(door.port, rawRequest(`GET ${path}`));
      assert.equal(answer.status, 404, path);
      assert.doesNotMatch(answer.body, /^secret/);
    }
  });
});
