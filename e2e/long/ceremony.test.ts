/** The root of trust through p2pctl, by files alone: what is signed where, and what each mistake is answered with. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { p2pctl } from '../harness.ts';

const HOLDERS = ['anna', 'ben', 'cleo', 'dara', 'emil'] as const;

interface Desk {
  readonly at: (name: string) => string;
  /** Runs it and expects success; the JSON that it answers. */
  run(...words: string[]): Promise<Record<string, unknown>>;
  /** Runs it and expects a refusal; its code. */
  refusal(...words: string[]): Promise<string>;
  passphrase(name: string): string;
  sign(request: string, holder: string, ...more: string[]): Promise<string>;
}

async function createDesk(folder: string): Promise<Desk> {
  const at = (name: string) => join(folder, name);
  const passphrase = (name: string) => {
    const file = at(`${name}.passphrase`);
    writeFileSync(file, `the passphrase of ${name}\n`, { mode: 0o600 });
    return file;
  };
  const run: Desk['run'] = async (...words) => {
    const { code, stdout, stderr } = await p2pctl(...words, '--json');
    assert.equal(code, 0, `${words.join(' ')}\n${stderr}`);
    return JSON.parse(stdout);
  };
  return {
    at,
    passphrase,
    run,
    async refusal(...words) {
      const { code, stderr } = await p2pctl(...words, '--json');
      assert.notEqual(code, 0, `${words.join(' ')} was done`);
      const error = JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error;
      assert.ok(error.message.length > 20 && error.try.length > 0);
      return error.code;
    },
    async sign(request, holder, ...more) {
      const out = `${request}.${holder}.share`;
      const words = ['keys', 'sign', request, '--key', at(`${holder}.key`), '--yes', '--out', out];
      await run(...words, '--passphrase-file', passphrase(holder), ...more);
      return out;
    },
  };
}

async function createKeys(desk: Desk, holders: readonly string[], role = 'system'): Promise<string[]> {
  await Promise.all(
    holders.map((holder) =>
      desk.run(
        'keys',
        'create',
        desk.at(`${holder}.key`),
        '--role',
        role,
        '--passphrase-file',
        desk.passphrase(holder),
      ),
    ),
  );
  return holders.map((holder) => desk.at(`${holder}.pub`));
}

