/** What install.sh makes of an installation that is there already; its archives hold a version and nothing that runs. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE } from './harness.ts';

async function openMachine() {
  const folder = await createTempFolder();
  const at = (...parts: string[]) => join(folder.path, ...parts);
  const prefix = at('.local/share/p2pos');
  const env = {
    HOME: folder.path,
    XDG_CONFIG_HOME: at('.config'),
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
  };
  let archives = 0;

  return {
    folder,
    prefix,
    /** Answers what it says. */
    install(version: string, content = '') {
      const tree = at(`tree${++archives}`);
      const archive = at(`${archives}.tar.gz`);
      for (const part of ['packages/node/bin', 'packages/cli/bin', 'deploy'])
        mkdirSync(join(tree, part), { recursive: true });
      const write = (file: string, text: string) => writeFileSync(join(tree, file), `${text}\n`);
      write('packages/node/bin/p2pos-node.mjs', `console.log('${version}');${content}`);
      write('packages/node/bin/p2pos-launcher.mjs', `// of ${version}`);
      write('packages/cli/bin/p2pctl.mjs', `console.log('${version}', process.argv.slice(2).join())`);
      write('deploy/p2pos.service', `# of ${version}`);
      execFileSync('tar', ['-czf', archive, '-C', tree, '.']);
      const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
      const words = ['--archive', archive, '--sha256', sha256];
      // No service manager is told: there is none for this home.
      const script = join(CLONE, 'deploy/install.sh');
      const { status, stdout, stderr } = spawnSync('sh', [script, ...words, '--no-service'], {
        env,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      return stdout;
    },
    state: () => JSON.parse(readFileSync(join(prefix, 'state.json'), 'utf8')),
    setState: (state: unknown) => writeFileSync(join(prefix, 'state.json'), JSON.stringify(state)),
    /** What the command says: its version and its words. */
    command: (...words: string[]) => {
      const { stdout, stderr } = spawnSync(at('.local/bin/p2pctl'), words, { env, encoding: 'utf8' });
      return (stdout + stderr).trim();
    },
    /** Of which version the launcher is. */
    launcher: () => readFileSync(join(prefix, 'launcher.mjs'), 'utf8').trim(),
    entry: (version: string) =>
      readFileSync(join(prefix, 'versions', version, 'packages/node/bin/p2pos-node.mjs'), 'utf8'),
  };
}

test('install.sh takes a node forward, and never back from what it updated itself to', async () => {
  const machine = await openMachine();
  await using _ = machine.folder;
  const { install, state, setState, command, launcher } = machine;
  install('1.2.0');
  assert.deepEqual(state(), { current: '1.2.0' });
  for (const [version, runs] of [
    ['1.10.0-beta.2', '1.10.0-beta.2'],
    ['1.9.9', '1.10.0-beta.2'],
    ['1.10.0-beta.1', '1.10.0-beta.2'],
    ['1.10.0-beta.10', '1.10.0-beta.10'],
    ['1.10.0', '1.10.0'],
    ['1.10.0-rc.1', '1.10.0'],
  ] as const) {
    const said = install(version);
    assert.deepEqual([state(), command(), launcher()], [{ current: runs }, runs, `// of ${runs}`], version);
    if (version !== runs) assert.match(said, new RegExp(`${runs} runs, .*left as it is`));
  }
  const failed = { current: '1.2.0', failed: { version: '1.10.0', reason: 'it ended with 3' } };
  setState(failed);
  assert.match(install('1.2.0'), /there already/);
  assert.deepEqual([state(), command('a b', '$c')], [failed, '1.2.0 a b,$c']);
});

test('install.sh leaves an update on trial to the launcher, and repairs a file that cannot be read', async () => {
  const machine = await openMachine();
  await using _ = machine.folder;
  const { install, state, setState, command, launcher } = machine;
  install('1.0.0');
  install('1.1.0');
  const trial = { current: '1.1.0', trial: { from: '1.0.0', timeoutMs: 120_000, starts: 1 } };
  setState(trial);
  assert.match(install('1.2.0'), /an update to 1\.1\.0 is on trial/);
  assert.deepEqual([state(), command(), launcher()], [trial, '1.1.0', '// of 1.0.0']);
  writeFileSync(join(machine.prefix, 'state.json'), '{"curr');
  assert.match(command(), /^error: no version of P2POS lies in .*run install\.sh again$/);
  install('1.1.0');
  assert.deepEqual(state(), { current: '1.1.0' });
});

test('install.sh takes another archive of a version that does not run, and leaves the one that does', async () => {
  const machine = await openMachine();
  await using _ = machine.folder;
  const { install, entry, setState } = machine;
  install('1.0.0');
  install('1.1.0');
  setState({ current: '1.0.0' });
  install('1.1.0', '// built again');
  assert.match(entry('1.1.0'), /built again/);
  install('1.1.0', '// and again');
  assert.match(entry('1.1.0'), /built again/);
});
