/** A certificate authority and a registration endpoint on this machine: pebble, and a small one of our own in the manner of p2p-forge. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { peerIdFromPublicKey } from '@p2pos/protocol';
import { chooseFreePorts } from '../packages/cli/src/dev/ports.ts';
import { forgeName } from '../packages/node/src/core/autotls/index.ts';
import { KEY_PREFIX, parametersOf, signedBytes } from '../packages/node/src/core/autotls/peer-auth.ts';
import { createSystemClock } from '../packages/node/src/core/clock/index.ts';
import { createNodeCrypto } from '../packages/node/src/core/crypto/index.ts';
import { identityFromSeed } from '../packages/node/src/core/identity/index.ts';
import { silentLogger } from '../packages/node/src/core/log/index.ts';
import { createNet } from '../packages/node/src/core/net/index.ts';
import { createSystemRandom } from '../packages/node/src/core/random/index.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';

export function whyNoAuthority(): string | false {
  for (const program of ['pebble', 'pebble-challtestsrv', 'openssl'])
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
      return `needs ${program} (Debian: ${program === 'openssl' ? program : 'pebble'})`;
  return false;
}

export interface Authority extends AsyncDisposable {
  readonly directoryUrl: string;
  /** The certificate by which the authority itself is reached. */
  readonly caFile: string;
  /** What browsers would have to trust, in PEM. */
  root(): Promise<string>;
  /** Shows the text under `_acme-challenge.<name>` from now on. */
  show(name: string, text: string): Promise<void>;
}

export async function startAuthority(
  folder: string,
  { validityS = 90 * 86_400 }: { readonly validityS?: number } = {},
): Promise<Authority> {
  const [acmePort = 0, managePort = 0, dnsPort = 0, zonePort = 0] = await chooseFreePorts(4);
  const caFile = join(folder, 'pebble.pem');
  const keyFile = join(folder, 'pebble.key');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...[
        '-keyout',
        keyFile,
        '-out',
        caFile,
        '-subj',
        '/CN=pebble',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
      ],
    ],
    { stdio: 'ignore' },
  );
  const configFile = join(folder, 'pebble.json');
  const pebble = {
    listenAddress: `127.0.0.1:${acmePort}`,
    managementListenAddress: `127.0.0.1:${managePort}`,
    certificate: caFile,
    privateKey: keyFile,
    httpPort: 1,
    tlsPort: 1,
    externalAccountBindingRequired: false,
    certificateValidityPeriod: validityS,
  };
  writeFileSync(configFile, JSON.stringify({ pebble }));
  const zone = spawn(
    'pebble-challtestsrv',
    [
      ...['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${zonePort}`],
      ...['-http01', '', '-https01', '', '-tlsalpn01', ''],
    ],
    { stdio: 'ignore' },
  );
  const authority = spawn('pebble', ['-config', configFile, '-dnsserver', `127.0.0.1:${dnsPort}`], {
    stdio: 'ignore',
    // No waiting on purpose, and each order is proved anew.
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0' },
  });
  const ca = readFileSync(caFile);
  const get = (port: number, path: string) =>
    new Promise<string>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, ca }, (response) => {
        let text = '';
        response.on('data', (part) => (text += part)).on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
  await eventually(() => get(acmePort, '/dir'), { timeoutMs: 20_000 });
  return {
    directoryUrl: `https://127.0.0.1:${acmePort}/dir`,
    caFile,
    root: () => get(managePort, '/roots/0'),
    async show(name, text) {
      const body = JSON.stringify({ host: `_acme-challenge.${name}.`, value: text });
      await fetch(`http://127.0.0.1:${zonePort}/set-txt`, { method: 'POST', body });
    },
    async [Symbol.asyncDispose]() {
      for (const child of [zone, authority]) {
        if (child.exitCode !== null) continue;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill();
        await ended;
      }
    },
  };
}

