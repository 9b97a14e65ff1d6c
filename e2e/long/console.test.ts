/**
 * The whole life of a system in the console: founded in a page, its nodes added, an admin named by 3 of 5 key holders in
 * three browsers, a member removed, that admin revoked; and no secret in any browser afterwards.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { adminProofDocument, decodeDocument } from '@p2pos/protocol';
import { type Client, connect } from '@p2pos/sdk';
import type { Browser, Download } from 'playwright-core';
import { chooseFreePorts } from '../../packages/cli/src/dev/ports.ts';
import { crypto } from '../../packages/cli/src/keys.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTestDoor } from '../../packages/node/src/testing/http-door.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import {
  assertNothingStored,
  type ConsolePage,
  hasBrowser,
  openBrowser,
  openConsole,
  PAGE_FOLDER,
  seriousFindings,
} from '../console-page.ts';
import { CLONE, p2pctl } from '../harness.ts';

const P2PCTL = join(CLONE, 'packages/cli/bin/p2pctl.mjs');
const secretOf = (name: string) => `a passphrase of ${name}`;

interface RunningNode {
  readonly name: string;
  readonly home: string;
  readonly peerId: string;
  readonly http: string;
  readonly p2p: string;
  readonly token: () => string;
}

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await p2pctl(...words, '--json');
  assert.equal(code, 0, `${words.join(' ')}\n${stderr}`);
  return JSON.parse(stdout);
}

async function prepare(folder: string, name: string, others: readonly RunningNode[]): Promise<RunningNode> {
  const [p2pPort = 0, httpPort = 0] = await chooseFreePorts(2);
  const home = join(folder, name);
  const listen = `/ip4/127.0.0.1/tcp/${p2pPort}`;
  const made = await json(
    ...['init', '--home', home, '--genesis', join(folder, 'genesis.cbor'), '--name', name],
    ...['--http', `127.0.0.1:${httpPort}`, '--listen', listen],
    ...others.flatMap(({ p2p }) => ['--connect', p2p]),
  );
  const peerId = String(made['peerId']);
  const token = () => readFileSync(join(home, 'token'), 'utf8').trim();
  return { name, home, peerId, http: `http://127.0.0.1:${httpPort}`, p2p: `${listen}/p2p/${peerId}`, token };
}

async function start({ home, name }: RunningNode): Promise<ChildProcess> {
  const child = spawn(process.execPath, [P2PCTL, 'up', '--home', home], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  await eventually(() => assert.match(output, /action=ready/, `${name} did not start`), {
    timeoutMs: 60_000,
  });
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

/** What the page gives to the browser's downloads, as files of a folder. */
function keepDownloads({ page }: ConsolePage, folder: string): () => Promise<string[]> {
  const kept: Promise<string>[] = [];
  page.on('download', (download: Download) => {
    const name = download.suggestedFilename();
    kept.push(download.saveAs(join(folder, name)).then(() => name));
  });
  return () => Promise.all(kept);
}

/** A key holder, in a browser of their own, at any node: reads the request, compares, signs, hands back a text. */
async function signAs(
  browser: Browser,
  node: RunningNode,
  { request, key, passphrase, fingerprint }: Record<'request' | 'key' | 'passphrase' | 'fingerprint', string>,
): Promise<string> {
  const holder = await openConsole(browser, { http: node.http, token: node.token() });
  const { page, context } = holder;
  await holder.show('Signing together');
  await page.getByLabel('Request as text').fill(request);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  assert.equal(await page.locator('.fingerprint').textContent(), fingerprint);
  await page.getByLabel('System or release key file').setInputFiles(key);
  await page.getByRole('textbox', { name: 'Passphrase' }).fill(passphrase);
  await page.getByRole('button', { name: 'Sign', exact: true }).click();
  const share = page.getByRole('textbox', { name: 'Signature as text' }).first();
  await page.getByText(/^Signed with the key/).waitFor();
  const text = await share.inputValue();
  assert.match(text, /BEGIN P2POS SIGNATURE SHARE/);
  await assertNothingStored(holder);
  assert.deepEqual(holder.complaints, []);
  await context.close();
  return text;
}

