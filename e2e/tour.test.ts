/** The README's tour, line by line, as a newcomer types it; and the clone's own files, read back byte for byte. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { connect } from '../packages/sdk/src/index.ts';
import { CLONE, freePorts } from './harness.ts';

const readme = readFileSync(join(CLONE, 'README.md'), 'utf8');

interface Step {
  readonly command: string;
  /** `…` alone stands for any lines, within a line for any text. */
  readonly expected: string;
}

function stepsOf(text: string): Step[] {
  const blocks = [...text.matchAll(/```console\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((part) => {
      const [command = '', ...lines] = part.trimEnd().split('\n');
      return { command, expected: lines.join('\n') };
    });
}

function pattern(expected: string): RegExp {
  const lines = expected.split('\n').map((line) => {
    if (line === '…') return '(?:[^\\n]*\\n)*?';
    const parts = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return `${parts.join('[^\\n]*')}\\n`;
  });
  return new RegExp(`^${expected === '' ? '' : lines.join('')}$`);
}

test('the tour of the README works as it is written', { timeout: 300_000 }, async () => {
  await using folder = await createTempFolder();
  const port = await freePorts(5);
  const here = (text: string) =>
    text
      .replaceAll('./.p2pos', folder.path)
      .replaceAll('.p2pos/', `${folder.path}/`)
      .replaceAll('4180', String(port))
      .replaceAll('4181', String(port + 1));
  const [start, ...steps] = stepsOf(readme);
  assert.equal(start?.command, 'npm start');
  assert.ok(steps.length >= 8, `${steps.length} steps`);

  const system = spawn('npm', ['start', '--silent', '--', '--home', folder.path, '--port', String(port)], {
    cwd: CLONE,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await using _end = whenDone(() => stop(system));
  let output = '';
  system.stdout.on('data', (chunk) => (output += chunk));
  await eventually(() => assert.match(output, pattern(here(start.expected))), { timeoutMs: 90_000 });

  const files = await trackedFiles();
  for (const { command, expected } of steps) {
    if (command.startsWith('kill')) await readAllBack(folder.path, files);
    const { stdout } = await promisify(execFile)('bash', ['-c', here(command)], {
      cwd: CLONE,
      env: { ...process.env, P2POS_HOME: folder.path },
    }).catch((error: unknown) => {
      throw new Error(`$ ${command}`, { cause: error });
    });
    const ended = stdout === '' || stdout.endsWith('\n') ? stdout : `${stdout}\n`;
    assert.match(ended, pattern(here(expected)), `$ ${command}`);
    if (command.startsWith('kill')) await readAllBack(folder.path, files);
  }
  await eventually(() => system.exitCode !== null, { timeoutMs: 30_000 });
  assert.equal(system.exitCode, 0);
});

async function trackedFiles(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: CLONE });
  return stdout.split('\0').filter((path) => path !== '' && readFileSync(join(CLONE, path)).length <= 65_536);
}

/** Through a node that imported none of them. */
async function readAllBack(home: string, files: readonly string[]): Promise<void> {
  const { nodes } = JSON.parse(readFileSync(join(home, 'dev.json'), 'utf8')) as {
    nodes: { http: string; tokenFile: string }[];
  };
  const node = nodes[2];
  assert.ok(node);
  await using client = connect({ url: node.http, token: readFileSync(node.tokenFile, 'utf8').trim() });
  const queue = files.values();
  const work = async () => {
    for (const path of queue) {
      const entry = await client.kv.get(`clone/${path}`);
      assert.ok(entry && Buffer.compare(entry.value, readFileSync(join(CLONE, path))) === 0, path);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

function whenDone(run: () => Promise<void>): AsyncDisposable {
  return { [Symbol.asyncDispose]: run };
}
