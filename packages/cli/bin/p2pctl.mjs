#!/usr/bin/env node
// Starts the command line under Node 24. Plain JavaScript without newer features: Node 20 must be able to read it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Set for the child, so that a pinned runtime that is itself too old ends here instead of starting itself for ever. */
const MARK = 'P2PCTL_STARTED_BY';
const isNewEnough = Number(process.versions.node.split('.')[0]) >= 24;

if (isNewEnough) await startHere();
else startPinned();

async function startHere() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'object' && rest[0] !== null ? rest[0].type : rest[0];
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest);
  };
  if (process.env[MARK] !== undefined) {
    delete process.env[MARK];
    // The starter cannot pass on SIGKILL, but its channel closes with it.
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel?.unref();
  }
  module.enableCompileCache?.();
  const { main } = await import('../src/main.ts');
  await main(process.argv.slice(2));
}

function startPinned() {
  const node =
    process.env[MARK] === undefined ? findPinned(dirname(fileURLToPath(import.meta.url))) : undefined;
  if (node === undefined) {
    console.error(
      `error: p2pctl needs Node 24 or newer; this is ${process.version} and none is installed with it.\ntry: npm start in the clone, which installs one, or install Node 24 from nodejs.org`,
    );
    process.exit(1);
  }
  const child = spawn(node, process.argv.slice(1), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [MARK]: String(process.pid) },
  });
  const passed = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  for (const signal of passed) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(
      `error: cannot start ${node}: ${error.message}\ntry: npm start in the clone, which repairs the installation`,
    );
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of passed) process.removeAllListeners(name);
    process.kill(process.pid, signal);
    // A signal that does not end this process still has to become its exit code.
    setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 100);
  });
}

function findPinned(folder) {
  const candidate = join(folder, 'node_modules', '.bin', 'node');
  if (existsSync(candidate)) return candidate;
  return dirname(folder) === folder ? undefined : findPinned(dirname(folder));
}
