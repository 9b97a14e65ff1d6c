/** A page that is a peer, in a real browser: it comes from a server that knows nothing of the system, and verifies what it is told. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { connect as Connect } from '@p2pos/sdk';
import type { connectPeer as ConnectPeer, Peer } from '@p2pos/sdk/peer';
import { chromium } from 'playwright-core';
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

    const text = await page.evaluate(async (token) => {
      const client = p2pos.connect({ transport: peer.transport({ token }) });
      Object.assign(globalThis, { client });
      await client.kv.put('from a page', 'hello');
      return (await client.kv.get('from a page'))?.text();
    }, dev.token(0));
    assert.equal(text, 'hello');
    assert.equal((await dev.client(1).kv.get('from a page'))?.text(), 'hello');

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
    assert.deepEqual(problems, []);
  });

  it('takes no other system for its own', async () => {
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
  });
});
