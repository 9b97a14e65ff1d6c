/** What the page's server lets through, and from whom. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listenSite } from './site.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Rejects when the connection ends without an answer. */
function ask(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, agent: false });
    asked.on('error', reject);
    asked.on('upgrade', ({ headers: got }, socket) => {
      socket.destroy();
      resolve({ status: 101, headers: got, body: '' });
    });
    asked.on('response', async (answer) => {
      let body = '';
      for await (const chunk of answer) body += chunk;
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
    });
    asked.end();
  });
}

test('the page, its settings and the ways to the nodes are for the page alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'anchat-site-'));
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  writeFileSync(join(folder, 'index.html'), 'the page');
  const asked: IncomingHttpHeaders[] = [];
  const node = createServer(({ url, headers }, answer) => {
    asked.push(headers);
    answer.end(`node: ${url}`);
  });
  node.on('upgrade', (_asked, socket) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  await using _node = { [Symbol.asyncDispose]: async () => void node.close().closeAllConnections() };
  const urls = [`http://127.0.0.1:${(node.address() as AddressInfo).port}`, 'http://127.0.0.1:1'];
  await using site = await listenSite({ urls, token: 't', port: 0, testWallet: false, folder });
  const at = (path: string) => new URL(path, site.url).href;

  const page = await ask(site.url);
  assert.equal(page.body, 'the page');
  assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; script-src 'self'/);
  assert.deepEqual(JSON.parse((await ask(at('settings.json'))).body), {
    nodes: 2,
    token: 't',
    testWallet: false,
  });
  // A name of somebody else's that leads here.
  assert.equal((await ask(at('settings.json'), { host: 'evil.example' })).status, 421);
  for (const path of [
    '/..%2fanchat.token',
    '/.env',
    '/node/2/v1/kv',
    '/node/0/metrics',
    '/node/0/v2/',
    '/node/x/v1/kv',
  ])
    assert.equal((await ask(at(path))).status, 404, path);

  const passed = await ask(at('/node/0/v1/kv/a?b=c'), {
    authorization: 'Bearer t',
    cookie: 'secret',
    origin: 'x',
  });
  assert.equal(passed.body, 'node: /v1/kv/a?b=c');
  assert.equal(asked[0]?.authorization, 'Bearer t');
  assert.equal(asked[0]?.cookie, undefined);
  assert.equal(asked[0]?.origin, undefined);
  // A node that is gone is no answer: the page goes to the next.
  await assert.rejects(ask(at('/node/1/v1/kv')));

  const upgrade = { connection: 'upgrade', upgrade: 'websocket' };
  const origin = site.url.replace(/\/$/, '');
  assert.equal((await ask(at('/node/0/v1/socket'), { ...upgrade, origin })).status, 101);
  for (const wrong of [{ origin: 'http://evil.example' }, { origin, host: 'evil.example' }, {}])
    await assert.rejects(ask(at('/node/0/v1/socket'), { ...upgrade, ...wrong }));
  await assert.rejects(ask(at('/node/1/v1/socket'), { ...upgrade, origin }));
});
