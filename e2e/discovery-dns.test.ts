/** A node that knows nothing but a domain finds its system: a real DNS server, plain and over HTTPS (here HTTP on loopback). */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fromBase64url } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import {
  createDnsResolver,
  createDohResolver,
  findAddresses,
} from '../packages/node/src/core/discovery/index.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE, type DevSystem, freePorts, startDev } from './harness.ts';

const NODE_MAIN = join(CLONE, 'packages/node/bin/p2pos-node.mjs');
const PEER = '12D3KooWGMYMmN1RGUYjWaSV6P3XtnBjwnosnJGNMnttfVCRnd6g';
const at = (port: number) => `/ip4/192.0.2.1/tcp/${port}/p2p/${PEER}`;
const soon = () => AbortSignal.timeout(10_000);

function missing(): string | false {
  try {
    execFileSync('sh', ['-c', 'command -v dnsmasq']);
    return false;
  } catch {
    return 'skipped: needs dnsmasq (Debian: dnsmasq-base)';
  }
}

async function startDns(records: Record<string, readonly string[]>) {
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const zone = Object.entries(records).flatMap(([name, texts]) =>
    texts.map((text) => `--txt-record=${name},${text}`),
  );
  const child = spawn(
    'dnsmasq',
    [
      ...[
        '--keep-in-foreground',
        '--no-resolv',
        '--no-hosts',
        '--conf-file=/dev/null',
        '--pid-file=',
        '--log-facility=-',
      ],
      ...['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`, '--user=', '--local=/test/'],
      ...zone,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const resolver = createDnsResolver({ servers: [`127.0.0.1:${port}`] });
  await eventually(() => resolver.txt(Object.keys(records)[0] ?? '', { signal: soon() }), {
    timeoutMs: 20_000,
  });
  return {
    port,
    resolver,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** RFC 8484 with GET, in front of that server. */
async function startHttpsFront(dnsPort: number) {
  const server = createServer((request, response) => {
    const question = fromBase64url(new URL(request.url ?? '', 'http://x').searchParams.get('dns') ?? '');
    const socket = createSocket('udp4');
    socket.once('message', (answer) => {
      response.setHeader('content-type', 'application/dns-message').end(answer);
      socket.close();
    });
    socket.send(question, dnsPort, '127.0.0.1');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/dns-query`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('records of a real server, by both ways of asking', { skip: missing(), timeout: 60_000 }, async () => {
  await using dns = await startDns({
    '_dnsaddr.a.test': [
      `dnsaddr=${at(1)}`,
      at(2),
      'v=spf1 -all',
      `dnsaddr=/dnsaddr/b.test/p2p/${PEER}`,
      'dnsaddr=/dnsaddr/a.test',
      'dnsaddr=/dnsaddr/gone.test',
    ],
    'a.test': [at(9)],
    'b.test': [at(3), '/ip4/192.0.2.7/tcp/1'],
    'only.test': [`dnsaddr=${at(4)}`],
    'loop.test': ['dnsaddr=/dnsaddr/loop.test'],
  });
  await using front = await startHttpsFront(dns.port);
  for (const resolver of [dns.resolver, createDohResolver({ fetch }, { url: front.url })]) {
    const find = (domain: string) => findAddresses(resolver, domain, { signal: soon() });
    assert.deepEqual((await find('a.test')).sort(), [at(1), at(2), at(3)]);
    assert.deepEqual(await find('only.test'), [at(4)], 'the bare domain, where the other name has none');
    assert.deepEqual(await find('loop.test'), []);
    assert.deepEqual(await find('nobody.test'), []);
  }
  const dead = createDohResolver({ fetch }, { url: 'http://127.0.0.1:9/' });
  await assert.rejects(dead.txt('a.test', { signal: soon() }), { code: 'DNS_FAILED' });
});

for (const way of ['DNS', 'DNS over HTTPS'] as const) {
  test(`a node finds its system by ${way} in less than five seconds`, {
    skip: missing(),
    timeout: 300_000,
  }, async (t) => {
    await using dev = await startDev({ nodes: 3 });
    const members = [0, 1, 2].map((i) => `dnsaddr=${dev.node(i).p2p[0]}`);
    await using dns = await startDns({ '_dnsaddr.system.test': members });
    await using front = await startHttpsFront(dns.port);
    const lookup =
      way === 'DNS' ? `dns_servers = ["127.0.0.1:${dns.port}"]` : `dns_over_https = "${front.url}"`;
    await joinBy(t, dev, `init_connections = [{ type = "dns", domain = "system.test" }]\n${lookup}`);
  });
}

async function joinBy(t: TestContext, dev: DevSystem, discovery: string): Promise<void> {
  await using folder = await createTempFolder();
  const home = join(folder.path, 'new');
  const port = await freePorts(1);
  await using client = dev.client(0);
  const { systemId } = await client.network.status();
  mkdirSync(home);
  writeFileSync(
    join(home, 'node.toml'),
    `[system]\nid = "${systemId}"\n[net]\nlisten = ["/ip4/127.0.0.1/tcp/0"]\n[discovery]\n${discovery}\n[http]\nlisten = "127.0.0.1:${port}"\n`,
  );
  const { peerId } = JSON.parse(
    execFileSync(process.execPath, [NODE_MAIN, 'identity', '--home', home]).toString(),
  );
  assert.equal((await dev.p2pctl('members', 'add', peerId, '--name', 'new')).code, 0);
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', NODE_MAIN, 'run', '--home', home],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  try {
    let servesAt = 0;
    await eventually(
      async () => {
        const token = readFileSync(join(home, 'token'), 'utf8').trim();
        await using own = connect({ url: `http://127.0.0.1:${port}`, token, maxAttempts: 1 });
        const { state, connected } = await own.network.status();
        servesAt ||= performance.now();
        assert.deepEqual({ state, connected }, { state: 'healthy', connected: 3 });
      },
      { timeoutMs: 30_000, everyMs: 20 },
    );
    const [all, found] = [startedAt, servesAt].map((since) => Math.round(performance.now() - since));
    t.diagnostic(
      `healthy with three connections ${all} ms after its process began, ${found} ms after its door answered`,
    );
    assert.ok(Number(found) < 5_000, `${found} ms`);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
}
