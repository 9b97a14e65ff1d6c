import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createTestDoor } from '../../testing/http-door.ts';
import { listenFailure } from './port-holder.ts';

const onLinux = { skip: process.platform !== 'linux' };

describe('a port that cannot be had', () => {
  it('names the port, who holds it, and the way out', onLinux, async () => {
    await using door = await createTestDoor();
    await assert.rejects(createTestDoor({ config: { port: door.port } }), (error: unknown) => {
      assert.ok(isP2posError(error, 'PORT_IN_USE'));
      assert.match(
        error.message,
        new RegExp(`^Port ${door.port} on 127.0.0.1 is taken by process ${process.pid} \\(.*node`),
      );
      assert.match(error.message, /--port/);
      return true;
    });
    assert.equal((await fetch(`${door.url}/v1/health`)).status, 200);
  });

  it('says in words what else went wrong', async () => {
    for (const [code, words] of [
      ['EACCES', /may not use that port/],
      ['EADDRNOTAVAIL', /does not have that address/],
      ['ENOTFOUND', /no address/],
      ['EWHATEVER', /something else/],
    ] as const) {
      const error = await listenFailure(Object.assign(new Error('something else'), { code }), 'h', 1);
      assert.equal(error.code, 'LISTEN_FAILED');
      assert.match(error.message, words);
    }
    await assert.rejects(createTestDoor({ config: { host: '192.0.2.1' } }), { code: 'LISTEN_FAILED' });
  });

  it('a port that nobody holds by a process that can be seen is held by another program', async () => {
    const error = await listenFailure(Object.assign(new Error('busy'), { code: 'EADDRINUSE' }), 'h', 65_536);
    assert.match(error.message, /taken by another program/);
  });
});
