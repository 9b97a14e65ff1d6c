/** A hostile afternoon: wrong files, wrong words, wrong requests, wrong peers. Each gets a clear sentence, and the node serves on. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { exchangeRaw } from '../packages/node/src/testing/raw-http.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE, type Outcome, p2pctl, shareDev, startDev } from './harness.ts';

const system = shareDev({ nodes: 3 });

const NODE_PROGRAM = join(CLONE, 'packages/node/bin/p2pos-node.mjs');
const STACK = /\n\s+at .*\(?(file:|node:|\/).*:\d+:\d+/;

function runNode(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [NODE_PROGRAM, 'run', ...words],
      { timeout: 20_000 },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      },
    );
  });
}

function assertRefused({ code, stdout, stderr }: Outcome, pattern: RegExp): void {
  assert.ok(code === 1 || code === 2, `exit code ${code}`);
  assert.match(stderr, pattern);
  assert.doesNotMatch(stdout + stderr, STACK);
}

test('files that are wrong: one sentence with the place, and no start', { timeout: 300_000 }, async () => {
  await using dev = await startDev({ nodes: 1 });
  await dev.end();
  await using folder = await createTempFolder();
  const spoiled = async (
    name: string,
    spoil: (home: string) => void,
    pattern: RegExp,
    ...words: string[]
  ) => {
    const home = join(folder.path, name);
    cpSync(dev.node(0).home, home, { recursive: true });
    spoil(home);
    assertRefused(await runNode('--home', home, ...words), pattern);
  };
  const toml = (home: string) => join(home, 'node.toml');
  const append = (text: string) => (home: string) =>
    writeFileSync(toml(home), readFileSync(toml(home)) + text);
  await spoiled('bad-toml', append('\n[broken\n'), /node\.toml/);
  await spoiled('wrong-type', append('\n[kv]\nmax_value_bytes = "many"\n'), /kv\.max_value_bytes/);
  await spoiled('unknown-key', append('\n[kv]\nmax_valu_bytes = 5\n'), /max_valu_bytes.*Did you mean/s);
  await spoiled('unknown-flag', () => {}, /--log-colour is not a flag/, '--log-colour', 'red');
  await spoiled('bad-key', (home) => writeFileSync(join(home, 'node.key'), 'garbage'), /node\.key/);
  await spoiled('open-key', (home) => chmodSync(join(home, 'node.key'), 0o644), /chmod/);
  await spoiled(
    'truncated',
    (home) => truncateSync(join(home, 'data', 'store.sqlite'), 5_000),
    /damaged|corrupt|store/i,
  );
  writeFileSync(join(folder.path, 'file'), '');
  assertRefused(await runNode('--home', join(folder.path, 'file')), /\S/);
});

test('requests that are wrong: the right status and code, and the node serves on', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  const { http } = dev.node(0);
  const auth = { authorization: `Bearer ${dev.token(0)}` };
  const ask = async (method: string, path: string, init: RequestInit = {}) => {
    const response = await fetch(http + path, { method, headers: auth, ...init });
    const body = await response.text();
    assert.doesNotMatch(body, STACK);
    return `${response.status} ${response.ok ? '' : JSON.parse(body).code}`.trim();
  };
  assert.equal(await ask('PUT', '/v1/kv/a', { body: randomBytes(2 * 1_048_576) }), '413 KV_VALUE_TOO_LARGE');
  assert.equal(await ask('PUT', `/v1/kv/${'k'.repeat(513)}`, { body: 'v' }), '400 KV_KEY_INVALID');
  assert.equal(await ask('GET', '/v1/nothing'), '404 ROUTE_NOT_FOUND');
  assert.equal(await ask('GET', '/v1/kv/a', { headers: {} }), '401 AUTH_REQUIRED');
  const foreign = await exchangeRaw(
    dev.port,
    `GET /v1/kv/a HTTP/1.1\r\nhost: 127.0.0.1:${dev.port}\r\norigin: http://evil.example\r\nauthorization: ${auth.authorization}\r\nconnection: close\r\n\r\n`,
  );
  assert.equal(foreign.status, 403);
  const rebound = await exchangeRaw(
    dev.port,
    `GET /v1/health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n`,
  );
  assert.ok([403, 421].includes(rebound.status), String(rebound.status));

  await using client = dev.client(0);
  for (const key of ['100%', '100x', 'a_b', 'axb']) await client.kv.put(key, 'v');
  assert.deepEqual((await client.kv.page({ prefix: '100%' })).keys, ['100%'], 'T13');
  assert.deepEqual((await client.kv.page({ prefix: 'a_' })).keys, ['a_b'], 'T13');

  for (const [given, meant] of [
    [['kv', 'gett', 'x'], 'get'],
    [['members', 'lst'], 'list'],
  ] as const) {
    const mistyped = await p2pctl(...given);
    assert.equal(mistyped.code, 2);
    assert.match(mistyped.stderr, new RegExp(`unknown command.*Did you mean ${meant}\\?`));
    assert.doesNotMatch(mistyped.stderr, STACK);
  }
});

test('peers that send garbage, a huge length or nothing: the node serves others', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  const port = Number(/\/tcp\/(\d+)/.exec(dev.node(0).p2p[0] ?? '')?.[1]);
  const sockets = [];
  for (const bytes of [randomBytes(4_096), Buffer.from('ffffffff00000000', 'hex'), Buffer.alloc(0)]) {
    for (let i = 0; i < 10; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect').catch((cause) => {
        throw new Error(`node0 refuses connections: ${dev.output()}`, { cause });
      });
      if (bytes.length > 0) socket.write(bytes);
      sockets.push(socket);
    }
  }
  await using client = dev.client(0);
  for (let i = 0; i < 50; i++) await client.kv.put(`key ${i}`, 'v');
  await using other = dev.client(1);
  assert.equal((await other.kv.get('key 49'))?.text(), 'v');
  await eventually(async () => assert.equal((await client.health()).status, 'ok'));
  for (const socket of sockets) socket.destroy();
  assert.doesNotMatch(readFileSync(join(dev.node(0).home, 'logs', 'node.log'), 'utf8'), /action=crash/);
});
