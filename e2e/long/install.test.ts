/** From a release archive to a node that runs under supervision: install.sh, the launcher, the unit. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { CLONE, isAlive } from '../harness.ts';

const SCRIPT = join(CLONE, 'deploy/install.sh');
const run = (file: string, words: readonly string[], env: Record<string, string>) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(file, words, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

describe('install.sh', () => {
  let folder = '';
  let archive = '';
  let sha256 = '';
  let env: Record<string, string> = {};
  const install = (...words: string[]) => run('sh', [SCRIPT, ...words], env);
  const whole = () => ['--archive', archive, '--sha256', sha256, '--no-service'];
  const at = (...parts: string[]) => join(folder, 'person', ...parts);

  before(async () => {
    folder = (await createTempFolder()).path;
    archive = join(folder, 'release.tar.gz');
    execFileSync('sh', [join(CLONE, 'deploy/build-release.sh'), '0.1.0', archive]);
    sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
    env = {
      HOME: at(),
      XDG_CONFIG_HOME: at('.config'),
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    };
  });

  test('T5: what is not the signed archive is not unpacked; wrong words are told', async () => {
    const changed = join(folder, 'changed.tar.gz');
    writeFileSync(changed, readFileSync(archive));
    appendFileSync(changed, 'x');
    const refused = await install('--archive', changed, '--sha256', sha256);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /not what was signed/);
    assert.ok(!existsSync(at('.local/share/p2pos/state.json')));
    assert.equal((await install('--archive', archive)).code, 2);
    assert.equal((await install('--frobnicate')).code, 2);
    const old = join(folder, 'old');
    execFileSync('sh', [
      '-c',
      `mkdir -p ${old} && printf '#!/bin/sh\\necho 20' > ${old}/node && chmod +x ${old}/node`,
    ]);
    const tooOld = await run('sh', [SCRIPT, ...whole()], { ...env, PATH: `${old}:/usr/bin:/bin` });
    assert.match(tooOld.stderr, /Node\.js 24 or newer is needed/);
  });

  test('installed twice it is the same; the node runs by the launcher, comes back after a kill, and all goes again', {
    timeout: 240_000,
  }, async () => {
    const first = await install(...whole());
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /P2POS 0\.1\.0 is installed/);
    const again = await install(...whole());
    assert.match(again.stdout, /version 0\.1\.0 is there already/);
    const prefix = at('.local/share/p2pos');
    assert.equal(readFileSync(join(prefix, 'state.json'), 'utf8'), '{"current":"0.1.0"}\n');
    const p2pctl = at('.local/bin/p2pctl');
    assert.match(readlinkSync(p2pctl), /versions\/0\.1\.0/);
    writeFileSync(join(folder, 'passphrase'), 'a passphrase for tests\n', { mode: 0o600 });
    const secret = ['--passphrase-file', join(folder, 'passphrase')];
    const made = await run(p2pctl, ['system', 'create', join(folder, 'system'), ...secret], env);
    assert.equal(made.code, 0, made.stderr);
    const words = [
      '--home',
      at('.p2pos'),
      '--system',
      join(folder, 'system'),
      '--found',
      '--domain',
      'acme.invalid',
    ];
    const net = [
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--http',
      '127.0.0.1:0',
      '--announce',
      '/ip4/203.0.113.7/tcp/4100',
    ];
    const home = await run(p2pctl, ['init', ...words, ...net, ...secret], env);
    assert.equal(home.code, 0, home.stderr);
    assert.match(
      home.stdout,
      /_dnsaddr\.acme\.invalid\. 3600 IN TXT "dnsaddr=\/ip4\/203\.0\.113\.7\/tcp\/4100\/p2p\/12D3/,
    );

    // What a service manager does: start it again when it ends.
    let output = '';
    let stopping = false;
    const pids: number[] = [];
    const supervise = () => {
      const child = spawn(
        process.execPath,
        [join(prefix, 'launcher.mjs'), prefix, 'run', '--home', at('.p2pos')],
        {
          env: { ...process.env, ...env },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      child.stdout.on('data', (chunk) => (output += chunk));
      child.stderr.on('data', (chunk) => (output += chunk));
      child.once('exit', () => !stopping && supervise());
      pids.push(child.pid ?? 0);
    };
    supervise();
    try {
      await eventually(() => assert.match(output, /action=ready/), { timeoutMs: 60_000 });
      const node = Number(
        readFileSync(`/proc/${pids[0]}/task/${pids[0]}/children`, 'utf8').trim().split(' ')[0],
      );
      output = '';
      process.kill(node, 'SIGKILL');
      await eventually(() => assert.match(output, /action=ready/), { timeoutMs: 60_000 });
    } finally {
      stopping = true;
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGTERM');
      await eventually(() => assert.ok(!pids.some(isAlive)), { timeoutMs: 30_000 });
    }

    const gone = await install('--uninstall');
    assert.equal(gone.code, 0, gone.stderr);
    assert.ok(!existsSync(prefix) && !existsSync(p2pctl) && existsSync(at('.p2pos/node.key')));
    await install('--uninstall', '--purge');
    assert.ok(!existsSync(at('.p2pos')));
  });

  test('the unit is what systemd takes, and leaves little to attack', {
    skip: !hasSystemdAnalyze() && 'needs systemd-analyze',
  }, async () => {
    const unit = join(folder, 'p2pos.service');
    const text = readFileSync(join(CLONE, 'deploy/p2pos.service'), 'utf8')
      .replaceAll('@NODE@', process.execPath)
      .replaceAll('@PREFIX@', '/opt/p2pos')
      .replaceAll('@HOME@', '/var/lib/p2pos')
      .replaceAll('@WANTED@', 'multi-user.target');
    assert.ok(!/@[A-Z]+@/.test(text));
    writeFileSync(unit, text);
    const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    const complaints = `${verified.stdout}${verified.stderr}`
      .split('\n')
      .filter((line) => line.includes('p2pos.service:') && !line.includes('Unknown user'));
    assert.deepEqual(complaints, []);
    const security = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=25', unit], {
      encoding: 'utf8',
    });
    assert.equal(security.status, 0, `${security.stdout.split('\n').slice(-4).join('\n')}${security.stderr}`);
  });
});

function hasSystemdAnalyze(): boolean {
  return spawnSync('systemd-analyze', ['--version']).status === 0;
}
