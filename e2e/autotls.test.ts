/**
 * AutoTLS, the whole way: a registration endpoint that dials back, a certificate authority that looks the proof up in the DNS,
 * the certificate on the port for WebSockets, and what happens when one of them is away.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { chooseFreePorts } from '../packages/cli/src/dev/ports.ts';
import {
  type Certificate,
  createAutoTls,
  createForgeIssuer,
} from '../packages/node/src/core/autotls/index.ts';
import { createSystemClock } from '../packages/node/src/core/clock/index.ts';
import { createNodeCrypto } from '../packages/node/src/core/crypto/index.ts';
import { identityFromSeed } from '../packages/node/src/core/identity/index.ts';
import { silentLogger } from '../packages/node/src/core/log/index.ts';
import { createNet } from '../packages/node/src/core/net/index.ts';
import { createSystemRandom } from '../packages/node/src/core/random/index.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createManualClock } from '../packages/node/src/testing/manual-clock.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { fetchTrusting, startAuthority, startEndpoint, whyNoAuthority } from './acme.ts';
import { foundSystem } from './founded.ts';
import { CLONE } from './harness.ts';

/** In which the first retry falls, ms; shorter than an attempt may take, since that goes on in real time. */
const RETRY_MS = 75_000;
const SECURE = /\/ip4\/127\.0\.0\.1\/tcp\/(\d+)\/tls\/sni\/(127-0-0-1\.k[0-9a-z]+\.forge\.test)\/ws/;
const skip = whyNoAuthority();

interface Met {
  readonly status: number | undefined;
  readonly serial: string;
}

/** As a browser does for `new WebSocket('wss://name:port')`: the name must be the certificate's, its authority trusted. */
function connectWss(address: string, ca: string | undefined): Promise<Met> {
  const [, port = '', name = ''] = SECURE.exec(address) ?? assert.fail(`${address} is no secure address`);
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ host: `${name}:${port}`, connection: 'Upgrade', upgrade: 'websocket' },
      ...{ 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16, 7).toString('base64') },
    };
    const options = { host: '127.0.0.1', port, servername: name, headers, agent: false };
    request({ ...options, ...(ca !== undefined && { ca }) })
      .on('upgrade', ({ statusCode: status }, socket) => {
        const { serialNumber: serial } = (socket as TLSSocket).getPeerCertificate();
        socket.destroy();
        resolve({ status, serial });
      })
      .on('response', ({ statusCode }) => reject(new Error(`it answers ${statusCode}`)))
      .on('error', reject)
      .end();
  });
}

