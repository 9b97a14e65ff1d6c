/** Updates over real processes: the launcher, nodes of version A, and releases of B that are good, bad or not allowed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { isP2posError, type UpdateStatus, updateRoutes } from '@p2pos/protocol';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { connect } from '../../packages/sdk/src/index.ts';
import { type FoundedNode, type FoundedSystem, foundSystem } from '../founded.ts';
import { CLONE } from '../harness.ts';

const LAUNCHER = join(CLONE, 'packages/node/bin/p2pos-launcher.mjs');
const ENV = { P2POS_UPDATE_INTERVAL: '1s', P2POS_UPDATE_TRIAL: '30s' };

interface Workshop {
  readonly folder: string;
  /** A release's tree with this version, changed by `edit`; the file of the artefact. */
  build(version: string, edit?: (tree: string) => void): string;
  /** Starts a node by the launcher, from an installation of its own. */
  start(node: FoundedNode): { readonly command: readonly string[]; readonly env: Record<string, string> };
}

/** Packages of the clone as the tree of an installation; what they import comes from the clone's node_modules. */
function openWorkshop(folder: string): Workshop {
  symlinkSync(join(CLONE, 'node_modules'), join(folder, 'node_modules'));
  const tree = (version: string) => {
    const place = join(folder, 'trees', version);
    for (const part of [
      'packages/node/src',
      'packages/node/bin',
      'packages/node/package.json',
      'packages/console/dist',
    ]) {
      cpSync(join(CLONE, part), join(place, part), {
        recursive: true,
        filter: (file) => !file.endsWith('.test.ts'),
      });
    }
    const manifest = join(place, 'packages/node/package.json');
    writeFileSync(
      manifest,
      readFileSync(manifest, 'utf8').replace(/"version": "[^"]+"/, `"version": "${version}"`),
    );
    return place;
  };
  const first = tree('0.1.0');
  return {
    folder,
    build(version, edit) {
      const place = tree(version);
      edit?.(place);
      const file = join(folder, `p2pos-${version}.tar.gz`);
      execFileSync('tar', ['-czf', file, '-C', place, '.']);
      return file;
    },
    start({ name, home }) {
      const place = join(folder, 'installations', name);
      mkdirSync(join(place, 'versions'), { recursive: true });
      try {
        symlinkSync(first, join(place, 'versions', '0.1.0'));
        writeFileSync(join(place, 'state.json'), '{"current":"0.1.0"}\n');
      } catch {
        // There from an earlier start.
      }
      return { command: [LAUNCHER, place, 'run', '--home', home], env: ENV };
    },
  };
}

const release = (system: FoundedSystem, version: string, file: string, ...more: string[]) => {
  const out = join(system.folder, `release-${version}-${more.length}.cbor`);
  const keys = [1, 2].map((n) => join(system.system, `release-${n}.key`));
  return system
    .json(
      ...['release', 'sign', '--release', version, '--artefact', `any=${file}`, '--min-from', '0.1.0'],
      ...['--transcript', join(system.system, 'transcript.jsonl'), '--out', out],
      ...['--key', ...keys, '--passphrase-file', system.passphraseFile, ...more],
    )
    .then(() => out);
};

const versionsOf = (status: UpdateStatus) => status.nodes.map(({ version }) => version);