test('the whole life of a system in the console', { skip: !hasBrowser, timeout: 600_000 }, async () => {
  execFileSync('node', [join(CLONE, 'scripts/page.mjs')]);
  await using temp = await createTempFolder();
  const folder = temp.path;
  await using browser = await openBrowser();
  await using stack = new AsyncDisposableStack();

  // Founding: five keys of five people, three of whom must sign.
  let bundle: string;
  let first: RunningNode;
  {
    await using door = await createTestDoor({ config: { pageFolder: PAGE_FOLDER } });
    const founder = await openConsole(browser, { http: door.url, token: door.token });
    const { page, context } = founder;
    const downloads = keepDownloads(founder, folder);
    await founder.show('Found a system');
    await page.getByLabel('Name of the system').fill('acme');
    await page.getByLabel('System keys', { exact: true }).fill('5');
    await page.getByLabel('How many must sign', { exact: true }).fill('3');
    await page.getByLabel('Release keys', { exact: true }).fill('2');
    for (const n of [1, 2, 3, 4, 5])
      await page.getByLabel(`Passphrase of system key ${n}`).fill(secretOf(`system-${n}`));
    for (const n of [1, 2])
      await page.getByLabel(`Passphrase of release key ${n}`).fill(secretOf(`release-${n}`));
    await page.getByLabel('Passphrase of the admin key').fill(secretOf('admin'));
    await page.getByRole('button', { name: 'Make the keys' }).click();
    await page.getByText(/^The system is sys1/).waitFor({ timeout: 120_000 });
    await page.getByRole('button', { name: 'Save all' }).click();
    await eventually(async () => assert.deepEqual(await downloads(), ['system.tar']));
    execFileSync('tar', ['-xf', join(folder, 'system.tar'), '-C', folder]);
    bundle = await page.getByRole('textbox', { name: 'Admin bundle' }).inputValue();
    first = await prepare(folder, 'node0', []);
    await page.getByLabel('Peer id').fill(first.peerId);
    await page.getByRole('button', { name: 'Sign and save the first snapshot' }).click();
    await eventually(async () => assert.ok((await downloads()).includes('snapshot.cbor')));
    assert.deepEqual(await seriousFindings(founder), []);
    await assertNothingStored(founder);
    assert.deepEqual(founder.complaints, []);
    await context.close();
    for (const name of ['system-1.key', 'release-2.key', 'admin.key'])
      assert.match(readFileSync(join(folder, name), 'utf8'), /^-----BEGIN AGE ENCRYPTED FILE-----/);
    const report = await json('keys', 'verify', join(folder, 'transcript.jsonl'));
    assert.equal(report['entries'], 10, JSON.stringify(report));
  }
  mkdirSync(join(first.home, 'system'), { recursive: true });
  copyFileSync(join(folder, 'snapshot.cbor'), join(first.home, 'system', 'snapshot.cbor'));
  const run = async (node: RunningNode) => {
    const child = await start(node);
    stack.defer(() => stop(child));
  };
  await run(first);

  // Two more machines: one waits at the door and is added from there, the other by its peer id.
  const admin = await openConsole(browser, { http: first.http, token: first.token() });
  const { page } = admin;
  await admin.unlock({ bundle, passphrase: secretOf('admin') });
  const second = await prepare(folder, 'node1', [first]);
  await run(second);
  await admin.show('Members');
  await page.getByRole('button', { name: `Add ${second.peerId}` }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('node1');
  await page.getByRole('button', { name: 'Add to the next snapshot' }).click();
  await page.getByRole('button', { name: 'Sign and push' }).click();
  await page.getByText('Snapshot 2 is in force.').first().waitFor();
  const third = await prepare(folder, 'node2', [first, second]);
  await run(third);
  const atThird = await openConsole(browser, { http: third.http, token: third.token() });
  await atThird.page.getByText('this node is unconfigured').waitFor();
  await page.locator('#new-peer').fill(third.peerId);
  await page
    .locator('form')
    .filter({ has: page.locator('#new-peer') })
    .getByRole('button')
    .click();
  await page.getByRole('dialog').getByLabel('Name').fill('node2');
  await page.getByRole('button', { name: 'Add to the next snapshot' }).click();
  await page.getByRole('button', { name: 'Sign and push' }).click();
  await page.getByText('Snapshot 3 is in force.').first().waitFor();
  await atThird.page.getByText('3 of 3 nodes answer · this node is healthy').waitFor({ timeout: 60_000 });
  const nodes = [first, second, third];
  const clients: Client[] = nodes.map(({ http, token }) =>
    stack.use(connect({ url: http, token: token(), maxAttempts: 1 })),
  );
  const client = (index: number) => clients[index] ?? assert.fail(`no client ${index}`);
  const before = await client(0).members.list();

  /** What stands prepared in the admin's page is signed by three of five, each in another browser at another node. */
  async function signTogether(): Promise<void> {
    await page.getByRole('heading', { level: 1, name: 'Signing together' }).waitFor();
    await page.getByText('Pass the request on').click();
    const request = await page.getByRole('textbox', { name: 'Request as text' }).inputValue();
    const fingerprint = (await page.locator('.fingerprint').textContent()) ?? '';
    const shares: string[] = [];
    for (const [index, n] of [1, 3, 5].entries()) {
      const name = `system-${n}`;
      const key = join(folder, `${name}.key`);
      shares.push(
        await signAs(browser, nodes[index] ?? first, {
          request,
          key,
          passphrase: secretOf(name),
          fingerprint,
        }),
      );
    }
    for (const [index, share] of shares.entries()) {
      await page.getByRole('textbox', { name: 'Signature as text' }).fill(share);
      await page.getByRole('button', { name: 'Add the signature' }).click();
      await page.getByText(`${index + 1} of the 3 that are needed (system keys)`).waitFor();
    }
    await page.getByText('Enough have signed.').waitFor();
  }

  // A second admin, named by three of five.
  writeFileSync(join(folder, 'passphrase'), secretOf('bob'));
  await json(
    'keys',
    'create',
    join(folder, 'bob.key'),
    '--role',
    'admin',
    '--passphrase-file',
    join(folder, 'passphrase'),
  );
  await admin.show('Admins and keys');
  await page.getByLabel('Their public key file').setInputFiles(join(folder, 'bob.pub'));
  await page.getByText('The key of bob.').waitFor();
  await page
    .locator('section')
    .filter({ hasText: 'Name an admin' })
    .getByRole('button', { name: 'Make the signing request' })
    .click();
  await signTogether();
  const proof = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save admin-proof.cbor' }).click();
  await (await proof).saveAs(join(folder, 'bob-proof.cbor'));

  // He removes a machine.
  const bob = await openConsole(browser, { http: second.http, token: second.token() });
  const files = { key: join(folder, 'bob.key'), proof: join(folder, 'bob-proof.cbor') };
  await bob.page.getByRole('button', { name: 'Unlock with an admin key' }).click();
  await bob.page.getByLabel('Admin key file').setInputFiles(files.key);
  await bob.page.getByLabel('Admin proof file').setInputFiles(files.proof);
  await bob.page.getByLabel('Passphrase', { exact: true }).fill('not the passphrase');
  await bob.page.getByRole('button', { name: 'Unlock', exact: true }).click();
  await bob.page.getByText('This passphrase does not open the key.').waitFor();
  await bob.page.getByLabel('Passphrase', { exact: true }).fill(secretOf('bob'));
  await bob.page.getByRole('button', { name: 'Unlock', exact: true }).click();
  await bob.page.getByRole('button', { name: 'Lock', exact: true }).waitFor();
  await bob.show('Members');
  await bob.page.getByRole('button', { name: 'Remove node2' }).click();
  await bob.page.getByRole('button', { name: 'Sign and push' }).click();
  await bob.page.getByText('Snapshot 4 is in force.').first().waitFor();
  await atThird.page.getByText('this node is unconfigured').waitFor({ timeout: 60_000 });

  // He is revoked: what he signed after snapshot 3 is void everywhere, and nobody takes anything more from him.
  await admin.show('Admins and keys');
  const { serial } = decodeDocument(adminProofDocument, readFileSync(files.proof), crypto).body;
  await page.getByRole('button', { name: `Revoke ${serial}` }).click();
  await page.getByLabel('Last snapshot that stays good').selectOption(before.hash);
  await page.getByRole('dialog').getByRole('button', { name: 'Make the signing request' }).click();
  await signTogether();
  await page.getByRole('button', { name: 'Hand it to the nodes' }).click();
  await page.getByText('The nodes have it.').waitFor();
  for (const index of [0, 1, 2])
    await eventually(async () => assert.equal((await client(index).members.list()).hash, before.hash), {
      timeoutMs: 60_000,
    });
  await atThird.page.getByText('this node is healthy').waitFor({ timeout: 60_000 });
  await bob.page.reload();
  await bob.unlock({ ...files, passphrase: secretOf('bob') });
  await bob.page.getByRole('button', { name: 'Remove node2' }).click();
  await bob.page.getByRole('button', { name: 'Sign and push' }).click();
  await bob.page
    .getByText(/SNAPSHOT_REVOKED/)
    .first()
    .waitFor();
  await eventually(async () =>
    assert.equal(await bob.page.locator('.answers').getByText('refused', { exact: true }).count(), 3),
  );
  assert.equal((await client(2).members.list()).hash, before.hash);
  await admin.show('Admins and keys');
  await page.locator(`tr[data-serial="${serial}"]`).getByText('revoked').waitFor();

  for (const one of [admin, bob, atThird]) {
    assert.deepEqual(await seriousFindings(one), []);
    await assertNothingStored(one);
    assert.deepEqual(one.complaints, []);
  }
});
