/** Foreign pages stay out: names pointed at this machine, requests across origins, cookies sent by themselves. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createTestDoor, type TestDoor } from '../../testing/http-door.ts';
import { exchangeRaw, rawRequest } from '../../testing/raw-http.ts';

describe('who may talk to the door', () => {
  let door: TestDoor;
  before(async () => {
    door = await createTestDoor({ config: { allowedHosts: ['Node.Example.org'] } });
  });
  after(() => door[Symbol.asyncDispose]());

  const ask = (line: string, headers: Record<string, string>) =>
    exchangeRaw(door.port, rawRequest(line, headers));
  const own = () => `127.0.0.1:${door.port}`;

  const paths = ['/v1/health', '/metrics', '/openapi.json', '/', '/v1/kv/a', '/nowhere'];

  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a@127.0.0.1',
    '127.1',
    '0x7f.1',
    '[::1',
    '[evil]',
    '',
  ]) {
    it(`rebinding: nothing is answered under the host ${JSON.stringify(host)}`, async () => {
      for (const path of paths) {
        const answer = await ask(`GET ${path}`, { host, authorization: `Bearer ${door.token}` });
        assert.equal(answer.status, 403, path);
        assert.equal(answer.headers['x-p2pos-error'], 'HOST_REFUSED');
      }
    });
  }

  for (const host of [
    '127.0.0.1',
    '127.0.0.1:9',
    'localhost:4180',
    'LOCALHOST',
    '[::1]:80',
    '10.1.2.3',
    'node.example.org:443',
  ]) {
    it(`answers under the host ${host}`, async () => {
      assert.equal((await ask('GET /v1/health', { host })).status, 200);
    });
  }

  for (const origin of [
    'http://evil.example',
    'null',
    'http://127.0.0.1:1',
    'https://127.0.0.1',
    'file://',
  ]) {
    it(`refuses pages of ${origin}, with the token too`, async () => {
      for (const path of paths) {
        const headers = { origin, host: own(), authorization: `Bearer ${door.token}` };
        assert.equal((await ask(`GET ${path}`, headers)).headers['x-p2pos-error'], 'ORIGIN_REFUSED', path);
      }
      const preflight = await ask('OPTIONS /v1/kv/a', {
        origin,
        host: own(),
        'access-control-request-method': 'PUT',
      });
      assert.equal(preflight.status, 403);
    });
  }

  it('allows no cross-origin reading at all', async () => {
    const answer = await ask('GET /v1/health', { host: own(), origin: `http://${own()}` });
    assert.equal(answer.status, 200);
    assert.deepEqual(
      Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
      [],
    );
  });

  it('refuses what a foreign page embeds, allows following a link', async () => {
    const site = (mode: string, dest: string, from = 'cross-site') => ({
      host: own(),
      'sec-fetch-site': from,
      'sec-fetch-mode': mode,
      'sec-fetch-dest': dest,
    });
    for (const headers of [
      site('no-cors', 'script'),
      site('no-cors', 'image', 'same-site'),
      site('navigate', 'iframe'),
      site('cors', 'empty'),
    ]) {
      assert.equal((await ask('GET /openapi.json', headers)).status, 403);
    }
    assert.equal((await ask('GET /', site('navigate', 'document'))).status, 401);
    assert.equal((await ask('GET /v1/health', site('cors', 'empty', 'same-origin'))).status, 200);
    assert.equal((await ask('GET /v1/health', site('navigate', 'document', 'none'))).status, 200);
    assert.equal((await ask('POST /v1/session/link', site('navigate', 'document'))).status, 403);
  });

  it('what needs no token on loopback needs one when a proxy hands the request on', async () => {
    for (const path of ['/v1/health', '/metrics', '/openapi.json']) {
      assert.equal((await ask(`GET ${path}`, {})).status, 200);
      for (const name of ['x-forwarded-for', 'forwarded']) {
        assert.equal((await ask(`GET ${path}`, { [name]: 'for=1.2.3.4' })).status, 401);
        const headers = { [name]: 'for=1.2.3.4', authorization: `Bearer ${door.token}` };
        assert.equal((await ask(`GET ${path}`, headers)).status, 200);
      }
    }
  });
});
