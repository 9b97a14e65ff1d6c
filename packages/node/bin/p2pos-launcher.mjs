#!/usr/bin/env node
// Runs the version of the node that an installation names, and goes back by itself when a new one is not found good.
// It lies outside of what it updates and is kept small: plain JavaScript, no packages.
//
//   p2pos-launcher.mjs FOLDER run --home HOME
//
// FOLDER/state.json: {current, trial?: {from, timeoutMs, starts}, failed?: {version, reason}}; FOLDER/versions/VERSION/…
import { spawn } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
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
/** The last state that could be read. */
let known;
/** What could not be written, over which file; it counts until it can be, or the node writes another. */
let unwritten;

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
  // What ended chose another to run next: how it ended does not speak against that one.
  const isChosen = trial && ending.tried !== current;
  if (ending.code === RESTART || isChosen) continue;
  if (!trial || !ending.began) process.exit(ending.code ?? 1);
  goBack(current, trial, ending.why);
}

/** `tried`: the version that ran on trial; `began`: false when not even its process could be started. */
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
  const began = child.pid !== undefined;
  if (trial && !began) writeState({ ...readState(), trial });
  const ended = new Promise((done) => {
    child.once('error', (error) => done({ code: 1, why: error.message }));
    child.once('exit', (code, signal) =>
      done({ code, why: signal ? `it was ended by ${signal}` : `it ended with ${code}` }),
    );
  });
  const deadline = trial && performance.now() + trial.timeoutMs;
  let late = false;
  const look = () => {
    const state = readState();
    if (unwritten) writeState(state);
    const isOnTrial = trial && state.trial && state.current === current;
    if (!isOnTrial && !unwritten) return clearInterval(timer);
    if (!isOnTrial || performance.now() < deadline || late) return;
    late = true;
    say('trial_over', { version: current });
    child.kill('SIGKILL');
  };
  const timer = trial || unwritten ? setInterval(look, LOOK_MS) : undefined;
  const ending = { ...(await ended), tried: trial && current, began };
  clearInterval(timer);
  return late ? { ...ending, code: 1, why: `it was not healthy within ${trial.timeoutMs} ms` } : ending;
}

function goBack(version, trial, reason) {
  say('go_back', { version, to: trial.from, reason });
  writeState({ current: trial.from, failed: { version, reason } });
}

function readState() {
  if (unwritten && unwritten.over === stamp()) return unwritten.state;
  unwritten = undefined;
  try {
    const state = JSON.parse(readFileSync(stateFile, 'utf8'));
    const named = [state.current, ...(state.trial ? [state.trial.from] : [])];
    if (!named.every((version) => VERSION.test(version))) throw new Error(`${stateFile} names no version`);
    known = state;
  } catch (error) {
    if (!known) throw error;
  }
  return known;
}

/** A disk that is full or failing must not stop a version that can run: the state is kept here meanwhile. */
function writeState(state) {
  const draft = `${stateFile}.launcher`;
  try {
    const file = openSync(draft, 'w', 0o644);
    try {
      writeFileSync(file, `${JSON.stringify(state)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, stateFile);
    known = state;
    unwritten = undefined;
  } catch (error) {
    if (!unwritten) say('state_unwritten', { reason: error.message });
    unwritten = { state, over: stamp() };
  }
}

/** Of the file as it lies there: each that replaces it has another. */
function stamp() {
  try {
    const { ino, mtimeMs } = statSync(stateFile);
    return `${ino} ${mtimeMs}`;
  } catch {
    return 'none';
  }
}

function say(action, fields) {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  console.log(`${new Date().toISOString()} info  action=${action} ${pairs.join(' ')} msg="launcher"`);
}
