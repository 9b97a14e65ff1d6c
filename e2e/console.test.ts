/** The console on a development system: every view, the key panel, a member removed, nothing stored, nobody kept out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@p2pos/sdk';
import {
  assertNothingStored,
  hasBrowser,
  openBrowser,
  openConsole,
  seriousFindings,
} from './console-page.ts';
import { CLONE, startDev } from './harness.ts';

const VIEWS = [
  'Overview',
  'Members',
  'Health and settings',
  'Admins and keys',
  'Signing together',
  'Conflicts',
  'Audit log',
  'Found a system',
  'Keys and values',
  'SQL',
  'Topics',
  'Apps',
];

test('the console shows a system, changes it by signatures made in the page, and keeps nothing', {
  skip: !hasBrowser,
  timeout: 180_000,
}, async () => {
  execFileSync('node', [join(CLONE, 'scripts/page.mjs')]);
  await using dev = await startDev({ nodes: 4 });
  await using browser = await openBrowser();
  const at = { http: dev.node(0).http, token: dev.token(0) };
  const person = await openConsole(browser, at);
  const { page } = person;

  // Data in, data out; a node dies and is started again.
  await page.getByText('4 of 4 nodes answer').waitFor();
  await page.getByRole('button', { name: 'Store' }).click();
  await page.getByText(/Stored in \d+ ms, on the disks of node/).waitFor();
  assert.ok((await page.locator('.ring .holds').count()) >= 3);
  await page.getByRole('button', { name: 'kill -9 node3' }).click();
  await page.getByText('3 of 4 nodes answer').waitFor();
  await page.getByText('node3 is not answering').waitFor();
  await page.getByRole('button', { name: 'start node3' }).click();
  await page.getByText('4 of 4 nodes answer').waitFor();
  await page.getByLabel('Value').fill('');
  await page.getByRole('button', { name: 'Read', exact: true }).click();
  await page.getByText(/Read in \d+ ms/).waitFor();
  assert.equal(await page.getByLabel('Value').inputValue(), 'hello from five machines');

  // Locked, nothing can be signed; with the admin's key it can.
  await person.show('Members');
  assert.ok(await page.getByRole('button', { name: 'Sign the same again' }).isDisabled());
  const system = join(dev.home, 'system');
  await person.unlock({ key: join(system, 'admin.key'), proof: join(system, 'admin-proof.cbor') });
  await page.getByRole('button', { name: 'Edit node1' }).click();
  await page.getByLabel('Zone').fill('not a zone');
  await page.getByRole('button', { name: 'Change in the next snapshot' }).click();
  assert.match((await page.getByRole('dialog').getByRole('alert').textContent()) ?? '', /Zone: must be/);
  await page.getByLabel('Zone').fill('eu/berlin');
  await page.getByRole('button', { name: 'Change in the next snapshot' }).click();
  await page.getByText('Zone: – → eu/berlin').waitFor();
  await page.getByRole('button', { name: 'Remove node3' }).click();
  await page.getByRole('button', { name: 'Sign and push' }).click();
  await page.getByText('Snapshot 2 is in force.').first().waitFor();
  await page.getByText('removed; its connections are closed').waitFor();
  assert.equal(await page.getByText('in force', { exact: true }).count(), 3);
  await using client = dev.client(2);
  const { epoch, members } = await client.members.list();
  assert.equal(epoch, 2);
  assert.deepEqual(members.map(({ name, zone }) => `${name} ${zone}`).sort(), [
    'node0 ',
    'node1 eu/berlin',
    'node2 ',
  ]);

  // What applications use: rows that change by themselves, messages as they come, a tenant with its token.
  await person.show('SQL');
  await page.getByLabel('New database').fill('shop');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('shop is there.').waitFor();
  await page.getByLabel('One statement').fill('CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('rows changed in').waitFor();
  await page.getByLabel('One statement').fill('SELECT what FROM orders');
  await page.getByRole('button', { name: 'Keep it live' }).click();
  await page.getByText(/^live, at \d/).waitFor();
  await client.sql('shop').execute("INSERT INTO orders (what) VALUES ('tea')");
  await page.getByRole('cell', { name: 'tea' }).waitFor();
  await person.show('Topics');
  await page.getByRole('button', { name: 'Listen' }).click();
  await page.getByText(/The subscription stands/).waitFor();
  await client.pubsub.publish('news', 'from elsewhere');
  await page.getByText('from elsewhere').waitFor();
  await person.show('Apps');
  await page.getByLabel('New app').fill('shop');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('shop is made.').waitFor();
  await page.getByRole('button', { name: 'shop active' }).click();
  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = await page.getByRole('textbox', { name: 'The token' }).inputValue();
  await using tenant = connect({ url: at.http, token });
  assert.equal((await tenant.whoami()).app, 'shop');

  for (const title of VIEWS) {
    await person.show(title);
    assert.deepEqual(await seriousFindings(person), [], title);
  }
  await assertNothingStored(person);
  await page.getByRole('button', { name: 'Lock', exact: true }).click();
  await page.getByRole('button', { name: 'Unlock with an admin key' }).waitFor();
  assert.deepEqual(person.complaints, []);

  const dark = await openConsole(browser, at, { dark: true });
  for (const title of VIEWS) {
    await dark.show(title);
    assert.deepEqual(await seriousFindings(dark, ['color-contrast']), [], `${title} in the dark`);
  }
  assert.deepEqual(dark.complaints, []);
});
