import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTempFolder } from '../testing/temp-folder.ts';

const EXECUTABLE = fileURLToPath(new URL('../../bin/p2pos-node.mjs', import.meta.url));

function run(...args: string[]): Promise<{ code: number; out: string; complaint: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [EXECUTABLE, ...args], (error, out, complaint) => {
      resolve({ code: error ? Number(error.code) : 0, out, complaint });
    });
  });
}

test('without words it tells its commands and settings', async () => {
  const { code, out } = await run();
  assert.equal(code, 0);
  assert.match(out, /config check .*--kv-max-value-bytes \(size\)/s);
  assert.equal((await run('--help')).out, out);
});

test('--version is that of the package', async () => {
  assert.match((await run('--version')).out, /^\d+\.\d+\.\d+\n$/);
});

test('identity makes a key once and prints its peer id', async () => {
  await using folder = await createTempFolder();
  const home = join(folder.path, 'home');
  const first = await run('identity', '--home', home);
  assert.equal(first.code, 0, first.complaint);
  assert.match(JSON.parse(first.out).peerId, /^12D3KooW/);
  assert.deepEqual(await readdir(home), ['node.key']);
  assert.equal((await run('identity', `--home=${home}`)).out, first.out);
});

test('config show names value and origin, config check all mistakes', async () => {
  await using folder = await createTempFolder();
  const home = folder.path;
  await writeFile(join(home, 'node.toml'), '[kv]\nmax_value_bytes = "1KiB"\n');
  const shown = await run('config', 'show', '--home', home, '--log-level', 'debug');
  assert.match(shown.out, /^max_value_bytes = "1KiB" +# .*node\.toml:2$/m);
  assert.match(shown.out, /^level = "debug" +# --log-level$/m);
  const json = JSON.parse((await run('config', 'show', '--json', '--home', home)).out);
  assert.deepEqual(json.settings['records.replicas'], { value: 3, from: 'default' });
  assert.equal((await run('config', 'check', '--home', home)).code, 0);
  const checked = await run('config', 'check', '--home', home, '--log-level', 'loud', '--log-colour', 'red');
  assert.equal(checked.code, 2);
  assert.deepEqual(checked.complaint.trimEnd().split('\n'), [
    'error: command line: --log-colour is not a flag.',
    '--log-level: log.level is "loud"; allowed are debug, info, warn, error',
  ]);
});

test('mistakes on the command line are one sentence and exit code 2', async () => {
  const mistakes: Record<string, string> = {
    rum: 'command line: rum is not a command. Did you mean run?',
    'config chek': 'command line: config chek is not a command. Did you mean config check?',
    frobnicate:
      'command line: frobnicate is not a command. There are run, identity, config show, config check, join.',
    'run --home': 'command line: --home needs a value',
    join: 'command line: join needs one invitation: p2pos://join/…',
    'run --log-level=': 'command line: --log-level needs a value',
    'identity --hoem=/x': 'command line: --hoem is not a flag. Did you mean --home?',
  };
  await Promise.all(
    Object.entries(mistakes).map(async ([words, complaint]) => {
      assert.deepEqual(await run(...words.split(' ')), {
        code: 2,
        out: '',
        complaint: `error: ${complaint}\n`,
      });
    }),
  );
});

test('a node.toml that cannot be read is a mistake with its place', async () => {
  await using folder = await createTempFolder();
  await mkdir(join(folder.path, 'node.toml'));
  const { code, complaint } = await run('config', 'check', '--home', folder.path);
  assert.equal(code, 2);
  assert.match(complaint, /^error: \/.*\/node\.toml: the file cannot be read: EISDIR[^\n]*\n$/);
});
