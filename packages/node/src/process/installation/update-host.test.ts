import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { openUpdateHost } from './update-host.ts';

async function setUp() {
  const temp = await createTempFolder();
  const folder = join(temp.path, 'installation');
  const version = '1.1.0';
  mkdirSync(join(folder, 'versions', '1.0.0'), { recursive: true });
  writeFileSync(join(folder, 'state.json'), '{"current":"1.0.0"}');
  const host = await openUpdateHost({
    folder,
    home: join(temp.path, 'home'),
    version: '1.0.0',
    trialMs: 1_000,
    restart() {},
  });
  let releases = 0;
  return {
    temp,
    host,
    folder,
    /** The artefact of a release that tells version 1.1.0, with something else that makes it another. */
    release(more: string) {
      const tree = join(temp.path, `tree${++releases}`);
      mkdirSync(join(tree, 'packages/node/bin'), { recursive: true });
      writeFileSync(join(tree, 'packages/node/bin/p2pos-node.mjs'), `console.log('${version}'); // ${more}`);
      writeFileSync(join(tree, 'large'), Buffer.alloc(300_000, more));
      const file = join(temp.path, `${releases}.tar.gz`);
      execFileSync('tar', ['-czf', file, '-C', tree, '.']);
      const content = readFileSync(file);
      const sha256 = new Uint8Array(createHash('sha256').update(content).digest());
      const artefact = { platform: 'any', sha256, bytes: content.length, urls: [] };
      async function* chunks() {
        for (let at = 0; at < content.length; at += 100) yield content.subarray(at, at + 100);
      }
      return {
        artefact,
        kept: join(temp.path, 'home/releases', Buffer.from(sha256).toString('hex')),
        keep: () => host.keep(artefact, version, chunks()),
        stage: () => host.stage(artefact, version),
      };
    },
    staged: (name: string) => readFileSync(join(folder, 'versions', version, name), 'utf8'),
  };
}

async function fileHandles(): Promise<FileHandle> {
  await using handle = await open(import.meta.filename);
  return Object.getPrototypeOf(handle) as FileHandle;
}

test('an artefact that changed on the disk is refused, and fetched anew', async () => {
  const { temp, host, release, staged } = await setUp();
  await using _ = temp;
  const { artefact, kept, keep, stage } = release('one');
  await keep();
  const bytes = readFileSync(kept);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(kept, bytes);
  await assert.rejects(stage(), { code: 'RELEASE_ARTEFACT' });
  assert.equal(await host.has(artefact), false);
  await keep();
  await stage();
  assert.match(staged('packages/node/bin/p2pos-node.mjs'), /one/);
});

test('what was unpacked stands for its artefact, not for whatever carries the same version', async () => {
  const { temp, release, staged } = await setUp();
  await using _ = temp;
  const [one, two] = [release('one'), release('two')];
  for (const { keep } of [one, two]) await keep();
  await one.stage();
  await two.stage();
  assert.match(staged('packages/node/bin/p2pos-node.mjs'), /two/);
  assert.equal(staged('.verified').trim(), Buffer.from(two.artefact.sha256).toString('hex'));
});

test('all of a release is on the disk before it counts, however little a write takes', async (t: TestContext) => {
  const { temp, folder, release, staged } = await setUp();
  await using _ = temp;
  const handles = await fileHandles();
  const { write } = handles;
  t.mock.method(handles, 'write', function (this: FileHandle, bytes: Uint8Array) {
    return Reflect.apply(write, this, [bytes.subarray(0, Math.ceil(bytes.length / 2))]);
  });
  const { keep, stage } = release('one');
  await keep();
  const sync = t.mock.method(handles, 'sync');
  await stage();
  assert.equal(staged('large').length, 300_000);
  const places = readdirSync(join(folder, 'versions/1.1.0'), { recursive: true });
  // The folder itself, and the one that its name is in.
  assert.equal(sync.mock.callCount(), places.length + 2);
});

test('a failure is told until it is forgotten', async () => {
  const { temp, host, folder } = await setUp();
  await using _ = temp;
  const failed = { version: '1.1.0', reason: 'it ended with 3' };
  writeFileSync(join(folder, 'state.json'), JSON.stringify({ current: '1.0.0', failed }));
  assert.deepEqual(await host.failure(), failed);
  await host.forget();
  assert.equal(await host.failure(), undefined);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')), { current: '1.0.0' });
});