test('five nodes under load go from A to B one by one: no acknowledged write is lost, a majority is always up; then nothing older', {
  timeout: 400_000,
}, async () => {
  await using temp = await createTempFolder();
  const workshop = openWorkshop(temp.path);
  await using system = await foundSystem({
    nodes: 5,
    keys: 3,
    threshold: 2,
    releaseKeys: 3,
    start: workshop.start,
  });
  const file = workshop.build('0.2.0');
  const manifest = await release(system, '0.2.0', file);
  const token = readFileSync(join(system.nodes[0]?.home ?? '', 'token'), 'utf8').trim();
  const clients = system.nodes.map((node) =>
    connect({
      url: node.http,
      token: readFileSync(join(node.home, 'token'), 'utf8').trim(),
      maxAttempts: 1,
      timeoutMs: 5_000,
    }),
  );
  assert.ok(token.length > 0);

  const acknowledged = new Map<string, string>();
  let stopping = false;
  let writes = 0;
  let leastUp = 5;
  async function write(worker: number): Promise<void> {
    for (let i = 0; !stopping; i++) {
      const key = `load/${worker}/${i % 40}`;
      try {
        await clients[(worker + i) % 5]?.kv.put(key, String(i));
        acknowledged.set(key, String(i));
        writes++;
      } catch {
        // Not acknowledged: it may or may not be found, so the key is not judged by it.
        acknowledged.delete(key);
      }
    }
  }
  async function watch(): Promise<void> {
    while (!stopping) {
      const up = await Promise.all(
        system.nodes.map(({ http }) =>
          fetch(`${http}/v1/health`, { signal: AbortSignal.timeout(3_000) }).then(
            () => true,
            () => false,
          ),
        ),
      );
      leastUp = Math.min(leastUp, up.filter(Boolean).length);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const work = Promise.all([write(0), write(1), watch()]);
  await eventually(() => assert.ok(writes > 50));
  const applied = await system.at(2, 'update', 'apply', manifest, '--artefact', file);
  assert.equal(applied.code, 0, applied.stderr);
  await eventually(
    async () => {
      const { stdout } = await system.at(1, 'update', 'status', '--json');
      const status = JSON.parse(stdout) as UpdateStatus;
      assert.deepEqual(versionsOf(status), Array(5).fill('0.2.0'), JSON.stringify(status));
    },
    { timeoutMs: 240_000 },
  );
  stopping = true;
  await work;
  assert.ok(leastUp >= 4, `only ${leastUp} of 5 answered at some moment`);
  for (const [key, value] of acknowledged) {
    const found = await clients[0]?.kv.get(key);
    assert.equal(found?.text(), value, key);
  }
  for (const client of clients) await client.close();

  const finalized = await eventually(async () => {
    const outcome = await system.at(3, 'update', 'finalize', '--json');
    assert.equal(outcome.code, 0, outcome.stderr);
    return JSON.parse(outcome.stdout) as UpdateStatus;
  });
  assert.equal(finalized.finalized, '0.2.0');
  const older = await release(system, '0.1.5', workshop.build('0.1.5'));
  const refused = await system.at(0, 'update', 'apply', older, '--json');
  assert.equal(JSON.parse(refused.stderr).error.code, 'RELEASE_OLDER');
  // A node that is started with the old version all the same does not run.
  await eventually(() => assert.match(system.output(4), /action=update_finalized/));
  await system.stop(4);
  const home = system.nodes[4]?.home ?? '';
  writeFileSync(join(temp.path, 'installations/node4/state.json'), '{"current":"0.1.0"}\n');
  await assert.rejects(
    system.start(4, {
      command: [LAUNCHER, join(temp.path, 'installations/node4'), 'run', '--home', home],
      env: ENV,
    }),
    /finalized 0\.2\.0/,
  );
});

test('T5: a B that crashes, or never gets healthy, is gone back from by itself and pauses the update; a later one goes on', {
  timeout: 400_000,
}, async () => {
  await using temp = await createTempFolder();
  const workshop = openWorkshop(temp.path);
  await using system = await foundSystem({
    nodes: 3,
    releaseKeys: 3,
    start: (node) => ({ ...workshop.start(node), env: { ...ENV, P2POS_UPDATE_TRIAL: '8s' } }),
  });
  const main = 'packages/node/src/main.ts';
  const broken = (end: string) => (tree: string) =>
    writeFileSync(
      join(tree, main),
      `if (process.argv[2] === 'run') ${end}\n${readFileSync(join(tree, main), 'utf8')}`,
    );
  const paused = (version: string, why: RegExp) =>
    eventually(
      async () => {
        const { stdout } = await system.at(0, 'update', 'status', '--json');
        const { rollout, nodes } = JSON.parse(stdout) as UpdateStatus;
        assert.deepEqual([rollout?.version, rollout?.state], [version, 'paused'], stdout);
        assert.match(rollout?.reason ?? '', why);
        assert.deepEqual(new Set(nodes.map((node) => node.version)), new Set(['0.1.0']));
      },
      { timeoutMs: 120_000 },
    );
  const crashing = workshop.build('0.2.0', broken('process.exit(3);'));
  await system.json(
    'update',
    'apply',
    await release(system, '0.2.0', crashing),
    '--artefact',
    crashing,
    '--home',
    system.nodes[0]?.home ?? '',
  );
  await paused('0.2.0', /went back to 0\.1\.0: it ended with 3/);
  const hanging = workshop.build('0.2.1', broken('await new Promise(() => setInterval(() => {}, 1000));'));
  await system.json(
    'update',
    'apply',
    await release(system, '0.2.1', hanging),
    '--artefact',
    hanging,
    '--home',
    system.nodes[1]?.home ?? '',
  );
  await paused('0.2.1', /not healthy within 8000 ms/);
  // Not the version that it says: it is never started.
  const mislabelled = workshop.build('0.2.2', (tree) => {
    const file = join(tree, 'packages/node/package.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('0.2.2', '0.9.9'));
  });
  const home = system.nodes[2]?.home ?? '';
  await system.json(
    'update',
    'apply',
    await release(system, '0.2.2', mislabelled),
    '--artefact',
    mislabelled,
    '--home',
    home,
  );
  await eventually(
    async () => {
      await using client = system.client(2);
      assert.match((await client.call(updateRoutes.status, {})).waiting ?? '', /holds version 0\.9\.9/);
    },
    { timeoutMs: 60_000 },
  );
  await using client = system.client(0);
  await client.kv.put('still', 'here');
  assert.equal((await client.kv.get('still'))?.text(), 'here');
});

test('T5: one signature too few, a swapped artefact, an expired or a foreign manifest, a release from too far: refused', {
  timeout: 200_000,
}, async () => {
  await using temp = await createTempFolder();
  const workshop = openWorkshop(temp.path);
  await using system = await foundSystem({ nodes: 1, releaseKeys: 3, start: workshop.start });
  const file = join(temp.path, 'artefact.tar.gz');
  writeFileSync(file, 'not even an archive');
  const home = ['--home', system.nodes[0]?.home ?? ''];
  const refusal = async (...words: string[]) => {
    const { code, stderr } = await system.at(0, ...words, '--json');
    assert.notEqual(code, 0);
    return JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error.code;
  };
  const good = await release(system, '0.2.0', file);
  const request = join(temp.path, 'release.request');
  const transcript = ['--transcript', join(system.system, 'transcript.jsonl')];
  await system.json(
    'release',
    'sign',
    '--release',
    '0.2.0',
    '--artefact',
    file,
    ...transcript,
    '--out',
    request,
  );
  const share = join(temp.path, 'one.share');
  const key = ['--key', join(system.system, 'release-1.key'), '--passphrase-file', system.passphraseFile];
  await system.json('keys', 'sign', request, ...key, '--yes', '--system-id', system.systemId, '--out', share);
  assert.equal(await refusal('keys', 'combine', request, share), 'CEREMONY_SHARES_MISSING');
  const { releaseManifestDocument, decodeDocument, encodeCbor } = await import('@p2pos/protocol');
  const { crypto } = await import('../../packages/cli/src/keys.ts');
  const signed = decodeDocument(releaseManifestDocument, readFileSync(good), crypto);
  const few = join(temp.path, 'few.cbor');
  writeFileSync(few, encodeCbor({ body: signed.bodyBytes, signatures: signed.signatures.slice(0, 1) }));
  assert.equal(await refusal('update', 'apply', few), 'RELEASE_SIGNATURE');
  assert.equal(await refusal('release', 'verify', few, ...transcript), 'DOCUMENT_SIGNATURE');

  const soon = await release(system, '0.2.0', file, '--expires', '1s');
  await eventually(async () => assert.equal(await refusal('update', 'check', soon), 'RELEASE_EXPIRED'));
  assert.equal(await refusal('update', 'apply', good, '--artefact', few), 'RELEASE_ARTEFACT');

  const far = await release(system, '0.9.0', file, '--min-from', '0.8.0');
  const foreign = await release(system, '0.2.3', file);
  await using other = await foundSystem({ nodes: 1, releaseKeys: 3 });
  const elsewhere = await other.at(0, 'update', 'check', foreign, '--json');
  assert.equal(JSON.parse(elsewhere.stderr).error.code, 'RELEASE_SIGNATURE');

  // The address serves something else than what was signed: nothing of it is unpacked.
  const server = createServer((_, response) => response.end('something else here'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/artefact`;
    const swapped = await release(system, '0.2.4', file, '--url', url);
    await system.json('update', 'apply', swapped, ...home);
    await using client = system.client(0);
    await eventually(async () => {
      const { waiting, running } = await client.call(updateRoutes.status, {});
      assert.match(waiting ?? '', /RELEASE|hash|refused/);
      assert.equal(running, '0.1.0');
    });
    await system.json('update', 'apply', far, ...home);
    await eventually(async () => {
      const { waiting } = await client.call(updateRoutes.status, {});
      assert.match(waiting ?? '', /from 0\.8\.0 on/);
    });
    await assert.rejects(client.call(updateRoutes.finalize, {}), (error) =>
      isP2posError(error, 'UPDATE_UNFINISHED'),
    );
  } finally {
    server.close();
  }
});
