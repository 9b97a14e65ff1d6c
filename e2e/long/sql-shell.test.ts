/** The SQL shell: read from a pipe, and at a keyboard (a pseudo-terminal of Python, where there is one). */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { CLONE, startDev } from '../harness.ts';

const P2PCTL = join(CLONE, 'packages/cli/bin/p2pctl.mjs');
const PYTHON = findPython();

/** Types each part when the one before it has been answered. */
const TYPIST = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
out = b''
seen = 0
def until(text, seconds=20):
    global out, seen
    end = time.time() + seconds
    while text.encode() not in out[seen:]:
        if time.time() > end: sys.exit('no %r in %r' % (text, out[seen:]))
        if select.select([fd], [], [], 0.2)[0]: out += os.read(fd, 65536)
    seen = out.index(text.encode(), seen) + len(text)
until('shop> ')
os.write(fd, b'select count(*) as n fr'); until(' fr')
os.write(fd, b'\\t'); until('om')
os.write(fd, b' ent'); until(' ent')
os.write(fd, b'\\t'); until('ries')
os.write(fd, b';\\r'); until('35000')
until('shop> ')
os.write(fd, b'\\x1b[A'); until('from entries;')
os.write(fd, b'\\r'); until('35000'); until('shop> ')
os.write(fd, b'select oops\\x03'); until('once more'); until('shop> ')
os.write(fd, b'.tables\\r'); until('entries'); until('shop> ')
os.write(fd, b'.exit\\r')
os.waitpid(pid, 0)
`;

test('35 000 rows are imported and open in under a second; at a keyboard there are completion and history', {
  timeout: 300_000,
}, async (t) => {
  await using dev = await startDev({ nodes: 3 });
  await using folder = await createTempFolder();
  const file = join(folder.path, 'entries.csv');
  const lines = Array.from(
    { length: 35_000 },
    (_, i) => `${i},name ${i},${(i * 7) % 1_000},2026-01-${(i % 28) + 1}`,
  );
  await writeFile(file, ['id,name,score,day', ...lines].join('\n'));
  assert.equal((await dev.p2pctl('sql', 'create', 'shop')).code, 0);
  const imported = await dev.p2pctl('sql', 'import', 'shop', 'entries', file);
  assert.match(imported.stdout, /imported 35000/, imported.stderr);

  const env = { ...process.env, HOME: folder.path };
  const shell = (script: string) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = spawn(process.execPath, [P2PCTL, 'sql', 'shell', 'shop', '--home', dev.home], { env });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      child.on('exit', (code) => resolve({ code, stdout, stderr }));
      child.stdin.end(script);
    });
  const script = `.timer on
SELECT * FROM entries;
SELECT count(*) AS n,
  max(score) AS best FROM entries;
.tables
.schema entries
CREATE TABLE made (a); INSERT INTO made VALUES (1), (';');
.mode csv
SELECT * FROM made;
.mode json
SELECT a FROM made WHERE a = 1`;
  const { code, stdout, stderr } = await shell(script);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /35000 +999/);
  assert.match(stdout, /^entries$/m);
  assert.match(stdout, /^CREATE TABLE/m);
  assert.match(stdout, /^a\n1\n;$/m);
  assert.match(stdout, /\{"columns":\["a"\],"rows":\[\[1\]\]\}/);
  assert.match(stderr, /35000 row\(s\), 34900 of them not shown: \.rows 35000/);
  const [, took] = /(\d+) ms/.exec(stderr) ?? [];
  t.diagnostic(`SELECT * of 35 000 rows: ${took} ms in the shell`);
  assert.ok(Number(took) < 1_000, `${took} ms`);
  const wrong = await shell('SELECT nothing;\nSELECT 1;\n');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /SQL_SYNTAX/);
  assert.match(wrong.stdout, /^1$/m);

  if (!PYTHON) return t.diagnostic('skipped at a keyboard: needs python3');
  const words = [process.execPath, P2PCTL, 'sql', 'shell', 'shop', '--home', dev.home];
  execFileSync(PYTHON, ['-c', TYPIST, ...words], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  const remembered = await shell('');
  assert.equal(remembered.code, 0);
});

function findPython(): string | undefined {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return 'python3';
  } catch {
    return undefined;
  }
}
