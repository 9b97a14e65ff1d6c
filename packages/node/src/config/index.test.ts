import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import fc from 'fast-check';
import { createTempFolder } from '../testing/temp-folder.ts';
import { homeFrom, loadConfig, NAMED_SETTINGS, showConfig } from './index.ts';

const flags = (entries: Record<string, string | string[]>) =>
  new Map(Object.entries(entries).map(([name, value]) => [name, [value].flat()]));

async function load(
  toml: string,
  { env = {}, flag = {} }: { env?: Record<string, string>; flag?: Record<string, string | string[]> } = {},
) {
  await using folder = await createTempFolder();
  await writeFile(join(folder.path, 'node.toml'), toml);
  try {
    return loadConfig({ home: folder.path, env, flags: flags(flag) });
  } catch (error) {
    assert.ok(isP2posError(error, 'CONFIG_INVALID'), String(error));
    throw new Error(error.message.replaceAll(folder.path, 'HOME'));
  }
}

async function complaint(toml: string, sources?: Parameters<typeof load>[1]): Promise<string> {
  try {
    await load(toml, sources);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

test('without a file every setting has its default', async () => {
  await using folder = await createTempFolder();
  const { config, origins } = loadConfig({ home: folder.path, env: {} });
  assert.equal(config.kv.maxValueBytes, 65_536);
  assert.equal(config.liveness.pingIntervalMs, 2_000);
  assert.deepEqual(config.http.listen, { host: '127.0.0.1', port: 4_180 });
  assert.equal(config.system.id, undefined);
  assert.ok([...origins.values()].every((origin) => origin === 'default'));
});

test('a flag goes before a variable, a variable before the file, the file before the default', async () => {
  const toml = '[records]\nreplicas = 5\nwrite_timeout = "2s"\nread_timeout = "3s"\n';
  const env = { P2POS_RECORDS_REPLICAS: '4', P2POS_RECORDS_WRITE_TIMEOUT: '1500ms' };
  const { config, origins } = await load(toml, { env, flag: { 'records-replicas': '7' } });
  assert.deepEqual(config.records, {
    replicas: 7,
    writeTimeoutMs: 1_500,
    readTimeoutMs: 3_000,
    keepDeletedMs: 86_400_000,
    scrubMs: 604_800_000,
  });
  assert.equal(origins.get('records.replicas'), '--records-replicas');
  assert.equal(origins.get('records.write_timeout'), 'P2POS_RECORDS_WRITE_TIMEOUT');
  assert.match(origins.get('records.read_timeout') ?? '', /node\.toml:4$/);
});

test('lists, sizes and addresses read alike from file, variable and flag', async () => {
  const listen = ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/udp/4100/quic-v1'];
  const toml = `net.listen = ${JSON.stringify(listen)}\nkv = { max_value_bytes = "1KiB" }\nhttp.listen = "[::1]:0"`;
  const fromFile = await load(toml);
  const env = {
    P2POS_NET_LISTEN: listen.join(', '),
    P2POS_KV_MAX_VALUE_BYTES: '1024',
    P2POS_HTTP_LISTEN: '[::1]:0',
  };
  const flag = { 'net-listen': listen, 'kv-max-value-bytes': '1KiB', 'http-listen': '[::1]:0' };
  assert.deepEqual(fromFile.config.net.listen, listen);
  assert.equal(fromFile.config.kv.maxValueBytes, 1_024);
  assert.deepEqual(fromFile.config.http.listen, { host: '::1', port: 0 });
  assert.deepEqual((await load('', { env })).config, fromFile.config);
  assert.deepEqual((await load('', { flag })).config, fromFile.config);
});

test('LOG_LEVEL is another name of log.level and gives way to its own', async () => {
  assert.equal((await load('', { env: { LOG_LEVEL: 'warn' } })).config.log.level, 'warn');
  const env = { LOG_LEVEL: 'warn', P2POS_LOG_LEVEL: 'error' };
  assert.equal((await load('', { env })).config.log.level, 'error');
});

test('T10: all that is wrong is named at once, with place and range, and nothing falls back to a default', async () => {
  const toml = '[kv]\nmax_value_bytes = 0\n\n[record]\nreplicas = 3\n\n[presence]\ninterval = 30\n';
  const sources = { env: { LOG_LEVEL: 'loud', P2POS_NET_MAX_CONNECTION: '9' }, flag: { 'http-listn': '1' } };
  assert.deepEqual((await complaint(toml, sources)).split('\n'), [
    'HOME/node.toml:5: record.replicas is not a setting. Did you mean records.replicas?',
    'environment: P2POS_NET_MAX_CONNECTION is not a setting. Did you mean P2POS_NET_MAX_CONNECTIONS?',
    'command line: --http-listn is not a flag. Did you mean --http-listen?',
    'HOME/node.toml:8: presence.interval is 30, not a duration such as "10s" (units ms, s, m, h, d)',
    'HOME/node.toml:2: kv.max_value_bytes is 0; allowed are 1B to 64KiB',
    'LOG_LEVEL: log.level is "loud"; allowed are debug, info, warn, error',
  ]);
});

test('T10: each bad value is refused with a reason', async () => {
  const refused: Record<string, string> = {
    '[kw]': 'HOME/node.toml:1: kw is not a setting.',
    'kv = 5': 'HOME/node.toml:1: kv is not a setting.',
    '[kv': 'HOME/node.toml:1:2: this line is not valid TOML: incomplete key-value: cannot find end of key',
    '[kv]\nmax_value_bytes = "65537"':
      'HOME/node.toml:2: kv.max_value_bytes is "65537", not a number of bytes, or text such as "64KiB" (units B, KiB, MiB, GiB, TiB)',
    '[kv]\nmax_value_bytes = "1MiB"': 'HOME/node.toml:2: kv.max_value_bytes is 1MiB; allowed are 1B to 64KiB',
    '[records]\nreplicas = 2.5': 'HOME/node.toml:2: records.replicas is 2.5; allowed are 1 to 9',
    '[records]\nreplicas = "3"': 'HOME/node.toml:2: records.replicas is "3", not a whole number',
    '[records]\nreplicas = [3]': 'HOME/node.toml:2: records.replicas is [3], not a whole number',
    '[log]\nformat = 2026-01-01': 'HOME/node.toml:2: log.format is "2026-01-01"; allowed are text, json',
    '[http]\nlisten = "4180"':
      'HOME/node.toml:2: http.listen is "4180", not an IP address or localhost, and a port 0 to 65535, such as "127.0.0.1:4180" or "[::1]:4180"',
    '[http]\nlisten = "127.0.0.1:65536"':
      'HOME/node.toml:2: http.listen is "127.0.0.1:65536", not an IP address or localhost, and a port 0 to 65535, such as "127.0.0.1:4180" or "[::1]:4180"',
    '[net]\nlisten = ["/ip4/127.0.0.1/tcp/1", "/ip4/999.0.0.1/tcp/1"]':
      'HOME/node.toml:2: net.listen entry 2 is "/ip4/999.0.0.1/tcp/1", not a multiaddr with an IP address of this machine, such as "/ip4/0.0.0.0/tcp/4100"',
    '[net]\nlisten = "/ip4/127.0.0.1/tcp/1"':
      'HOME/node.toml:2: net.listen is "/ip4/127.0.0.1/tcp/1", not a list',
    '[discovery]\ninit_connections = ["/dnsaddr/exa mple"]':
      'HOME/node.toml:2: discovery.init_connections entry 1 names the domain /dnsaddr/exa mple, which is none',
    '[discovery]\ninit_connections = [{ type = "dns" }]':
      'HOME/node.toml:2: discovery.init_connections entry 1 names the domain , which is none',
    '[net]\nannounce = ["/dnsaddr/example.org"]':
      'HOME/node.toml:2: net.announce entry 1 leads to DNS records; only discovery.init_connections may',
    '[discovery]\ndns_over_https = "http://dns.example.org/"':
      'HOME/node.toml:2: discovery.dns_over_https is "http://dns.example.org/", not a https:// address',
    '[discovery]\nmdns = "yes"': 'HOME/node.toml:2: discovery.mdns is "yes", not a true or false',
    '[discovery]\ninit_connections = ["/ip4/192.0.2.1/tcp/4100/p2p/QmFoo"]':
      'HOME/node.toml:2: discovery.init_connections entry 1 /ip4/192.0.2.1/tcp/4100/p2p/QmFoo ends in QmFoo, which is not a peer id',
    '[system]\nid = "sys1abc"':
      'HOME/node.toml:2: system.id is "sys1abc", not a system id: "sys1" and 52 letters and digits',
    '[http]\nallowed_hosts = ["a b"]':
      'HOME/node.toml:2: http.allowed_hosts entry 1 is "a b", not a host name without a port',
  };
  for (const [toml, expected] of Object.entries(refused)) assert.equal(await complaint(toml), expected);
});

test('T10: a bad value in the file is an error even where a flag overrides it', async () => {
  assert.match(
    await complaint('[log]\nlevel = "loud"', { flag: { 'log-level': 'info' } }),
    /node\.toml:2: log\.level/,
  );
});

test('variables of other programs are left alone', async () => {
  const env = {
    P2POS_HOME: '/x',
    P2POS_URL: 'http://x',
    P2POS_TOKEN_FILE: '/y',
    PATH: '/bin',
    P2POS_KV_MAX_VALUE_BYTES: '',
  };
  assert.equal((await load('', { env })).config.kv.maxValueBytes, 65_536);
});

test('a file that is not text is refused', async () => {
  await using folder = await createTempFolder();
  await writeFile(join(folder.path, 'node.toml'), Uint8Array.of(0xff, 0xfe, 0, 1));
  assert.throws(() => loadConfig({ home: folder.path, env: {} }), /is not UTF-8 text/);
});

test('the home is the flag, then P2POS_HOME, then ~/.p2pos', () => {
  assert.equal(homeFrom('/a', { P2POS_HOME: '/b' }), '/a');
  assert.equal(homeFrom(undefined, { P2POS_HOME: '/b' }), '/b');
  assert.match(homeFrom(undefined, {}), /\/\.p2pos$/);
});

test('a relative path starts at the home', async () => {
  const { config } = await load('[node]\npassphrase_file = "secret/pass"');
  assert.match(config.node.passphraseFile ?? '', /^\/.*\/secret\/pass$/);
});

test('what config show prints is a node.toml with the same settings', async () => {
  const toml =
    '[net]\nlisten = ["/ip4/127.0.0.1/tcp/0"]\n[store]\nmax_bytes = "10GiB"\nqueue_bytes = 2097153\n[http]\nlisten = "[::]:80"';
  const first = await load(toml);
  assert.deepEqual((await load(showConfig(first))).config, first.config);
});

test('every setting has distinct names, a sentence, and a default that it accepts', () => {
  for (const name of ['key', 'variable', 'flag'] as const) {
    assert.equal(new Set(NAMED_SETTINGS.map((setting) => setting[name])).size, NAMED_SETTINGS.length);
  }
  for (const { key, kind, doc, default: value } of NAMED_SETTINGS) {
    assert.match(doc, /^[A-Z`].*\.$/, key);
    if (value === undefined) continue;
    const shown = kind.show(value);
    const text = shown.replaceAll(/^"|"$/g, '');
    if (!shown.startsWith('['))
      assert.deepEqual(kind.read(kind.fromText ? kind.fromText(text) : text), { value }, key);
  }
});

test('no text in a variable makes anything but a setting or CONFIG_INVALID', async () => {
  await using folder = await createTempFolder();
  fc.assert(
    fc.property(
      fc.constantFrom(...NAMED_SETTINGS),
      fc.oneof(fc.string(), fc.integer().map(String)),
      ({ variable }, text) => {
        try {
          loadConfig({ home: folder.path, env: { [variable]: text } });
        } catch (error) {
          assert.ok(isP2posError(error, 'CONFIG_INVALID'));
          assert.equal(error.message.split('\n').length, 1);
        }
      },
    ),
  );
});

test('a domain is written in three ways', async () => {
  const ways = ['"/dnsaddr/example.org"', '"dns:example.org"', '{ type = "dns", domain = "example.org" }'];
  const { config } = await load(`[discovery]\ninit_connections = [${ways.join(', ')}]`);
  assert.deepEqual(config.discovery.initConnections, Array(3).fill('/dnsaddr/example.org'));
});
