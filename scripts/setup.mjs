// Installs what is missing, once. Built-ins only: it runs before anything is installed, on Node 20 too.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.p2pos-setup');
const lockFolder = join(root, '.p2pos-setup-lock');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(process.platform + process.arch)
  .digest('hex');

const isReady = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted;
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const fail = (text) => {
  console.error(text);
  process.exit(1);
};

if (!isReady()) {
  takeLock();
  try {
    if (!isReady()) install();
  } finally {
    rmSync(lockFolder, { recursive: true, force: true });
  }
}
const node = requireNode24();
buildPage();

/** Two first runs at once: the second waits for the first. A lock whose owner is gone is taken over. */
function takeLock() {
  let told = false;
  for (;;) {
    try {
      mkdirSync(lockFolder);
      writeFileSync(join(lockFolder, 'pid'), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`setup: cannot write to ${root}: ${error.message}`);
    }
    if (!ownerLives()) {
      rmSync(lockFolder, { recursive: true, force: true });
      continue;
    }
    if (!told) console.error('setup: another first run is installing; waiting for it');
    told = true;
    pause(500);
  }
}

function ownerLives() {
  try {
    const pid = Number(readFileSync(join(lockFolder, 'pid'), 'utf8'));
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error.code === 'EPERM') return true;
    // The folder may be so new that its pid file is not written yet.
    return (
      error.code === 'ENOENT' && existsSync(lockFolder) && Date.now() - statSync(lockFolder).mtimeMs < 5_000
    );
  }
}

function install() {
  const npm = process.env.npm_execpath;
  if (!npm) fail('setup: run this through npm: npm start, npm test');
  console.error('setup: installing dependencies into node_modules (first run only, about half a minute) …');
  const started = Date.now();
  const result = spawnSync(
    process.execPath,
    [npm, 'ci', '--include=dev', '--include=optional', '--loglevel=error', '--engine-strict=false'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (result.status !== 0) {
    fail(
      'setup: npm ci failed (see above). Check that the npm registry can be reached, then run the same command again.',
    );
  }
  writeFileSync(stampFile, wanted);
  console.error(`setup: done in ${Math.round((Date.now() - started) / 1000)} s`);
}

function requireNode24() {
  const pinned = join(modules, '.bin', 'node');
  const command = existsSync(pinned) ? pinned : 'node';
  const found = spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? 'none';
  if (Number(/^v(\d+)/.exec(found)?.[1] ?? 0) < 24) {
    fail(
      `setup: P2POS needs Node 24 or newer on ${process.platform}-${process.arch}, found ${found}. Install it from nodejs.org, then run the same command again.`,
    );
  }
  return command;
}

/** Only when its sources changed; a page that cannot be built is no reason not to start. */
function buildPage() {
  const { status } = spawnSync(node, [join(root, 'scripts/page.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) console.error('setup: the page at / could not be built (see above); all else works');
}