/** As the global one, trusting this certificate too. */
export function fetchTrusting(caFile: string): typeof globalThis.fetch {
  const ca = [...rootCertificates, readFileSync(caFile, 'utf8')];
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(String(input));
      if (url.protocol === 'http:') return resolve(fetch(input, init));
      const { method = 'GET', signal } = init;
      const headers = Object.fromEntries(new Headers(init.headers));
      const options = { method, headers, ca, ...(signal && { signal }) };
      request(url, options, (response) => {
        const parts: Uint8Array[] = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const found = new Headers(response.headersDistinct as unknown as Record<string, string>);
          const { statusCode: status = 0 } = response;
          const body = method === 'HEAD' || status === 204 ? null : Buffer.concat(parts);
          resolve(new Response(body, { status, headers: found }));
        });
      })
        .on('error', reject)
        .end(init.body);
    });
}

export interface Endpoint extends AsyncDisposable {
  readonly url: string;
  readonly domain: string;
  /** What was asked, newest last. */
  readonly asked: readonly { readonly name: string; readonly reached: boolean }[];
  /** From now on it answers 503. */
  fail(isFailing: boolean): void;
}

/** Lends names under the domain to peers that it could dial back, as a public one does. */
export async function startEndpoint(authority: Pick<Authority, 'show'>): Promise<Endpoint> {
  const domain = 'forge.test';
  const random = createSystemRandom();
  const clock = createSystemClock();
  const crypto = createNodeCrypto();
  const identity = identityFromSeed(random.bytes(32));
  const net = await createNet(
    { identity, clock, random, log: silentLogger },
    { listen: [], admit: () => false },
  );
  await net.start();
  const ownKey = Buffer.concat([KEY_PREFIX, identity.signer.publicKey]);
  const challenges = new Set<string>();
  const asked: { name: string; reached: boolean }[] = [];
  let isFailing = false;

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of incoming) body += part;
    if (isFailing) return void response.writeHead(503).end('closed for today');
    const hostname = (incoming.headers.host ?? '').replace(/:\d+$/, '');
    const given = parametersOf(incoming.headers.authorization ?? null);
    const opaque = given.get('opaque') ?? '';
    if (!challenges.delete(opaque)) {
      const challenge = randomBytes(32).toString('base64url');
      challenges.add(challenge);
      const words = `challenge-client="${challenge}", public-key="${ownKey.toString('base64url')}", opaque="${challenge}"`;
      return void response.writeHead(401, { 'www-authenticate': `libp2p-PeerID ${words}` }).end();
    }
    const clientKey = Buffer.from(given.get('public-key') ?? '', 'base64url');
    const raw = clientKey.subarray(KEY_PREFIX.length);
    const signed = signedBytes({ 'challenge-client': opaque, hostname, 'server-public-key': ownKey });
    if (!(await crypto.verify(raw, signed, Buffer.from(given.get('sig') ?? '', 'base64url'))))
      return void response.writeHead(401).end('that is not your signature');
    const { value, addresses } = JSON.parse(body) as { value: string; addresses: string[] };
    const name = forgeName(raw, domain);
    const peer = await net.dial(addresses, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    const isReached = peer === peerIdFromPublicKey(raw);
    asked.push({ name, reached: isReached });
    if (peer) await net.hangUp(peer);
    if (!isReached) return void response.writeHead(400).end('it could not be dialled back');
    await authority.show(name, value);
    const challengeServer = given.get('challenge-server') ?? '';
    const sig = Buffer.from(
      await identity.signer.sign(
        signedBytes({ 'challenge-server': challengeServer, 'client-public-key': clientKey, hostname }),
      ),
    ).toString('base64url');
    response.writeHead(200, { 'authentication-info': `libp2p-PeerID sig="${sig}", bearer="x"` }).end('{}');
  }

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/_acme-challenge`,
    domain,
    asked,
    fail: (failing) => {
      isFailing = failing;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await net[Symbol.asyncDispose]();
    },
  };
}