test('five keys made apart found a system, three of them name an admin, and each step is verified alone', {
  timeout: 300_000,
}, async () => {
  await using folder = await createTempFolder();
  const desk = await createDesk(folder.path);
  const { at, run, refusal, sign } = desk;
  const publicKeys = await createKeys(desk, HOLDERS);
  await createKeys(desk, ['admin'], 'admin');
  assert.equal(statSync(at('anna.key')).mode & 0o777, 0o600);
  assert.ok(!readFileSync(at('anna.key'), 'utf8').includes('PRIVATE KEY'));
  const system = at('acme');
  const founded = await run(
    'system',
    'create',
    system,
    '--name',
    'Acme',
    '--public-keys',
    ...publicKeys,
    '--threshold',
    '3',
  );
  const request = join(system, 'genesis.request');
  const transcript = join(system, 'transcript.jsonl');
  const genesis = join(system, 'genesis.cbor');

  const shares = await Promise.all(['anna', 'ben', 'cleo'].map((holder) => sign(request, holder)));
  const combine = (...files: string[]) => [
    'keys',
    'combine',
    request,
    ...files,
    '--out',
    genesis,
    '--transcript',
    transcript,
  ];
  assert.equal(await refusal(...combine(shares[0] ?? '', shares[1] ?? '')), 'CEREMONY_SHARES_MISSING');
  assert.equal(
    await refusal(...combine(shares[0] ?? '', shares[0] ?? '', shares[1] ?? '')),
    'CEREMONY_SHARE_TWICE',
  );
  await run(...combine(...shares));
  const verified = await run('keys', 'verify', transcript, '--system-id', String(founded['systemId']));
  assert.equal(verified['threshold'], 3);
  assert.equal((verified['keys'] as string[]).length, 5);

  const systemId = String(founded['systemId']);
  const asked = await run(
    'proof',
    'request',
    '--transcript',
    transcript,
    '--admin',
    at('admin.pub'),
    '--out',
    at('proof.request'),
  );
  assert.equal(
    await refusal('keys', 'sign', at('proof.request'), '--key', at('anna.key'), '--yes'),
    'CEREMONY_UNPINNED',
  );
  const proofShares = await Promise.all(
    ['ben', 'dara', 'emil'].map((holder) => sign(at('proof.request'), holder, '--system-id', systemId)),
  );
  await run(
    'keys',
    'combine',
    at('proof.request'),
    ...proofShares,
    '--out',
    at('proof.cbor'),
    '--transcript',
    transcript,
  );
  const [proof] = (await run('keys', 'verify', transcript))['proofs'] as {
    serial: string;
    revoked: boolean;
  }[];
  assert.deepEqual({ ...proof, serial: proof?.serial, revoked: false }, proof);
  assert.equal(proof?.serial, asked['serial']);
  assert.match((await p2pctl('keys', 'inspect', at('proof.cbor'))).stdout, /^admin proof\n.*members:force/s);

  // A share of one request does not serve another, and a file of another kind is named.
  await run(
    'proof',
    'request',
    '--transcript',
    transcript,
    '--admin',
    at('admin.pub'),
    '--out',
    at('second.request'),
  );
  assert.equal(
    await refusal('keys', 'combine', at('second.request'), ...proofShares),
    'CEREMONY_SHARE_FOREIGN',
  );
  assert.equal(await refusal('keys', 'combine', at('anna.pub'), ...proofShares), 'CEREMONY_FILE_KIND');
  assert.equal(await refusal('keys', 'combine', at('second.request'), at('anna.pub')), 'CEREMONY_FILE_KIND');

  const lines = readFileSync(transcript, 'utf8').trimEnd().split('\n');
  for (const [index, line] of lines.entries()) {
    const changed = [
      ...lines.slice(0, index),
      line.replace('"document":"o', '"document":"p'),
      ...lines.slice(index + 1),
    ];
    writeFileSync(at('forged.jsonl'), `${changed.join('\n')}\n`);
    assert.equal(await refusal('keys', 'verify', at('forged.jsonl')), 'TRANSCRIPT_BROKEN');
  }
  writeFileSync(at('forged.jsonl'), `${lines.slice(1).join('\n')}\n`);
  assert.equal(await refusal('keys', 'verify', at('forged.jsonl')), 'TRANSCRIPT_BROKEN');
});

test('wrong passphrase, mixed-up key, changed request, wrong system: each has its own answer, and nothing is signed', {
  timeout: 300_000,
}, async () => {
  await using folder = await createTempFolder();
  const desk = await createDesk(folder.path);
  const { at, run, refusal, passphrase } = desk;
  const [one = '', other = ''] = [at('one'), at('other')];
  for (const place of [one, other]) {
    await run(
      'system',
      'create',
      place,
      '--keys',
      '1',
      '--release-keys',
      '0',
      '--passphrase-file',
      passphrase('all'),
    );
  }
  const { systemId } = await run('keys', 'verify', join(one, 'transcript.jsonl'));
  const request = at('proof.request');
  await run(
    'proof',
    'request',
    '--transcript',
    join(one, 'transcript.jsonl'),
    '--admin',
    join(one, 'admin.pub'),
    '--out',
    request,
  );
  const sign = (...words: string[]) =>
    refusal(
      'keys',
      'sign',
      request,
      '--yes',
      '--out',
      at('never.share'),
      ...words,
      '--passphrase-file',
      passphrase('all'),
    );
  const key = join(one, 'system-1.key');
  const mine = ['--system-id', String(systemId)];

  writeFileSync(at('wrong.passphrase'), 'something else entirely\n');
  assert.equal(
    await refusal(
      'keys',
      'sign',
      request,
      '--yes',
      '--key',
      key,
      ...mine,
      '--passphrase-file',
      at('wrong.passphrase'),
    ),
    'SEALED_KEY_PASSPHRASE',
  );
  assert.equal(
    await refusal('keys', 'sign', request, '--yes', '--key', key, ...mine),
    'SEALED_KEY_PASSPHRASE_NEEDED',
  );
  assert.equal(await sign('--key', join(other, 'system-1.key'), ...mine), 'CEREMONY_KEY_UNASKED');
  assert.equal(await sign('--key', join(one, 'admin.key'), ...mine), 'CEREMONY_KEY_UNASKED');
  assert.equal(await sign('--key', join(one, 'admin.pub'), ...mine), 'FILE_UNREADABLE');
  assert.equal(await sign('--key', key, '--pinned', join(other, 'pinned-keys.txt')), 'CEREMONY_SYSTEM');
  assert.equal(await refusal('keys', 'sign', request, '--key', key, ...mine), 'CEREMONY_NOT_CONFIRMED');

  const text = readFileSync(request, 'utf8');
  const lines = text.split('\n');
  const middle = lines.findIndex((line) => line.startsWith('check: ')) + 1;
  lines[middle] = [...(lines[middle] ?? '')].reverse().join('');
  writeFileSync(at('tampered.request'), lines.join('\n'));
  assert.equal(
    await refusal('keys', 'sign', at('tampered.request'), '--yes', '--key', key, ...mine),
    'CEREMONY_FILE_DAMAGED',
  );
  assert.ok(!readdirSync(folder.path).includes('never.share'));
  assert.equal(
    await refusal('system', 'create', one, '--passphrase-file', passphrase('all')),
    'CEREMONY_FILE_EXISTS',
  );
  assert.equal(
    await refusal(
      'system',
      'create',
      at('weak'),
      '--keys',
      '4',
      '--threshold',
      '2',
      '--passphrase-file',
      passphrase('all'),
    ),
    'COMMAND_USAGE',
  );
  await mkdir(at('short'));
  writeFileSync(at('short.passphrase'), 'short\n');
  assert.equal(
    await refusal('keys', 'create', at('short/a.key'), '--passphrase-file', at('short.passphrase')),
    'COMMAND_USAGE',
  );
});

