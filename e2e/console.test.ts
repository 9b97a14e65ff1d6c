/** The console on a development system: a key that outlives a node, a snapshot signed in the page, and nothing stored. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  assertNothingStored,
  hasBrowser,
  openBrowser,
  openConsole,
  seriousFindings,
} from './console-page.ts';
import { CLONE, startDev } from './harness.ts';

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

  assert.deepEqual(await seriousFindings(person), []);
  await assertNothingStored(person);
  await page.getByRole('button', { name: 'Lock', exact: true }).click();
  await page.getByRole('button', { name: 'Unlock with an admin key' }).waitFor();
  assert.deepEqual(person.complaints, []);
});
