/** Tenants between real processes: made by the command line, used through any node by the SDK, ended everywhere. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { connect } from '../packages/sdk/src/index.ts';
import { startDev } from './harness.ts';

test('T14: two apps on one system: each sees its own through every node, a revoked token ends, a deleted app is gone', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  const p2pctl = async (...words: string[]) => {
    const { code, stdout, stderr } = await dev.p2pctl(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const urls = dev.nodes().map(({ http }) => http);
  await p2pctl('apps', 'create', 'shop');
  await p2pctl('apps', 'create', 'blog', '--requests', '50');
  const shopToken = await p2pctl('apps', 'tokens', 'create', 'shop', 'kv:*', 'pubsub:*', '--label', 'web');
  const blogToken = await p2pctl('apps', 'tokens', 'create', 'blog', 'kv:read', 'kv:write@posts/');
  assert.match(shopToken, /^p2pos_[\w-]{43}$/);

  await using shop = connect({ url: urls, token: shopToken });
  await using blog = connect({ url: urls.toReversed(), token: blogToken });
  await shop.kv.put('posts/1', 'of the shop');
  await blog.kv.put('posts/1', 'of the blog');
  assert.equal((await shop.kv.get('posts/1'))?.text(), 'of the shop');
  assert.equal((await blog.kv.get('posts/1'))?.text(), 'of the blog');
  await assert.rejects(blog.kv.put('drafts/1', 'x'), { code: 'GRANT_MISSING' });
  await assert.rejects(blog.pubsub.publish('news', 'x'), { code: 'GRANT_MISSING' });
  await assert.rejects(blog.apps.list(), { code: 'GRANT_MISSING' });
  assert.deepEqual((await blog.whoami()).grants, ['kv:read', 'kv:write@posts/']);

  // A node dies: both go on through the others.
  dev.kill(0);
  assert.equal((await shop.kv.get('posts/1'))?.text(), 'of the shop');
  await blog.kv.put('posts/2', 'written while a node was dead');
  assert.equal((await blog.kv.get('posts/2'))?.text(), 'written while a node was dead');
  await eventually(async () => {
    const { code } = await dev.p2pctl('status', '--node', '0');
    assert.equal(code, 0);
  });

  const { tokens } = JSON.parse(await p2pctl('apps', 'tokens', 'list', 'blog', '--node', '1', '--json'));
  await p2pctl('apps', 'tokens', 'revoke', 'blog', tokens[0].id, '--node', '1');
  for (const url of urls) {
    await using client = connect({ url, token: blogToken, transport: 'http', maxAttempts: 1 });
    await eventually(
      async () => {
        await assert.rejects(client.kv.get('posts/1'), { code: 'AUTH_REQUIRED' });
      },
      { timeoutMs: 15_000 },
    );
  }

  // The command line as a tenant, and the operator inside an app.
  const tokenFile = join(dev.home, 'shop.token');
  await writeFile(tokenFile, shopToken, { mode: 0o600 });
  const url = urls[1] ?? '';
  assert.equal(await p2pctl('kv', 'get', 'posts/1', '--url', url, '--token-file', tokenFile), 'of the shop');
  assert.match(await p2pctl('whoami', '--url', url, '--token-file', tokenFile), /token \w+ of the app shop/);
  assert.equal(await p2pctl('kv', 'get', 'posts/1', '--app', 'shop', '--node', '1'), 'of the shop');
  const { code, stderr } = await dev.p2pctl('kv', 'get', 'posts/1', '--app', 'shpo', '--node', '1');
  assert.deepEqual([code, /APP_NOT_FOUND/.test(stderr)], [1, true]);

  const unconfirmed = await dev.p2pctl('apps', 'delete', 'shop', '--node', '1');
  assert.match(unconfirmed.stderr, /APP_CONFIRMATION_MISSING/);
  await p2pctl('apps', 'delete', 'shop', '--confirm', 'shop', '--node', '1');
  await eventually(
    async () => {
      await assert.rejects(shop.kv.get('posts/1'), { code: 'AUTH_REQUIRED' });
    },
    { timeoutMs: 15_000 },
  );
  const { entries } = JSON.parse(await p2pctl('audit', '--json', '--node', '2'));
  assert.deepEqual(
    entries
      .map(({ operation, target, outcome }: Record<string, string>) => [operation, target, outcome])
      .slice(0, 3),
    [
      ['apps.delete', 'shop', 'ok'],
      ['apps.delete', 'shop', 'APP_CONFIRMATION_MISSING'],
      ['apps.revokeToken', `blog ${tokens[0].id}`, 'ok'],
    ],
  );
});
