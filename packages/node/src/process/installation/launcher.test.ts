/** The launcher as a process; the versions are scripts of a few words. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../testing/eventually.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/p2pos-launcher.mjs', import.meta.url));
const A = '1.0.0';
const B = '1.1.0';
const C = '1.2.0';
/** What scripts begin with: `folder`, `state(value)` as the node writes it, `stay()` until told to end. */
const WORDS = `
  import { existsSync, renameSync, writeFileSync } from 'node:fs';
  const folder = process.argv.at(-1);
  const state = (value) => {
    writeFileSync(folder + '/state.json.node', JSON.stringify(value));
    renameSync(folder + '/state.json.node', folder + '/state.json');
  };
  const trial = (from) => ({ from, timeoutMs: 60000, starts: 0 });
  const stay = () => setInterval(() => {}, 1000);
`;

async function openInstallation(first: unknown, versions: Readonly<Record<string, string>>) {
  const folder = await createTempFolder();
  for (const [version, script] of Object.entries(versions)) {
    const bin = join(folder.path, 'versions', version, 'packages/node/bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'p2pos-node.mjs'), `${WORDS}${script}`);
  }
  const stateFile = join(folder.path, 'state.json');
  writeFileSync(stateFile, JSON.stringify(first));
  let output = '';
  const child = spawn(process.execPath, [LAUNCHER, folder.path, 'run'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = once(child, 'exit');
  return {
    child,
    path: folder.path,
    /** Resolves to its exit code. */
    ended: ended.then(([code]) => code as number | null),
    output: () => output,
    state: () => JSON.parse(readFileSync(stateFile, 'utf8')),
    launched: () => [...output.matchAll(/action=launch version="([^"]+)"/g)].map(([, version]) => version),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await folder[Symbol.asyncDispose]();
    },
  };
}

const timed = { timeout: 30_000 };

for (const [how, end] of [
  ['with an error', 'process.exit(1)'],
  ['by force', "process.kill(process.pid, 'SIGKILL')"],
]) {
  test(`a version that was chosen runs, though the one before it ended ${how}`, timed, async () => {
    await using installation = await openInstallation(
      { current: A },
      {
        [A]: `state({ current: '${B}', trial: trial('${A}') }); ${end};`,
        [B]: `state({ current: '${C}', trial: trial('${B}') }); ${end};`,
        [C]: `state({ current: '${C}' }); process.exit(3);`,
      },
    );
    assert.equal(await installation.ended, 3);
    assert.deepEqual(installation.launched(), [A, B, C]);
    assert.deepEqual(installation.state(), { current: C });
  });
}

test('a version that ran on trial and ended, or was late, is gone back from', timed, async () => {
  const late = { from: A, timeoutMs: 300, starts: 0 };
  for (const [script, reason, trial] of [
    ['process.exit(4)', 'it ended with 4', { ...late, timeoutMs: 60_000 }],
    ['stay()', 'it was not healthy within 300 ms', late],
  ] as const) {
    await using installation = await openInstallation(
      { current: B, trial },
      { [A]: 'process.exit(0)', [B]: script },
    );
    assert.equal(await installation.ended, 0);
    assert.deepEqual(installation.launched(), [B, A]);
    assert.deepEqual(installation.state(), { current: A, failed: { version: B, reason } });
  }
});

test(
  'a disk on which nothing can be written stops neither the way back nor the next start',
  timed,
  async () => {
    await using installation = await openInstallation(
      { current: B, trial: { from: A, timeoutMs: 60_000, starts: 0 } },
      {
        [A]: 'stay()',
        // The draft of the state cannot be opened: a folder is there.
        [B]: `const block = folder + '/state.json.launcher'; const fs = await import('node:fs');
            if (!existsSync(block)) { fs.mkdirSync(block); process.exit(75); } process.exit(4);`,
      },
    );
    await eventually(() => assert.deepEqual(installation.launched(), [B, B, A]));
    assert.match(installation.output(), /action=state_unwritten/);
    assert.equal(installation.state().current, B);
    rmSync(join(installation.path, 'state.json.launcher'), { recursive: true });
    await eventually(() =>
      assert.deepEqual(installation.state(), {
        current: A,
        failed: { version: B, reason: 'it ended with 4' },
      }),
    );
  },
);

test('what the node wrote after a state that could not be written counts', timed, async () => {
  await using installation = await openInstallation(
    { current: B, trial: { from: A, timeoutMs: 60_000, starts: 0 } },
    {
      [A]: `state({ current: '${C}', trial: trial('${A}') }); process.exit(75);`,
      [B]: `(await import('node:fs')).mkdirSync(folder + '/state.json.launcher'); process.exit(4);`,
      [C]: `state({ current: '${C}' }); process.exit(5);`,
    },
  );
  assert.equal(await installation.ended, 5);
  assert.deepEqual(installation.launched(), [B, A, C]);
  assert.ok(existsSync(join(installation.path, 'state.json.launcher')));
});
