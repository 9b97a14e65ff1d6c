import assert from 'node:assert/strict';
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTestDoor, type TestDoor } from '../../testing/http-door.ts';
import { exchangeRaw, rawRequest } from '../../testing/raw-http.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';

describe('the page', () => {
  let folder: Awaited<ReturnType<typeof createTempFolder>>;
  let door: TestDoor;
  const warnings: string[] = [];
  const noteWarning = (warning: Error) => void warnings.push(warning.message);
  before(async () => {
    process.on('warning', noteWarning);
    folder = await createTempFolder();
    const file = (name: string, text: string) => writeFile(join(folder.path, 'page', name), text);
    await mkdir(join(folder.path, 'page', 'views'), { recursive: true });
    await writeFile(join(folder.path, 'secret.html'), 'secret');
    await file('index.html', '<h1>page</h1>');
    await file('style.css', 'body{}');
    await file('plain.js', 'export {};');
    await file('views/ring.ts', 'interface A { readonly a: number }\nexport const a: A = { a: 1 };\n');
    await file('ring.test.ts', 'throw 1;');
    await file('notes.md', 'notes');
    await symlink(join(folder.path, 'secret.html'), join(folder.path, 'page', 'link.html'));
    door = await createTestDoor({ config: { pageFolder: join(folder.path, 'page') } });
  });
  after(async () => {
    process.off('warning', noteWarning);
    await door[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it('serves files by their types under a policy that lets in nothing foreign', async () => {
    for (const [path, type] of [
      ['/style.css', 'text/css; charset=utf-8'],
      ['/plain.js', 'text/javascript; charset=utf-8'],
      ['/views/ring.ts', 'text/javascript; charset=utf-8'],
    ]) {
      const answer = await fetch(`${door.url}${path}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type'), type);
      const policy = answer.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
      assert.doesNotMatch(policy, /unsafe|\*|http:/);
    }
  });

  it('strips types without a warning, anew when the file changes', async () => {
    const read = async () => (await fetch(`${door.url}/views/ring.ts`)).text();
    assert.match(await read(), /^\s+export const a {3} = \{ a: 1 \};\s+$/);
    const file = join(folder.path, 'page', 'views', 'ring.ts');
    await writeFile(file, 'export const b: number = 2;');
    await utimes(file, 1, 1);
    assert.match(await read(), /export const b {8} = 2;/);
    assert.deepEqual(warnings, []);
  });

  it('serves nothing else and leads out of its folder by no name', async () => {
    for (const path of [
      '/ring.test.ts',
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