test('a node gets its certificate, a client that trusts the authority reaches it by wss, and it lasts over a restart', {
  skip,
  timeout: 180_000,
}, async () => {
  await using temp = await createTempFolder();
  await using authority = await startAuthority(temp.path);
  await using endpoint = await startEndpoint(authority);
  const [tcp = 0, ws = 0] = await chooseFreePorts(2);
  const env = {
    NODE_EXTRA_CA_CERTS: authority.caFile,
    P2POS_NET_LISTEN: `/ip4/127.0.0.1/tcp/${tcp},/ip4/127.0.0.1/tcp/${ws}/ws`,
    P2POS_NET_AUTO_TLS: 'on',
    P2POS_NET_AUTO_TLS_DIRECTORY: authority.directoryUrl,
    P2POS_NET_AUTO_TLS_REGISTRATION: endpoint.url,
    P2POS_NET_AUTO_TLS_DOMAIN: endpoint.domain,
  };
  await using system = await foundSystem({ nodes: 1, start: { env } });
  const [node] = system.nodes;
  assert.ok(node);
  assert.deepEqual(
    endpoint.asked.map(({ reached }) => reached),
    [true],
  );
  const [address = ''] = SECURE.exec(system.output(0)) ?? [];
  const met = await connectWss(address, await authority.root());
  assert.equal(met.status, 101);
  await assert.rejects(connectWss(address, undefined), /certificate/, 'who does not trust the authority');
  const file = join(node.home, 'tls/certificate.pem');
  assert.equal(statSync(file).mode & 0o777, 0o600);

  await system.stop(0);
  await system.start(0);
  assert.equal(endpoint.asked.length, 1, 'authorities give few a week: the one that is kept is used');
  assert.deepEqual(await connectWss(address, await authority.root()), met);

  await system.stop(0);
  rmSync(file);
  endpoint.fail(true);
  const command = [join(CLONE, 'packages/cli/bin/p2pctl.mjs'), 'up', '--home', node.home];
  const refused = spawn(process.execPath, command, { env: { ...process.env, ...env } });
  let said = '';
  refused.stderr.on('data', (part) => (said += part));
  const [code] = await once(refused, 'exit');
  assert.notEqual(code, 0);
  assert.match(said, /net\.auto_tls is on[\s\S]*closed for today/);

  await system.start(0, { env: { ...env, P2POS_NET_AUTO_TLS: 'auto' } });
  const told = await eventually(async () => {
    const { checks } = await system.client(0).health();
    const detail = checks.find(({ name }) => name === 'certificate')?.detail ?? '';
    assert.match(detail, /closed for today/);
    return detail;
  });
  assert.match(told, /certificate by which browsers reach this node: /);
  assert.doesNotMatch(readFileSync(join(node.home, 'tls/account.key'), 'utf8'), /CERTIFICATE/);
});

test('it is renewed with a third of its life left, a failure keeps the old one, and new connections meet the new one', {
  skip,
  timeout: 120_000,
}, async () => {
  await using temp = await createTempFolder();
  await using authority = await startAuthority(temp.path);
  await using endpoint = await startEndpoint(authority);
  const random = createSystemRandom();
  const clock = createManualClock({ startAt: Date.now() + 60_000 });
  const identity = identityFromSeed(random.bytes(32));
  await using net = await createNet(
    { identity, clock: createSystemClock(), random, log: silentLogger },
    { listen: ['/ip4/127.0.0.1/tcp/0/ws'], admit: () => false },
  );
  await net.start();
  const account: { text?: string } = {};
  const served: Certificate[] = [];
  const issuer = createForgeIssuer(
    {
      fetch: fetchTrusting(authority.caFile),
      clock: createSystemClock(),
      random,
      crypto: createNodeCrypto(),
      signer: identity.signer,
      addresses: net.addresses,
      account: {
        read: async () => account.text,
        async write(text) {
          account.text = text;
        },
      },
    },
    { directoryUrl: authority.directoryUrl, registrationUrl: endpoint.url, domain: endpoint.domain },
  );
  const serve = (certificate: Certificate) => {
    served.push(certificate);
    net.serveTls?.({ pem: certificate.pem, domain: issuer.name });
  };
  const kept = { read: async () => undefined, write: async () => {} };
  await using tls = await createAutoTls(
    { issuer, kept, serve, clock, random, log: silentLogger },
    { mode: 'on' },
  );
  const address = net.addresses().find((one) => SECURE.test(one)) ?? assert.fail(net.addresses().join());
  const root = await authority.root();
  const first = await connectWss(address, root);

  endpoint.fail(true);
  const { notBeforeMs = 0, notAfterMs = 0 } = served[0] ?? {};
  await clock.advance(notAfterMs - (notAfterMs - notBeforeMs) / 3 - clock.now());
  await eventually(() => assert.match(tls.problem() ?? '', /closed for today/), { timeoutMs: 30_000 });
  assert.equal(tls.current(), served[0], 'the old one is still valid');
  assert.equal((await connectWss(address, root)).serial, first.serial);

  endpoint.fail(false);
  await clock.advance(RETRY_MS);
  await eventually(() => assert.equal(served.length, 2, tls.problem()), { timeoutMs: 30_000 });
  assert.equal(tls.problem(), undefined);
  assert.notEqual((await connectWss(address, root)).serial, first.serial);
});
