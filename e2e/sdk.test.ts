/** The client against real doors: its README, a node that goes away, data of every kind. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { connect } from '@p2pos/sdk';
import fc from 'fast-check';
import { createTestDoor } from '../packages/node/src/testing/http-door.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';

const root = join(import.meta.dirname, '..');

describe('the client', () => {
  it('does what its README shows', async () => {
    const readme = await readFile(join(root, 'packages/sdk/README.md'), 'utf8');
    const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    await using folder = await createTempFolder();
    await symlink(join(root, 'node_modules'), join(folder.path, 'node_modules'));
    await writeFile(join(folder.path, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder.path, 'example.ts'), example);
    await using door = await createTestDoor();
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder.path, 'example.ts')], {
      env: { ...process.env, P2POS_URL: `http://127.0.0.1:1,${door.url}`, P2POS_TOKEN: door.token },
    });
    assert.equal(stdout, 'on 1 disk(s)\nhello\ngreetings/world\nfalse\n');
  });

  it('brings back any bytes under any key', async () => {
    await using door = await createTestDoor();
    await using client = connect({ url: door.url, token: door.token });
    const keys = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 100 })
      .filter((key) => key.isWellFormed() && !/^\.\.?$/.test(key));
    await fc.assert(
      fc.asyncProperty(keys, fc.uint8Array({ maxLength: 300 }), async (key, value) => {
        await client.kv.put(key, value);
        assert.deepEqual((await client.kv.get(key))?.value, value);
        assert.equal((await client.kv.head(key))?.size, value.length);
      }),
      { numRuns: 40 },
    );
    const largest = crypto.getRandomValues(new Uint8Array(65_536));
    await client.kv.put('largest', largest);
    assert.deepEqual((await client.kv.get('largest'))?.value, largest);
    await assert.rejects(client.kv.put('larger', new Uint8Array(65_537)), {
      code: 'KV_VALUE_TOO_LARGE',
      status: 413,
    });
  });

  it('lists page after page, from the start to where the reader stops', async () => {
    await using door = await createTestDoor();
    await using client = connect({ url: door.url, token: door.token });
    const keys = Array.from({ length: 25 }, (_, index) => `n/${String(index).padStart(2, '0')}`);
    await Promise.all(keys.map((key) => client.kv.put(key, '')));
    await client.kv.put('other', '');
    assert.deepEqual(await Array.fromAsync(client.kv.list({ prefix: 'n/', pageSize: 10 })), keys);
    const seen: string[] = [];
    for await (const key of client.kv.list({ pageSize: 2 })) {
      seen.push(key);
      if (seen.length === 3) break;
    }
    assert.deepEqual(seen, keys.slice(0, 3));
    assert.equal(await client.kv.get('nothing'), undefined);
    assert.equal(await client.kv.head('nothing'), undefined);
    assert.equal((await client.kv.delete('nothing')).existed, false);
  });

  it('goes on with another node when one goes away', async () => {
    const gone = await createTestDoor();
    await using stays = await createTestDoor({ config: { tokenFile: gone.tokenFile } });
    await using client = connect({ url: [gone.url, stays.url], token: gone.token });
    await client.kv.put('a', 'first');
    await gone[Symbol.asyncDispose]();
    await client.kv.put('a', 'second');
    assert.equal((await client.kv.get('a'))?.text(), 'second');
  });

  it('keeps apps apart', async () => {
    await using door = await createTestDoor();
    await using shop = connect({ url: door.url, token: door.token, app: 'shop' });
    await using own = connect({ url: door.url, token: door.token });
    await shop.kv.put('a', '1');
    assert.equal(await own.kv.exists('a'), false);
    assert.equal(await shop.kv.exists('a'), true);
  });

  it('needs a token but for health', async () => {
    await using door = await createTestDoor();
    await using client = connect({ url: door.url });
    assert.equal((await client.health()).status, 'ok');
    await assert.rejects(client.kv.get('a'), { code: 'AUTH_REQUIRED' });
  });
});
