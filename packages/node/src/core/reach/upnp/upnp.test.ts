import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeRouter, type FakeRouterConfig } from '../../../testing/fake-router.ts';
import { parseDevice } from './device.ts';
import { createUpnp, UpnpFailure } from './index.ts';
import type { Router } from './port.ts';
import { readAnswer } from './search.ts';

const { signal } = new AbortController();
const place = { protocol: 'TCP', port: 4_100, outerPort: 4_100, leaseS: 600 } as const;

async function setUp(config: FakeRouterConfig = {}) {
  const fake = await createFakeRouter(config);
  const router = await createUpnp({ fetch }, { places: () => [fake.place] }).find({ signal });
  return { fake, router: router as Router };
}

test('a router of either version is found, asked for its address, and maps and unmaps a port', async () => {
  for (const version of [1, 2] as const) {
    const { fake, router } = await setUp({ version });
    await using _fake = fake;
    assert.equal(router.localHost, '127.0.0.1');
    assert.equal(await router.outerHost({ signal }), '198.51.100.7');
    await router.map(place, { signal });
    assert.deepEqual([...fake.table], [['TCP 4100', { client: '127.0.0.1', port: 4_100, leaseS: 600 }]]);
    await router.unmap(place, { signal });
    assert.equal(fake.table.size, 0);
  }
});

test("a refusal has the router's code and words", async () => {
  const { fake, router } = await setUp({ taken: [4_100] });
  await using _fake = fake;
  await assert.rejects(router.map(place, { signal }), (error: UpnpFailure) => {
    assert.ok(error instanceof UpnpFailure);
    assert.equal(error.code, 718);
    assert.match(error.message, /ConflictInMappingEntry/);
    return true;
  });
});

test('who leads elsewhere, says too much or says nothing of use is no router', async () => {
  const hostile: FakeRouterConfig[] = [
    { location: 'http://192.0.2.1/device.xml' },
    { location: 'https://127.0.0.1/device.xml' },
    { description: 'x'.repeat(70_000) },
    { description: '<root/>' },
  ];
  for (const config of hostile) {
    await using fake = await createFakeRouter(config);
    const limit = AbortSignal.timeout(300);
    await assert.rejects(createUpnp({ fetch }, { places: () => [fake.place] }).find({ signal: limit }));
  }
});

test('an answer counts only for a gateway, on the host that sent it', () => {
  const answer = (st: string, location: string) =>
    readAnswer(`HTTP/1.1 200 OK\r\nst: ${st}\r\nLocation: ${location}\r\n\r\n`, '192.168.1.1')?.href;
  const gateway = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
  assert.equal(answer(gateway, 'http://192.168.1.1:5000/d.xml'), 'http://192.168.1.1:5000/d.xml');
  assert.equal(answer('upnp:rootdevice', 'http://192.168.1.1:5000/d.xml'), undefined);
  assert.equal(answer(gateway, 'http://192.168.1.2:5000/d.xml'), undefined);
  assert.equal(answer(gateway, 'file:///etc/passwd'), undefined);
  assert.equal(readAnswer('NOTIFY * HTTP/1.1\r\n', '192.168.1.1'), undefined);
});

test('a description may not send us elsewhere', () => {
  const at = new URL('http://192.168.1.1:5000/d.xml');
  const device = (control: string, base = '') =>
    parseDevice(
      `<root><URLBase>${base}</URLBase><friendlyName>box</friendlyName><service><serviceType>urn:schemas-upnp-org:service:WANPPPConnection:1</serviceType><controlURL>${control}</controlURL></service></root>`,
      at,
    )?.control.href;
  assert.equal(device('/c'), 'http://192.168.1.1:5000/c');
  assert.equal(device('c', 'http://192.168.1.1:49000/x/'), 'http://192.168.1.1:49000/x/c');
  assert.equal(device('http://10.0.0.1/c'), undefined);
  assert.equal(device('c', 'http://10.0.0.1/'), undefined);
});
