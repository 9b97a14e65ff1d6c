/**
 * Five real nodes in network namespaces, eight clients writing and reading for a minute, while nodes are killed −9 and
 * started again and links are cut both ways or one way: nothing acknowledged is lost, no deleted key returns, no reader
 * goes back, registers are linearizable; and when all is well again and nobody writes any more, all nodes tell the same. The
 * judge is shown to find each of these in `history.test.ts`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingForNamespaces } from '../namespaces/spaces.ts';
import { compareLooks, judge } from './history.ts';
import { startMachinesSystem } from './machines-system.ts';

const NODES = 5;
const WRITERS = 8;
const SECONDS = Number(process.env['P2POS_CHAOS_SECONDS'] ?? 60);
const skip = missingForNamespaces() ?? false;

test('nodes killed and links cut at random for a minute', { skip, timeout: 600_000 }, async (t) => {
  await using system = await startMachinesSystem(NODES, { patienceMs: 150_000 });
  await system.settle();
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    system.startWriter(writer % NODES, { writer, writers: WRITERS }),
  );
  const pick = (count: number) => Math.floor(Math.random() * count);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const end = performance.now() + SECONDS * 1_000;
  let kills = 0;
  let cuts = 0;
  while (performance.now() < end) {
    await pause(500 + pick(2_000));
    const dice = Math.random();
    if (dice < 0.35) {
      const i = pick(NODES);
      system.kill(i);
      kills++;
      await pause(pick(1_500));
      system.start(i);
    } else if (dice < 0.75) {
      const from = pick(NODES);
      const to = (from + 1 + pick(NODES - 1)) % NODES;
      system.machines.cut(from, to);
      if (Math.random() < 0.5) system.machines.cut(to, from);
      cuts++;
    } else system.machines.heal();
  }
  system.machines.heal();
  for (let i = 0; i < NODES; i++) if (!system.isUp(i)) system.start(i);
  await system.settle();
  const history = (await Promise.all(writers.map((writer) => writer.end()))).flat();
  const look = (node: number) => system.look(node, WRITERS, node % 2 === 0 ? 'all' : 'quorum');
  // What one replica alone has may take effect now, but not later than this.
  const first = await look(0);
  const looks = await Promise.all(Array.from({ length: NODES }, (_, node) => look(node)));
  history.push(...first.reads, ...looks.flatMap(({ reads }) => reads));
  const { violations, acknowledged, unknown, refused, reads, registers } = judge(history);
  t.diagnostic(
    `${kills} kills, ${cuts} cuts: ${acknowledged} writes acknowledged, ${unknown} unknown, ${refused} refused, ${reads} reads, ${registers} operations on registers`,
  );
  assert.deepEqual([...violations, ...compareLooks(looks)].slice(0, 10), []);
  assert.ok(looks.every(({ keys }) => keys.length > 0));
  assert.ok(acknowledged > 200, `${acknowledged} writes are too few to show anything`);
  assert.ok(registers > 500, `${registers} operations on registers are too few to show anything`);
  assert.ok(kills > 3 && cuts > 3);
});
