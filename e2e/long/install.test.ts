/** From a release archive to a node that runs under supervision: install.sh, the launcher, the unit. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    assert.match((await run(p2pctl, ['--help'], env)).stdout, /system create|Usage/);
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

  test('in a clean root --system makes the user, and the node runs by its unit as that user, comes back after kill -9, and all goes again', {
    timeout: 300_000,
    skip: whyNoCleanRoot(),
  }, async () => {
    await using temp = await createTempFolder();
    const root = join(temp.path, 'root');
    for (const name of ['etc/systemd/system', 'var/lib', 'usr', 'opt/node/bin', 'root', 'local/bin', 'tmp'])
      mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
    writeFileSync(join(root, 'inside.sh'), INSIDE);
    writeFileSync(join(root, 'root/passphrase'), 'a passphrase for tests\n', { mode: 0o600 });
    const words = [
      ...['--bind', root, '/', '--ro-bind', '/usr', '/usr', '--bind', join(root, 'local'), '/usr/local'],
      ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
      ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
      ...['--ro-bind', process.execPath, '/opt/node/bin/node'],
      ...['--ro-bind', archive, '/release.tar.gz', '--ro-bind', SCRIPT, '/install.sh'],
      ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--die-with-parent'],
      ...['--cap-add', 'ALL', '--clearenv', '--setenv', 'HOME', '/root', '--setenv', 'SHA256', sha256],
      ...['--setenv', 'PATH', '/usr/local/bin:/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...['--chdir', '/root', 'sh', '-eu', '/inside.sh'],
    ];
    const { code, stdout, stderr } = await run('timeout', ['240', 'bwrap', ...words], {});
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.match(stdout, /P2POS 0\.1\.0 is installed in \/opt\/p2pos/);
    assert.match(stdout, /^runs as p2pos, not as root$/m);
    assert.match(stdout, /^came back after its node was killed$/m);
    assert.match(stdout, /^came back after its launcher was killed$/m);
    assert.match(stdout, /^all is gone$/m);
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
    // A node that ended often is started again all the same.
    assert.match(text, /^Restart=always$/m);
    assert.match(text, /^StartLimitIntervalSec=0$/m);
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

/** What an operator does on a new machine; the loop stands for the service manager and takes its words from the unit. */
const INSIDE = `
[ "$(ls /opt)" = node ]
sh /install.sh --system --archive /release.tar.gz --sha256 "$SHA256"
p2pctl system create /root/system --passphrase-file /root/passphrase
p2pctl init --home /var/lib/p2pos --system /root/system --found --passphrase-file /root/passphrase
chown -R p2pos: /var/lib/p2pos
unit=/etc/systemd/system/p2pos.service
user=$(sed -n 's/^User=//p' $unit) command=$(sed -n 's/^ExecStart=//p' $unit)
grep -q '^Restart=always$' $unit
(while :; do
  setpriv --reuid="$user" --regid="$user" --clear-groups $command >>/tmp/log 2>&1 & echo $! >/tmp/launcher
  wait $! || true
  sleep 1
done) &
ready() {
  for _ in $(seq 240); do
    if [ "$(grep -c action=ready /tmp/log)" -ge "$1" ] &&
      node -e "fetch('http://127.0.0.1:4180/v1/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"; then return 0; fi
    sleep 0.5
  done
  cat /tmp/log
  return 1
}
: >/tmp/log
ready 1
node=$(tr ' ' '\\n' </proc/$(cat /tmp/launcher)/task/$(cat /tmp/launcher)/children | head -n 1)
[ "$(stat -c %U /proc/$node)" = p2pos ] && echo 'runs as p2pos, not as root'
kill -9 "$node"
ready 2 && echo 'came back after its node was killed'
kill -9 "$(tr ' ' '\\n' </proc/$(cat /tmp/launcher)/task/$(cat /tmp/launcher)/children | head -n 1)" "$(cat /tmp/launcher)"
ready 3 && echo 'came back after its launcher was killed'
sh /install.sh --uninstall --system --purge
[ ! -e /opt/p2pos ] && [ ! -e /var/lib/p2pos ] && [ ! -e $unit ] && [ ! -e /usr/local/bin/p2pctl ] && echo 'all is gone'
`;

/** A root of the present system's programs and nothing else of it; false: it can be had. */
function whyNoCleanRoot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to make a user';
  for (const [program, ...words] of [
    ['bwrap', '--ro-bind', '/', '/', '--unshare-pid', '--unshare-net', 'true'],
    ['setpriv', '--version'],
    ['useradd', '--help'],
  ] as const) {
    if (spawnSync(program, words).status !== 0) return `needs ${program} that works here`;
  }
  return false;
}

function hasSystemdAnalyze(): boolean {
  return spawnSync('systemd-analyze', ['--version']).status === 0;
}
