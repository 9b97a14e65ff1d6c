/** The page's session in a real browser: the link, the cookie, the policy, and a foreign page beside it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { contract } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { chromium } from 'playwright-core';
import { createTestDoor } from '../packages/node/src/testing/http-door.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';

const executablePath = '/usr/bin/chromium';

/** Writes, reads it back, and shows what it read; inline script and style must do nothing. */
const PAGE = `<!doctype html><title>page</title><h1 style="color: rgb(1, 2, 3)">waiting</h1>
<script>document.title = 'inline ran'</script><script type="module" src="/main.js"></script>`;
const MAIN = `const put = await fetch('/v1/kv/from-page', { method: 'PUT', body: 'hello' });
const text = await (await fetch('/v1/kv/from-page')).text();
document.querySelector('h1').textContent = put.status + ' ' + text + ' ' + document.cookie;`;

describe('the page in a browser', { skip: !existsSync(executablePath) }, () => {
  it('opens by a link, works with its cookie, and keeps foreign pages out', async () => {
    await using folder = await createTempFolder();
    await writeFile(join(folder.path, 'index.html'), PAGE);
    await writeFile(join(folder.path, 'main.js'), MAIN);
    await using door = await createTestDoor({ config: { pageFolder: folder.path } });
    await using client = connect({ url: door.url, token: door.token });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    await using _browser = { [Symbol.asyncDispose]: () => browser.close() };
    const context = await browser.newContext();
    const page = await context.newPage();

    await page.goto(door.url);
    assert.match((await page.textContent('body')) ?? '', /p2pctl open/);

    const { url } = await client.call(contract.session.link, {});
    await page.goto(url);
    await page.waitForURL(`${door.url}/`);
    const heading = page.locator('h1');
    await page.waitForFunction(() => document.querySelector('h1')?.textContent !== 'waiting');
    assert.equal(await heading.textContent(), '200 hello ');
    assert.equal(await page.title(), 'page');
    assert.notEqual(await heading.evaluate((node) => getComputedStyle(node).color), 'rgb(1, 2, 3)');

    // Another port of the same host is another origin, but the same site: the cookie goes along.
    const foreign = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<h1>foreign</h1>');
    });
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    await using _foreign = { [Symbol.asyncDispose]: async () => void foreign.close() };
    const other = await context.newPage();
    await other.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`);
    const outcome = await other.evaluate(async (base) => {
      const tries: string[] = [];
      const attempt = async (name: string, run: () => Promise<unknown>) => {
        tries.push(`${name}: ${await run().then(String, () => 'refused')}`);
      };
      const read = { credentials: 'include' } as const;
      await attempt('read', () => fetch(`${base}/v1/kv/from-page`, read));
      await attempt('write', () =>
        fetch(`${base}/v1/kv/from-page`, { ...read, method: 'PUT', body: 'evil' }),
      );
      await attempt('link', () =>
        fetch(`${base}/v1/session/link`, { ...read, method: 'POST', mode: 'no-cors' }),
      );
      await attempt(
        'script',
        () =>
          new Promise((resolve, reject) => {
            const script = document.createElement('script');
            script.onload = () => resolve('loaded');
            script.onerror = reject;
            script.src = `${base}/main.js`;
            document.head.append(script);
          }),
      );
      return tries;
    }, door.url);
    assert.deepEqual(outcome, ['read: refused', 'write: refused', 'link: refused', 'script: refused']);
    assert.equal((await client.kv.get('from-page'))?.text(), 'hello');
    const metrics = await (await fetch(`${door.url}/metrics`)).text();
    assert.match(metrics, /operation="session\.link",status="403"\} 1\n/);
  });
});
