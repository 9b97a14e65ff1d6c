/** Two admins sign after one snapshot: the console shows who is kept out because of it, and signs the merge. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { hasBrowser, openBrowser, openConsole, seriousFindings } from '../console-page.ts';
import { foundSystem } from '../founded.ts';

test('T8: the console shows a branch that lost and merges it', {
  skip: !hasBrowser,
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({ nodes: 3 });
  const { nodes, passphraseFile, system: place } = system;
  const done = ({ code, stderr }: { code: number; stderr: string }) => assert.equal(code, 0, stderr);
  // Apart from each other: the first removal loses to the later change, and still holds.
  for (const index of [1, 2]) await system.stop(index);
  done(await system.asAdmin(0, 'members', 'remove', 'node2'));
  await system.stop(0);
  await system.start(1);
  done(await system.asAdmin(1, 'members', 'renew'));
  for (const index of [0, 2]) await system.start(index);

  await using browser = await openBrowser();
  const node = nodes[0] ?? assert.fail('no node');
  const token = readFileSync(join(node.home, 'token'), 'utf8').trim();
  const person = await openConsole(browser, { http: node.http, token });
  const { page } = person;
  await person.show('Conflicts');
  await eventually(
    async () => {
      await page.reload();
      await page.getByText('Kept out because of it: node2').waitFor({ timeout: 1_000 });
    },
    { timeoutMs: 60_000 },
  );
  await person.unlock({
    key: join(place, 'admin.key'),
    proof: join(place, 'admin-proof.cbor'),
    passphrase: readFileSync(passphraseFile, 'utf8').trim(),
  });
  assert.deepEqual(await seriousFindings(person), []);
  await page.getByLabel('node2').check();
  await page.getByRole('button', { name: 'Sign the merge and push' }).click();
  await page.getByText('Snapshot 5 is in force.').first().waitFor();
  await page.getByText('There is no conflict.').waitFor();
  await using client = system.client(0);
  const { members } = await client.members.list();
  assert.deepEqual(members.map(({ name }) => name).sort(), ['node0', 'node1', 'node2']);
  assert.deepEqual(person.complaints, []);
});
