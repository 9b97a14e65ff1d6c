/** What applications install, used from a blank project against real nodes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE, startDev } from './harness.ts';

const run = promisify(execFile);

const PROGRAM = `
import { connect, P2posError } from '@p2pos/sdk';
await using client = connect({ url: process.env.URLS.split(','), token: process.env.TOKEN });
await client.kv.put('greeting', 'hello');
console.log((await client.kv.get('greeting')).text());
try { await client.kv.put('', 'x'); } catch (error) { console.log(error instanceof P2posError, error.code); }
`;
const TYPED = `
import { connect } from '@p2pos/sdk';
const client = connect({ url: 'http://127.0.0.1:1', token: 'x' });
const text: string | undefined = (await client.kv.get('a'))?.text();
// @ts-expect-error a key is text
await client.kv.get(1);
export { text };
`;

test('the packed SDK runs and type-checks in a blank project', { timeout: 300_000 }, async () => {
  await using folder = await createTempFolder();
  const packages = join(folder.path, 'packages');
  await run('node', [join(CLONE, 'scripts/pack.ts'), packages], { cwd: CLONE });
  const modules = join(folder.path, 'app/node_modules');
  for (const name of ['protocol', 'sdk']) {
    const target = join(modules, '@p2pos', name);
    await mkdir(target, { recursive: true });
    await run('tar', [
      'xzf',
      join(packages, `p2pos-${name}-0.1.0.tgz`),
      '-C',
      target,
      '--strip-components=1',
    ]);
    const manifest = JSON.parse(await readFile(join(target, 'package.json'), 'utf8'));
    assert.equal(manifest.private, undefined);
  }
  // What npm would bring for it.
  for (const name of ['zod', 'multiformats'])
    await symlink(join(CLONE, 'node_modules', name), join(modules, name));
  const app = join(folder.path, 'app');
  await writeFile(join(app, 'package.json'), '{ "type": "module" }');
  await writeFile(join(app, 'main.mjs'), PROGRAM);
  await writeFile(join(app, 'typed.mts'), TYPED);
  await run(
    join(CLONE, 'node_modules/.bin/tsc'),
    [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'esnext',
      '--lib',
      'esnext,dom',
      '--types',
      '',
      'typed.mts',
    ],
    { cwd: app },
  );

  await using dev = await startDev({ nodes: 3 });
  const made = await dev.p2pctl('apps', 'create', 'blank');
  assert.equal(made.code, 0, made.stderr);
  const token = (await dev.p2pctl('apps', 'tokens', 'create', 'blank', 'kv:*')).stdout.trim();
  const urls = dev
    .nodes()
    .map(({ http }) => http)
    .join(',');
  const { stdout } = await run('node', ['main.mjs'], {
    cwd: app,
    env: { ...process.env, URLS: urls, TOKEN: token },
  });
  assert.equal(stdout, 'hello\ntrue KV_KEY_INVALID\n');
});
