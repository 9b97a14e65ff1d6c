/** Durable topics between real processes: kept, replayed, followed through kills, shared by groups. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Client } from '@p2pos/sdk';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { CLONE, type DevSystem, shareDev, startDev } from './harness.ts';

const system = shareDev({ nodes: 3 });

const numbers = (to: number) => Array.from({ length: to }, (_, i) => i + 1);

test('what is acknowledged is kept through kill −9 of any node, in one order', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  const end = new AbortController();
  await using follower = dev.client(2);
  const heard: string[] = [];
  const following = (async () => {
    for await (const event of follower.topics.follow('log', { signal: end.signal }))
      if (event.type === 'message') heard.push(`${event.sequence} ${event.text()}`);
  })();
  // Each node has a token of its own here, so the next is tried by hand.
  const clients = [0, 1, 2].map((i) => dev.client(i));
  let turn = 0;
  const kept = new Map<number, string>();
  const say = async (text: string) => {
    const { sequence } = await eventually(
      () => (clients[turn++ % 3] as Client).topics.append('log', text, { idempotencyKey: text }),
      { timeoutMs: 30_000 },
    );
    assert.ok(!kept.has(sequence));
    kept.set(sequence, text);
  };
  for (let i = 0; i < 50; i++) await say(`a${i}`);
  dev.kill(0);
  for (let i = 0; i < 50; i++) await say(`b${i}`);
  dev.kill(1);
  for (let i = 0; i < 50; i++) await say(`c${i}`);
  assert.equal(kept.size, 150);
  const expected = [...kept].map(([sequence, text]) => `${sequence} ${text}`);
  await eventually(() => expected.every((one) => heard.includes(one)), { timeoutMs: 30_000 });
  end.abort();
  await following;
  for (const client of clients) await client.close();
  assert.equal(new Set(heard).size, heard.length, 'nothing twice');
  const replayed: string[] = [];
  await using reader = dev.client(2);
  for await (const message of reader.topics.replay('log'))
    replayed.push(`${message.sequence} ${message.text()}`);
  assert.deepEqual(
    replayed.filter((one) => expected.includes(one)),
    expected,
  );
  // From a terminal.
  const said = await dev.p2pctl('pubsub', 'publish', 'log', 'from a terminal', '--ack', 'durable');
  assert.match(said.stdout, /^kept as \d+ of log/);
  const { stdout } = await dev.p2pctl(
    'pubsub',
    'replay',
    'log',
    '--from',
    String(replayed.length + 1),
    '--json',
  );
  assert.match(stdout, /"sequence":\d+/);
  assert.match((await dev.p2pctl('pubsub', 'retention', 'log', '--messages', '100')).stdout, /100 messages/);
  const shared = await dev.p2pctl('pubsub', 'subscribe', 'log', '--group', 'g', '--for', '4s', '--node', '1');
  assert.equal(shared.code, 0, shared.stderr);
  assert.match(shared.stdout, /from a terminal/);
});

test('a group goes on where it was when all its members and nodes have been killed', {
  timeout: 300_000,
}, async () => {
  const dev = await system();
  await using publisher = dev.client(0);
  await eventually(async () => assert.equal((await publisher.health()).status, 'ok'), { timeoutMs: 30_000 });
  for (let i = 1; i <= 40; i++) await publisher.topics.append('jobs', `${i}`);
  const end = new AbortController();
  const done: number[] = [];
  const member = async (node: number, most: number) => {
    await using client = dev.client(node);
    for await (const message of client.topics.consume('jobs', 'workers', { signal: end.signal })) {
      if (done.length >= most) return;
      await message.ack();
      done.push(message.sequence);
    }
  };
  await Promise.all([member(0, 20), member(1, 20)]);
  for (const i of [0, 1, 2]) dev.kill(i);
  await eventually(async () => (await dev.client(2).health()).status !== 'failing', { timeoutMs: 30_000 });
  const before = new Set(done);
  const rest = member(2, 1_000);
  await eventually(() => new Set(done).size === 40, { timeoutMs: 60_000 });
  end.abort();
  await rest;
  assert.deepEqual(
    [...new Set(done)].sort((a, b) => a - b),
    numbers(40),
  );
  assert.ok(before.size >= 20);
  assert.ok(done.length <= 60, `${done.length} deliveries of 40`);
});

/** A terminal on another machine: what it has printed so far, and its end. */
function terminal(dev: DevSystem, ...words: string[]) {
  const program = join(CLONE, 'packages/cli/bin/p2pctl.mjs');
  const child = spawn(process.execPath, [program, 'pubsub', 'subscribe', ...words, '--home', dev.home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  return {
    heard: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((one) => JSON.parse(one) as { sequence: number; data: { $blob: string } })
        .map(({ sequence, data }) => ({ sequence, line: Buffer.from(data.$blob, 'base64').toString() })),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

test("a node's own structured log, followed live from another machine's terminal, is cut and goes on without a hole", {
  timeout: 300_000,
}, async () => {
  const settings = { P2POS_LOG_FORMAT: 'json', P2POS_LOG_LEVEL: 'debug' };
  Object.assign(process.env, settings);
  await using dev = await startDev({ nodes: 3 }).finally(() => {
    for (const name of Object.keys(settings)) delete process.env[name];
  });
  await using shipper = dev.client(0);
  const log = openSync(join(dev.node(0).home, 'logs', 'node.log'), 'r');
  const lines: string[] = [];
  let rest = '';
  /** What node0 has written since, each line a message. */
  const ship = async (): Promise<void> => {
    const buffer = Buffer.alloc(1_048_576);
    const fresh = (rest + buffer.toString('utf8', 0, readSync(log, buffer))).split('\n');
    rest = fresh.pop() as string;
    for (const line of fresh) {
      lines.push(line);
      await eventually(
        () => shipper.topics.append('logs.node0', line, { idempotencyKey: `line ${lines.length}` }),
        { timeoutMs: 30_000 },
      );
    }
  };
  const shipUntil = (count: number) =>
    eventually(
      async () => {
        await fetch(`${dev.node(0).http}/v1/health`);
        await ship();
        return lines.length >= count;
      },
      { timeoutMs: 60_000 },
    );
  const all: { readonly sequence: number; readonly line: string }[] = [];
  {
    await using first = terminal(dev, 'logs.node0', '--from', 'start', '--node', '2', '--json');
    await shipUntil(50);
    await eventually(() => first.heard().length >= 50, { timeoutMs: 30_000 });
    // Its node goes, and comes back: the terminal stays and goes on by itself.
    dev.kill(2);
    await shipUntil(100);
    await eventually(() => first.heard().length >= 100, { timeoutMs: 60_000 });
    all.push(...first.heard());
  }
  // Now the terminal goes; another goes on from the next number.
  await shipUntil(130);
  const from = String((all.at(-1)?.sequence ?? 0) + 1);
  await using second = terminal(dev, 'logs.node0', '--from', from, '--node', '1', '--json');
  await shipUntil(150);
  await eventually(
    () => {
      const heard = new Set([...all, ...second.heard()].map(({ sequence }) => sequence));
      const missing = numbers(lines.length).filter((sequence) => !heard.has(sequence));
      assert.deepEqual(missing, [], `followed from ${from}: these of ${lines.length} were never heard`);
      return true;
    },
    { timeoutMs: 30_000 },
  );
  all.push(...second.heard());
  closeSync(log);
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    numbers(lines.length),
  );
  assert.deepEqual(
    all.map(({ line }) => line),
    lines,
  );
  for (const line of lines) assert.ok('level' in (JSON.parse(line) as object), line);
});
