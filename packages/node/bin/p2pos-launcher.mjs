#!/usr/bin/env node
// Runs the version of the node that an installation names, and goes back by itself when a new one is not found good.
// It lies outside of what it updates and is kept small: plain JavaScript, no packages.
//
//   p2pos-launcher.mjs FOLDER run --home HOME
//
// FOLDER/state.json: {current, trial?: {from, timeoutMs, starts}, failed?: {version, reason}}; FOLDER/versions/VERSION/…
import { spawn } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What a node ends with to be started anew at once. */
const RESTART = 75;
const LOOK_MS = 500;
/** A trial that was cut off by a power failure is tried again, but not for ever. */
const MAX_STARTS = 3;
const VERSION = /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[a-z]{1,16}\.\d{1,6})?$/;

const [place, ...words] = process.argv.slice(2);
if (!place || words.length === 0) {
  console.error('usage: p2pos-launcher FOLDER run --home HOME');
  process.exit(2);
}
const folder = resolve(place);
const stateFile = join(folder, 'state.json');
let child;
let asked;

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    asked = signal;
    child?.kill(signal);
  });
}
process.on('SIGHUP', () => child?.kill('SIGHUP'));

for (;;) {
  const ending = await runOnce();
  if (asked) process.exit(ending.code ?? 0);
  const { trial, current } = readState();
  if (trial && ending.code !== RESTART) {
    goBack(current, trial, ending.why);
    continue;
  }
  if (ending.code !== RESTART) process.exit(ending.code ?? 1);
}

async function runOnce() {
  let { current, trial } = readState();
  if (trial && trial.starts >= MAX_STARTS) {
    goBack(current, trial, `it was started ${trial.starts} times and never found good`);
    ({ current, trial } = readState());
  }
  if (trial) writeState({ ...readState(), trial: { ...trial, starts: trial.starts + 1 } });
  const entry = join(folder, 'versions', current, 'packages/node/bin/p2pos-node.mjs');
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=8',
    entry,
    ...words,
    '--update-folder',
    folder,
  ];
  say('launch', { version: current, trial: trial !== undefined });
  child = spawn(process.execPath, args, { stdio: 'inherit' });
  const ended = new Promise((done) => {
    child.once('error', (error) => done({ code: 1, why: error.message }));
    child.once('exit', (code, signal) =>
      done({ code, why: signal ? `it was ended by ${signal}` : `it ended with ${code}` }),
    );
  });
  if (!trial) return ended;
  const deadline = performance.now() + trial.timeoutMs;
  let late = false;
  const timer = setInterval(() => {
    if (!readState().trial) return clearInterval(timer);
    if (performance.now() < deadline || late) return;
    late = true;
    say('trial_over', { version: current });
    child.kill('SIGKILL');
  }, LOOK_MS);
  const ending = await ended;
  clearInterval(timer);
  return late ? { code: 1, why: `it was not healthy within ${trial.timeoutMs} ms` } : ending;
}

function goBack(version, trial, reason) {
  say('go_back', { version, to: trial.from, reason });
  writeState({ current: trial.from, failed: { version, reason } });
}

function readState() {
  const state = JSON.parse(readFileSync(stateFile, 'utf8'));
  const named = [state.current, ...(state.trial ? [state.trial.from] : [])];
  if (!named.every((version) => VERSION.test(version))) throw new Error(`${stateFile} names no version`);
  return state;
}

function writeState(state) {
  const draft = `${stateFile}.launcher`;
  const file = openSync(draft, 'w', 0o644);
  writeSync(file, `${JSON.stringify(state)}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(draft, stateFile);
}

function say(action, fields) {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  console.log(`${new Date().toISOString()} info  action=${action} ${pairs.join(' ')} msg="launcher"`);
}
