import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDialable } from './host.ts';
import { connectPeer } from './peer.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const system = `sys1${'a'.repeat(52)}`;

test('a page dials WebSockets only, and from a secure page secure ones only', () => {
  const dialable = (address: string, secureOnly = false) => isDialable(`${address}/p2p/${PEER}`, secureOnly);
  assert.equal(dialable('/ip4/127.0.0.1/tcp/4102/ws'), true);
  assert.equal(dialable('/ip4/127.0.0.1/tcp/4102/ws', true), false);
  assert.equal(dialable('/dns4/a.example/tcp/443/wss', true), true);
  assert.equal(dialable('/dns4/a.example/tcp/443/tls/ws', true), true);
  assert.equal(dialable('/ip4/192.0.2.1/tcp/4102/tls/sni/a.example/ws', true), true);
  assert.equal(dialable(`/ip4/127.0.0.1/tcp/4102/ws/p2p/${PEER}/p2p-circuit`), true);
  assert.equal(dialable('/ip4/127.0.0.1/tcp/4100'), false);
  assert.equal(dialable('/ip4/127.0.0.1/udp/4100/quic-v1'), false);
  assert.equal(isDialable('/ip4/127.0.0.1/tcp/4102/ws', false), false);
});

test('what leads nowhere is told at once, with the reason', async () => {
  const refused = (addresses: string[], code: string, reason: RegExp) =>
    assert.rejects(connectPeer({ system, addresses }), (error: Error & { code: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, reason);
      return true;
    });
  await refused([`/ip4/127.0.0.1/tcp/1/p2p/${PEER}`], 'JOIN_UNREACHABLE', /none of them is a WebSocket/);
  await refused([`/ip4/127.0.0.1/tcp/1/ws/p2p/${PEER}`], 'JOIN_UNREACHABLE', /./);
  await refused(['/dnsaddr/example.org'], 'DNS_FAILED', /dnsOverHttps/);
});

test('a domain is asked over HTTPS', async () => {
  const asked: string[] = [];
  const fetch = (async (url: URL) => {
    asked.push(url.host);
    return new Response(null, { status: 500 });
  }) as unknown as typeof globalThis.fetch;
  const options = {
    system,
    addresses: ['/dnsaddr/example.org'],
    dnsOverHttps: 'https://dns.example/q',
    fetch,
  };
  await assert.rejects(connectPeer(options), { code: 'DNS_FAILED' });
  assert.deepEqual(asked, ['dns.example']);
});
