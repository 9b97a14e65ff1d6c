/** Durable topics between real processes: kept, replayed, followed through kills, shared by groups. */
import assert from 'node:assert/strict';
import { appendFileSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Client } from '@p2pos/sdk';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { startDev } from './harness.ts';

const numbers = (to: number) => Array.from({ length: to }, (_, i) => i + 1);

test('what is acknowledged is kept through kill −9 of any node, in one order', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
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
  await using dev = await startDev({ nodes: 3 });
  await using publisher = dev.client(0);
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

test("a node's own log, followed live from another machine's terminal, is cut and goes on without a hole", {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  await using shipper = dev.client(0);
  const lines: string[] = [];
  // What dev prints of node0 stands in its home, line by line.
  const file = join(dev.node(0).home, 'shipped.log');
  writeFileSync(file, '');
  for (const line of dev.output().split('\n').filter(Boolean)) appendFileSync(file, `${line}\n`);
  const ship = async (text: string) => {
    lines.push(text);
    await shipper.topics.append('logs.node0', text);
  };
  const descriptor = openSync(file, 'r');
  const buffer = Buffer.alloc(65_536);
  const text = buffer.toString('utf8', 0, readSync(descriptor, buffer));
  for (const line of text.trim().split('\n')) await ship(line);
  const first = dev.p2pctl(
    'pubsub',
    'subscribe',
    'logs.node0',
    '--from',
    'start',
    '--for',
    '5s',
    '--node',
    '2',
    '--json',
  );
  for (let i = 0; i < 20; i++) await ship(`{"level":"info","action":"tick","i":${i}}`);
  const heard = (await first).stdout
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one) as { sequence: number; data: { $blob: string } });
  for (let i = 20; i < 60; i++) await ship(`{"level":"info","action":"tick","i":${i}}`);
  const from = String((heard.at(-1)?.sequence ?? 0) + 1);
  dev.kill(2);
  await eventually(async () => (await dev.client(2).health()).status !== 'failing', { timeoutMs: 30_000 });
  const second = await dev.p2pctl(
    'pubsub',
    'subscribe',
    'logs.node0',
    '--from',
    from,
    '--for',
    '5s',
    '--node',
    '2',
    '--json',
  );
  const more = second.stdout
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one) as (typeof heard)[0]);
  const all = [...heard, ...more];
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    numbers(lines.length),
  );
  assert.deepEqual(
    all.map(({ data }) => Buffer.from(data.$blob, 'base64').toString()),
    lines,
  );
});