test('two lost keys of five: the other three put new ones in office; a second rotation beside it halts the root', {
  timeout: 300_000,
}, async () => {
  await using folder = await createTempFolder();
  const desk = await createDesk(folder.path);
  const { at, run, refusal, passphrase } = desk;
  const system = at('acme');
  const transcript = join(system, 'transcript.jsonl');
  const all = ['--passphrase-file', passphrase('all')];
  await run('system', 'create', system, '--keys', '5', '--threshold', '3', '--release-keys', '0', ...all);
  const held = [1, 2, 3].map((n) => join(system, `system-${n}.key`));
  const [fresh = '', spare = ''] = await createKeys(desk, ['all', 'spare']);
  const rotate = (publicKey: string, ...more: string[]) =>
    ['system', 'rotate', '--transcript', transcript, '--public-keys', publicKey, ...more] as const;

  const before = readFileSync(transcript);
  assert.equal(await refusal(...rotate(fresh, '--key', ...held), ...all), 'CEREMONY_SHARES_MISSING');
  await run(
    ...rotate(fresh, '--keep-all', '--out', at('rotation.cbor'), '--key', ...held, at('all.key')),
    ...all,
  );
  const rotated = await run('keys', 'verify', transcript, '--pinned', join(system, 'pinned-keys.txt'));
  assert.deepEqual([rotated['version'], rotated['threshold'], rotated['forked']], [2, 1, false]);
  assert.equal((rotated['proofs'] as { endedBy: unknown }[])[0]?.endedBy, null);

  // The same three sign another one behind everybody's back.
  const whole = readFileSync(transcript, 'utf8');
  writeFileSync(transcript, before);
  desk.passphrase('spare');
  writeFileSync(at('lines'), `${'the passphrase of all\n'.repeat(3)}the passphrase of spare\n`);
  await run(
    ...rotate(spare, '--out', at('fork.cbor'), '--key', ...held, at('spare.key')),
    '--passphrase-file',
    at('lines'),
  );
  const forked = readFileSync(transcript, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  writeFileSync(transcript, whole);
  const { createHash } = await import('node:crypto');
  const last = whole.trimEnd().split('\n');
  const line = {
    ...JSON.parse(forked),
    n: last.length + 1,
    previous: createHash('sha256')
      .update(last.at(-1) ?? '')
      .digest('hex'),
  };
  writeFileSync(transcript, `${whole}${JSON.stringify(line)}\n`);
  assert.equal((await run('keys', 'verify', transcript))['forked'], true);
  assert.equal(
    await refusal('proof', 'request', '--transcript', transcript, '--admin', join(system, 'admin.pub')),
    'ROOT_FORKED',
  );
});
