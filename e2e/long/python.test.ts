/** The Python client against real processes: its tests, its types, its wheel in an environment of its own. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createTestDoor } from '../../packages/node/src/testing/http-door.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { CLONE, startDev } from '../harness.ts';

const FOLDER = join(CLONE, 'python');

/** The first Python that has the modules; else why there is none. */
function findPython(...modules: string[]): { readonly python: string } | { readonly skip: string } {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      execFileSync(
        python,
        ['-c', `import ${['sys', ...modules].join(', ')}; assert sys.version_info >= (3, 11)`],
        {
          stdio: 'ignore',
        },
      );
      return { python };
    } catch {
      // the next
    }
  }
  return { skip: `skipped: needs Python 3.11 with ${modules.join(', ')}` };
}

function run(
  command: string,
  words: readonly string[],
  { env = {}, cwd = FOLDER }: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<string> {
  const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env };
  return new Promise((resolve, reject) => {
    execFile(command, words, { cwd, env: environment, timeout: 300_000 }, (error, stdout, stderr) =>
      error ? reject(new Error(`${words.join(' ')}\n${stdout}${stderr}`)) : resolve(stdout),
    );
  });
}

const tests = findPython('httpx', 'websockets', 'pytest');
const types = findPython('httpx', 'websockets', 'mypy');
const builds = findPython('httpx', 'websockets', 'hatchling', 'ensurepip');

describe('the Python client', () => {
  it('does against three nodes what its tests say', { skip: 'skip' in tests && tests.skip }, async () => {
    assert.ok('python' in tests);
    await using dev = await startDev({ nodes: 3 });
    await using folder = await createTempFolder();
    const made = await dev.p2pctl('apps', 'create', 'python');
    assert.equal(made.code, 0, made.stderr);
    const { stdout: token } = await dev.p2pctl(
      'apps',
      'tokens',
      'create',
      'python',
      'kv:*',
      'pubsub:*',
      'sql:*',
    );
    const env = {
      PYTHONPATH: FOLDER,
      P2POS_URL: dev
        .nodes()
        .map(({ http }) => http)
        .join(','),
      P2POS_TOKEN: token.trim(),
      P2POS_OPERATOR_TOKEN: dev.token(0),
    };
    const words = ['-m', 'pytest', '-p', 'no:cacheprovider', '-rs', join(FOLDER, 'tests')];
    const output = await run(tests.python, words, { env, cwd: folder.path });
    assert.match(output, /\d+ passed/);
    console.log(output.trim().split('\n').slice(-3).join('\n'));
  });

  it('keeps its types under mypy --strict', { skip: 'skip' in types && types.skip }, async () => {
    assert.ok('python' in types);
    await using folder = await createTempFolder();
    const words = ['-m', 'mypy', '--strict', '--cache-dir', folder.path, 'p2pos'];
    assert.match(await run(types.python, words), /no issues found/);
  });

  it('is a wheel that works in an environment of its own', {
    skip: 'skip' in builds && builds.skip,
  }, async () => {
    assert.ok('python' in builds);
    await using folder = await createTempFolder();
    // Blank but for what the client stands on.
    const standing =
      "import hatchling, httpx, os, websockets as w; print(*{os.path.dirname(os.path.dirname(m.__file__)) for m in (hatchling, httpx, w)}, sep=':')";
    const PYTHONPATH = (await run(builds.python, ['-c', standing])).trim();
    const venv = join(folder.path, 'venv');
    const dist = join(folder.path, 'dist');
    await run(builds.python, ['-m', 'venv', venv]);
    const pip = (...words: string[]) =>
      run(join(venv, 'bin/pip'), ['--disable-pip-version-check', ...words], { env: { PYTHONPATH } });
    await pip('wheel', '--no-build-isolation', '--no-deps', '--no-index', '-w', dist, FOLDER);
    const [wheel = ''] = readdirSync(dist);
    assert.match(wheel, /^p2pos-.*\.whl$/);
    await pip('install', '--no-deps', '--no-index', join(dist, wheel));
    await using door = await createTestDoor();
    const example =
      /```python\n([\s\S]*?)```/.exec(readFileSync(join(FOLDER, 'README.md'), 'utf8'))?.[1] ?? '';
    const env = { P2POS_URL: `http://127.0.0.1:1,${door.url}`, P2POS_TOKEN: door.token, PYTHONPATH };
    const words = ['-c', `${example}\nprint(p2pos.__file__)`];
    const output = await run(join(venv, 'bin/python'), words, { env, cwd: folder.path });
    assert.match(
      output,
      /^on 1 disk\(s\)\nhello\ngreetings\/world\nFalse\n.*\/venv\/lib\/.*\/p2pos\/__init__.py\n$/,
    );
  });
});
