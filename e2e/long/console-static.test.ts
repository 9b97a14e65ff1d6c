/** The console as files of a plain web server: it is a peer of the nodes, governs them with a bundle, and stores nothing. */
import assert from 'node:assert/strict';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { sealText } from '../../packages/cli/src/keys/age-file.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import {
  assertNothingStored,
  type ConsolePage,
  hasBrowser,
  openBrowser,
  openConsole,
  PAGE_FOLDER,
  seriousFindings,
  watchPage,
} from '../console-page.ts';
import { startDev } from '../harness.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
};
const PASSPHRASE = 'a passphrase for a test';

/** Knows nothing of the system. */
async function openSite(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(({ url = '/' }, response) => {
    const path = normalize(url);
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
    createReadStream(join(PAGE_FOLDER, path))
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/static.html`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('a page from a plain web server governs a system with an admin bundle', {
  skip: !hasBrowser,
  timeout: 180_000,
}, async () => {
  await using site = await openSite();
  await using dev = await startDev({ nodes: 3 });
  await using browser = await openBrowser();

  // The bundle is made where the files are.
  const sealed = join(dev.home, 'sealed.key');
  writeFileSync(sealed, await sealText(readFileSync(join(dev.home, 'system/admin.key'), 'utf8'), PASSPHRASE));
  const served = await openConsole(browser, { http: dev.node(0).http, token: dev.token(0) });
  await served.page.getByText('3 of 3 nodes answer').waitFor();
  await served.show('Health and settings');
  await served.page.getByLabel('Sealed key of the admin').setInputFiles(join(dev.home, 'system/admin.key'));
  await served.page.getByLabel('Proof of the admin').setInputFiles(join(dev.home, 'system/admin-proof.cbor'));
  await served.page.getByRole('button', { name: 'Make the bundle' }).click();
  await served.page.getByText('This key is not sealed by a passphrase.').waitFor();
  await served.page.getByLabel('Sealed key of the admin').setInputFiles(sealed);
  const made = served.page.getByRole('textbox', { name: 'Admin bundle', exact: true });
  // The page reads the file while the button is pressed already.
  await eventually(async () => {
    await served.page.getByRole('button', { name: 'Make the bundle' }).click();
    assert.ok(await made.isVisible());
  });
  const bundle = await made.inputValue();
  assert.match(bundle, /^p2pos-admin:\/\//);
  await served.context.close();

  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = watchPage(page);
  const person: Pick<ConsolePage, 'page' | 'context'> = { page, context };
  await page.goto(site.url);
  assert.deepEqual(await seriousFindings(person), []);
  await page.getByLabel('Admin bundle').fill(bundle);
  await page.getByLabel('Passphrase of its key').fill('another one');
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByText('This passphrase does not open the key.').waitFor();
  await page.getByLabel('Passphrase of its key').fill(PASSPHRASE);
  await page.getByRole('button', { name: 'Enter' }).click();
  await page.getByText('connected to 3 of 3 members').waitFor();

  await page.getByRole('navigation').getByRole('link', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Edit node1' }).click();
  await page.getByLabel('Zone').fill('eu/berlin');
  await page.getByRole('button', { name: 'Change in the next snapshot' }).click();
  await page.getByRole('button', { name: 'Sign and push' }).click();
  await page.getByText('Snapshot 2 is in force.').first().waitFor();
  assert.equal(await page.getByText('in force', { exact: true }).count(), 3);
  await using client = dev.client(2);
  const { members } = await client.members.list();
  assert.equal(members.find(({ name }) => name === 'node1')?.zone, 'eu/berlin');

  // The node that it came by dies; the page goes on.
  dev.kill(0);
  await page.getByText('connected to 2 of 3 members').waitFor();
  await page.getByRole('button', { name: 'Edit node2' }).click();
  await page.getByLabel('Zone').fill('eu/paris');
  await page.getByRole('button', { name: 'Change in the next snapshot' }).click();
  await page.getByRole('button', { name: 'Sign and push' }).click();
  await page.getByText('Snapshot 3 is in force.').first().waitFor();

  for (const title of ['Overview', 'Admins and keys', 'Conflicts']) {
    await page.getByRole('navigation').getByRole('link', { name: title }).click();
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    assert.deepEqual(await seriousFindings(person), [], title);
  }
  await assertNothingStored(person);
  assert.deepEqual(complaints, []);
});
