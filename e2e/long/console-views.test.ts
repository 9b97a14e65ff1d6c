/** Every view of the console, in both colour schemes: what applications use, and nobody kept out of it. */
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
} from '../console-page.ts';
import { CLONE, startDev } from '../harness.ts';

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
  'Benchmark',
];

test('every view of the console works and keeps nobody out', {
  skip: !hasBrowser,
  timeout: 300_000,
}, async () => {
  execFileSync('node', [join(CLONE, 'scripts/page.mjs')]);
  await using dev = await startDev({ nodes: 3 });
  await using browser = await openBrowser();
  await using client = dev.client(2);
  const at = { http: dev.node(0).http, token: dev.token(0) };
  const person = await openConsole(browser, at);
  const { page } = person;
  await page.getByText('3 of 3 nodes answer').waitFor();

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

  await person.show('Benchmark');
  await page.getByLabel('For, seconds').fill('1');
  await page.getByRole('button', { name: 'Measure' }).click();
  await page.getByText(/^[1-9]\d* per second\.$/).waitFor();

  for (const title of VIEWS) {
    await person.show(title);
    assert.deepEqual(await seriousFindings(person), [], title);
  }
  await assertNothingStored(person);
  assert.deepEqual(person.complaints, []);

  const dark = await openConsole(browser, at, { dark: true });
  for (const title of VIEWS) {
    await dark.show(title);
    assert.deepEqual(await seriousFindings(dark, ['color-contrast']), [], `${title} in the dark`);
  }
  assert.deepEqual(dark.complaints, []);
});
