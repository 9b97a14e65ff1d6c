import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seal, unseal } from '../../../node/src/core/identity/key-format.ts';
import { isSealedText, openSealedText, sealText } from './age-file.ts';

const PASSPHRASE = 'correct horse battery staple';

test('what is sealed here opens here and with age, and the other way round', async () => {
  const sealed = await sealText('a key\n', PASSPHRASE, 10);
  assert.ok(isSealedText(sealed));
  assert.equal(await openSealedText(sealed, PASSPHRASE), 'a key\n');
  assert.equal(await unseal(sealed, PASSPHRASE), 'a key\n');
  assert.equal(await openSealedText(await seal('another', PASSPHRASE, 10), PASSPHRASE), 'another');
});

test('a wrong passphrase opens nothing; a changed file is told from it', async () => {
  const sealed = await sealText('a key', PASSPHRASE, 10);
  assert.equal(await openSealedText(sealed, 'wrong'), undefined);
  const lines = sealed.trimEnd().split('\n');
  const body = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  for (const [at, complaint] of [
    [body.length - 1, /content was changed/],
    [3, /header/],
    [body.indexOf('--- ') + 6, /header was changed|base64/],
  ] as const) {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] as number) ^ 1;
    const text = [lines[0], changed.toString('base64'), lines.at(-1)].join('\n');
    await assert.rejects(openSealedText(text, PASSPHRASE), complaint);
  }
  await assert.rejects(openSealedText(lines.slice(0, -1).join('\n'), PASSPHRASE), /begin and end/);
});

test('a file that asks for all the memory there is is refused', async () => {
  const sealed = await sealText('a key', PASSPHRASE, 10);
  const lines = sealed.trimEnd().split('\n');
  const body = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  const greedy = Buffer.from(body.toString('latin1').replace(/ 10\n/, ' 30\n'), 'latin1');
  await assert.rejects(
    openSealedText([lines[0], greedy.toString('base64'), lines.at(-1)].join('\n'), PASSPHRASE),
    /factor of 30/,
  );
});
