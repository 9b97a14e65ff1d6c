/** The guides: what they tell people to type is typed, what they name is there. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { isErrorCode } from '@p2pos/protocol';
import { chromium } from 'playwright-core';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { CLONE, freePorts, p2pctl, startDev } from '../harness.ts';

const CHROMIUM = '/usr/bin/chromium';
const GUIDES = ['first-app.md', 'five-minutes.md', 'consistency.md', 'troubleshooting.md', 'versioning.md'];
const read = (name: string) => readFileSync(join(CLONE, 'docs/guide', name), 'utf8');
const run = promisify(execFile);

/** The first block of the language. */
function block(guide: string, language: string): string {
  const form = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm');
  return form.exec(read(guide))?.[1] ?? assert.fail(`${guide} has no block of ${language}`);
}

function pythonWithModules(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => {
    try {
      execFileSync(python, ['-c', 'import httpx, websockets'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

describe('the guides', () => {
  it('first app: a blank folder, the packed SDK, fifteen lines, the same in Python: two browsers share a live page', async (test) => {
    await using folder = await createTempFolder();
    const app = join(folder.path, 'app');
    const modules = join(app, 'node_modules');
    await run('node', [join(CLONE, 'scripts/pack.ts'), folder.path], { cwd: CLONE });
    for (const name of ['protocol', 'sdk']) {
      const target = join(modules, '@p2pos', name);
      await mkdir(target, { recursive: true });
      const archive = join(folder.path, `p2pos-${name}-0.1.0.tgz`);
      await run('tar', ['xzf', archive, '-C', target, '--strip-components=1']);
    }
    // What npm would bring for it.
    for (const name of ['zod', 'multiformats'])
      await symlink(join(CLONE, 'node_modules', name), join(modules, name));
    const [typescript, python] = [block('first-app.md', 'ts'), block('first-app.md', 'python')];
    assert.ok(typescript.split('\n').filter(Boolean).length <= 15);
    writeFileSync(join(app, 'page.html'), block('first-app.md', 'html'));
    writeFileSync(join(app, 'main.mts'), typescript);
    writeFileSync(join(app, 'main.py'), python);

    await using dev = await startDev({ nodes: 3 });
    assert.equal((await dev.p2pctl('apps', 'create', 'board')).code, 0);
    const { stdout } = await dev.p2pctl('apps', 'tokens', 'create', 'board', 'kv:*');
    await using running = new AsyncDisposableStack();
    const start = async (command: string, file: string, node: number): Promise<string> => {
      const port = String(await freePorts(1));
      const env = { P2POS_URL: dev.node(node).http, P2POS_TOKEN: stdout.trim(), PORT: port };
      const child = spawn(command, [file], {
        cwd: app,
        env: { ...process.env, ...env, PYTHONPATH: join(CLONE, 'python'), PYTHONDONTWRITEBYTECODE: '1' },
        stdio: 'ignore',
      });
      const exited = new Promise((resolve) => child.once('exit', resolve));
      running.defer(async () => {
        child.kill('SIGKILL');
        await exited;
      });
      const url = `http://127.0.0.1:${port}`;
      await eventually(async () => assert.match(await (await fetch(url)).text(), /EventSource/), {
        timeoutMs: 20_000,
      });
      return url;
    };
    const interpreter = pythonWithModules();
    if (!interpreter) test.diagnostic('skipped in Python: needs httpx and websockets');
    const one = await start('node', 'main.mts', 0);
    const two = interpreter ? await start(interpreter, 'main.py', 1) : await start('node', 'main.mts', 1);
    if (!existsSync(CHROMIUM)) return test.skip(`needs ${CHROMIUM}`);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    running.defer(() => browser.close());
    // Two browsers of two people: nothing in common but the system.
    const [anna, ben] = await Promise.all(
      [one, two].map(async (url) => {
        const page = await (await browser.newContext()).newPage();
        await page.goto(url);
        return page;
      }),
    );
    assert.ok(anna && ben);
    for (const [writer, reader, text] of [
      [anna, ben, 'written by Anna\n"ü"'],
      [ben, anna, 'and by Ben'],
    ] as const) {
      await writer.fill('#board', text);
      await eventually(async () => assert.equal(await reader.inputValue('#board'), text), {
        timeoutMs: 20_000,
      });
    }
  });

  it('name only errors, commands and pages that there are', async () => {
    const help = new Map<string, string>();
    const helpOf = async (...words: string[]) => {
      const name = words.join(' ');
      if (!help.has(name)) help.set(name, (await p2pctl(...words, '--help')).stdout);
      return help.get(name) ?? '';
    };
    for (const guide of GUIDES) {
      const text = read(guide);
      for (const [, code = ''] of text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g))
        assert.ok(isErrorCode(code) || code.startsWith('P2POS_') || code === 'PEER_ID', `${guide}: ${code}`);
      for (const [, words = ''] of text.matchAll(/p2pctl ([a-z][a-z ]*[a-z])/g)) {
        const [command = '', order] = words.split(' ');
        const isCommand = (name: string) => new RegExp(`^  ${name}\\b|^  [a-z]+\\|${name}\\b`, 'm');
        assert.match(await helpOf(), isCommand(command), `${guide}: p2pctl ${words}`);
        const own = await helpOf(command);
        if (order && /^Commands:/m.test(own))
          assert.match(own, isCommand(order), `${guide}: p2pctl ${words}`);
      }
      for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
        assert.ok(existsSync(join(CLONE, 'docs/guide', target)), `${guide}: ${target}`);
    }
  });
});
