/** A page that is a peer, in a real browser: it comes from a server that knows nothing of the system, and verifies what it is told. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { connect as Connect } from '@p2pos/sdk';
import type { connectPeer as ConnectPeer, Peer } from '@p2pos/sdk/peer';
import { chromium } from 'playwright-core';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { type DevSystem, startDev } from './harness.ts';
import { openSite } from './peer-page/site.ts';

const executablePath = '/usr/bin/chromium';

/** In the page. */
declare const p2pos: { readonly connect: typeof Connect; readonly connectPeer: typeof ConnectPeer };
declare let peer: Peer;

const systemIdOf = ({ home }: DevSystem) =>
  (JSON.parse(readFileSync(join(home, 'dev.json'), 'utf8')) as { systemId: string }).systemId;
const webSocketOf = (dev: DevSystem, index: number) => {
  const found = dev.node(index).p2p.find((address) => address.includes('/ws/'));
  assert.ok(found);
  return found;
};

describe('a page as a peer', { skip: !existsSync(executablePath) }, () => {
  it('verifies the membership, calls through members, and survives the node that it came by', async () => {
    await using site = await openSite();
    // docs/guide/browser-peers.md says how much.
    assert.ok(site.gzipBytes < 225_000, `${site.gzipBytes} bytes`);
    await using dev = await startDev({ nodes: 3 });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    await using _browser = { [Symbol.asyncDispose]: () => browser.close() };
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(site.url);
    await page.waitForFunction(() => 'p2pos' in globalThis);

    const system = systemIdOf(dev);
    const first = await page.evaluate(
      async (options) => {
        const made = await p2pos.connectPeer(options);
        Object.assign(globalThis, { peer: made });
        return { status: made.status(), names: made.members().map(({ name }) => name) };
      },
      { system, addresses: [webSocketOf(dev, 0)], intervalMs: 500 },
    );
    assert.deepEqual(first.names.sort(), ['node0', 'node1', 'node2']);
    assert.equal(first.status.epoch, 1);
    assert.equal(first.status.isMember, false);
    assert.deepEqual(first.status.witnesses, [dev.node(0).peerId]);

    const operator = dev.client(0);
    await operator.apps.put('shop');
    const { token } = await operator.apps.tokens.create('shop', { grants: ['kv:*'] });
    const text = await page.evaluate(async (token) => {
      const client = p2pos.connect({ transport: peer.transport({ token }) });
      Object.assign(globalThis, { client });
      await client.kv.put('from a page', 'hello');
      return (await client.kv.get('from a page'))?.text();
    }, token);
    assert.equal(text, 'hello');

    const verified = await page.evaluate(async (token) => {
      const honest = peer.transport({ token });
      const read = async (transport: typeof honest) => {
        const found = await peer.readKv(p2pos.connect({ transport }), 'from a page', { app: 'shop' });
        return { text: found?.text(), signers: found?.peerIds.length };
      };
      const lying: typeof honest = {
        ...honest,
        async attempt(...asked) {
          const answer = (await honest.attempt(...asked)) as { value: Uint8Array };
          return { ...answer, value: new TextEncoder().encode('hullo') };
        },
      };
      const refusal = await read(lying).catch(({ code, message }) => ({ code, message }));
      return { read: await read(honest), refusal };
    }, token);
    assert.equal(verified.read.text, 'hello');
    assert.ok((verified.read.signers ?? 0) >= 2);
    assert.deepEqual(verified.refusal, {
      code: 'RECEIPT_REFUSED',
      message: 'This receipt proves nothing: it is for another value.',
    });

    // Where the others are, it knows from the verified snapshot alone.
    await page.waitForFunction(() => peer.status().witnesses.length === 3, undefined, { timeout: 20_000 });
    dev.kill(0);
    await page.waitForFunction(
      (lost) => !peer.status().connections.some(({ peerId }) => peerId === lost),
      dev.node(0).peerId,
      { timeout: 20_000 },
    );
    const heads = await page.evaluate(async () => {
      const [witness] = peer.status().witnesses;
      return witness === undefined ? undefined : peer.heads(witness);
    });
    assert.equal(heads?.epoch, 1);
    const after = await page.evaluate(async (token) => {
      const client = p2pos.connect({ transport: peer.transport({ token }) });
      return (await peer.readKv(client, 'from a page', { app: 'shop' }))?.text();
    }, token);
    assert.equal(after, 'hello');
    assert.deepEqual(problems, []);
  });

  it('is a member of tier 3 when a snapshot says so, and takes no other system for its own', async () => {
    await using site = await openSite();
    await using dev = await startDev({ nodes: 1 });
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    await using _browser = { [Symbol.asyncDispose]: () => browser.close() };
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => 'p2pos' in globalThis);
    const other = `sys1${'a'.repeat(52)}`;
    const code = await page.evaluate(
      (options) => p2pos.connectPeer(options).catch(({ code }: { code: string }) => code),
      { system: other, addresses: [webSocketOf(dev, 0)], timeoutMs: 3_000 },
    );
    assert.equal(code, 'JOIN_UNREACHABLE');

    const peerId = await page.evaluate(
      async (options) => {
        const identity = { seed: new Uint8Array(32).fill(7) };
        const made = await p2pos.connectPeer({ ...options, identity });
        Object.assign(globalThis, { peer: made });
        return made.peerId;
      },
      { system: systemIdOf(dev), addresses: [webSocketOf(dev, 0)], intervalMs: 500 },
    );
    const member = ['members', 'add', peerId, '--name', 'console', '--tier', '3', '--capabilities', ''];
    const added = await dev.p2pctl(...member);
    assert.equal(added.code, 0, added.stderr);
    await page.waitForFunction(() => peer.status().isMember, undefined, { timeout: 10_000 });
    // It answers pings, counts in no majority and holds nothing.
    const client = dev.client(0);
    await eventually(async () => {
      const peers = await client.network.peers();
      const shown = peers.find((one) => one.peerId === peerId);
      assert.equal(shown?.reachability, 'online');
      assert.equal(typeof shown?.roundTripMs, 'number');
    });
    assert.equal((await client.kv.put('a', '1')).durable, 1);
    await page.close();
    await eventually(async () => {
      const { state, connected } = await client.network.status();
      assert.deepEqual([state, connected], ['healthy', 0]);
    });
    assert.equal((await client.kv.put('a', '2')).durable, 1);
  });
});
