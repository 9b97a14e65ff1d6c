/** First contact: a machine that has nothing but an invitation becomes a node of a running system. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromBase64url, INVITATION_SCHEME, toBase64url } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE, freePorts, p2pctl, shareDev, startDev } from './harness.ts';

const system = shareDev({ nodes: 3 });
const NODE_MAIN = join(CLONE, 'packages/node/bin/p2pos-node.mjs');

function startNode(home: string): { readonly child: ChildProcess } & AsyncDisposable {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', NODE_MAIN, 'run', '--home', home],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return {
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

test('a sixth node joins a running system by an invitation alone, in less than five seconds', {
  timeout: 300_000,
}, async (t) => {
  await using dev = await startDev({ nodes: 5 });
  await using folder = await createTempFolder();
  const home = join(folder.path, 'sixth');
  const invited = await dev.p2pctl('invite', '--qr');
  assert.equal(invited.code, 0, invited.stderr);
  const text = invited.stdout.trim();
  assert.ok(text.startsWith(INVITATION_SCHEME));
  assert.match(invited.stderr, /█/, 'with its QR code');

  const port = await freePorts(1);
  const words = ['--home', home, '--listen', '/ip4/127.0.0.1/tcp/0', '--http', `127.0.0.1:${port}`, '--json'];
  const startedAt = performance.now();
  const joined = await p2pctl('join', text, ...words);
  assert.equal(joined.code, 0, joined.stderr);
  const { peerId, asked, members, isMember } = JSON.parse(joined.stdout);
  assert.deepEqual({ asked: asked >= 3, members, isMember }, { asked: true, members: 5, isMember: false });
  assert.deepEqual(
    readFileSync(join(home, 'system/genesis.cbor')),
    readFileSync(join(dev.home, 'system/genesis.cbor')),
  );

  await using _node = startNode(home);
  const adding = dev.p2pctl('members', 'add', peerId, '--name', 'sixth');
  let servesAt = 0;
  await eventually(
    async () => {
      const token = readFileSync(join(home, 'token'), 'utf8').trim();
      await using client = connect({ url: `http://127.0.0.1:${port}`, token, maxAttempts: 1 });
      const { state, connected } = await client.network.status();
      servesAt ||= performance.now();
      assert.deepEqual({ state, connected }, { state: 'healthy', connected: 5 });
    },
    { timeoutMs: 30_000 },
  );
  const [all, meshed] = [startedAt, servesAt].map((since) => Math.round(performance.now() - since));
  const added = await adding;
  assert.equal(added.code, 0, added.stderr);
  t.diagnostic(
    `from the invitation to a healthy member with five connections, four processes started: ${all} ms`,
  );
  t.diagnostic(`of it from when its door answered: ${meshed} ms`);
  assert.ok(Number(meshed) < 5_000, `${meshed} ms`);

  const again = await p2pctl('join', text, '--home', home);
  assert.equal(again.code, 2, 'the home is in use');
  assert.match(again.stderr, /in use by process \d+/);
});

test('invitations that were changed, cut off, or lead nowhere are refused in one sentence', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using folder = await createTempFolder();
  const home = join(folder.path, 'home');
  await using client = dev.client(0);
  const { text } = await client.network.invite();
  const bytes = fromBase64url(text.slice(INVITATION_SCHEME.length));
  bytes[60]! ^= 1;
  const nowhere = await client.network.invite({
    addresses: [`/ip4/127.0.0.1/tcp/9/p2p/${dev.node(1).peerId}`],
  });
  const refusals: Record<string, RegExp> = {
    'https://example.org': /^error: INVITATION_INVALID: .*does not begin with p2pos:\/\/join\//,
    [text.slice(0, -20)]: /^error: INVITATION_INVALID: .*copied whole/,
    [INVITATION_SCHEME + toBase64url(bytes)]: /^error: INVITATION_INVALID: /,
    [nowhere.text]: /^error: No member answered at the 1 addresses of the invitation: /,
  };
  for (const [words, sentence] of Object.entries(refusals)) {
    const { code, stderr } = await p2pctl('join', words, '--home', home);
    assert.notEqual(code, 0, words);
    assert.match(stderr, sentence);
    assert.ok(!existsSync(join(home, 'node.toml')), 'no home is left behind');
  }
  const other = await startDev({ nodes: 1 });
  await using _ = other;
  const foreign = await p2pctl('join', text, '--home', other.node(0).home);
  assert.notEqual(foreign.code, 0);
  assert.match(foreign.stderr, /belongs to sys1\w+ already, so it cannot join sys1\w+/);
});

test('connect and disconnect by hand: a peer stays away for as long as it was told', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using client = dev.client(0);
  const { peerId, p2p } = dev.node(1);
  const isConnected = async () =>
    (await client.network.peers()).some((peer) => peer.peerId === peerId && peer.connected);
  await eventually(async () => assert.ok(await isConnected()));
  const gone = await dev.p2pctl('disconnect', 'node1', '--for', '1h');
  assert.equal(gone.code, 0, gone.stderr);
  assert.match(gone.stdout, /^\d connections closed; kept away until /);
  // The other dials again at once; it is turned away each time.
  await eventually(async () => assert.ok(!(await isConnected())));
  const back = await dev.p2pctl('connect', p2p[0] ?? '');
  assert.equal(back.code, 0, back.stderr);
  assert.match(back.stdout, /^connected over tcp tls to 12D3/);
  assert.ok(await isConnected());
  for (const [address, code] of [
    ['nonsense', 'ADDRESS_INVALID'],
    ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWnone', 'ADDRESS_INVALID'],
    [dev.node(0).p2p[0] ?? '', 'ADDRESS_INVALID'],
    ['/ip4/127.0.0.1/tcp/9', 'PEER_UNREACHABLE'],
  ] as const)
    await assert.rejects(client.network.connect(address), { code }, address);
  await assert.rejects(client.network.disconnect('12D3KooWx'), { code: 'PEER_ID_INVALID' });
});
