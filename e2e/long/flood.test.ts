/** A stranger floods one node of three, sends it garbage, then slow bytes: it is banned, and the others are served as before. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client } from '@p2pos/sdk';
import { startDev } from '../harness.ts';

const FLOODER = fileURLToPath(new URL('flooder.ts', import.meta.url));
const IN_FLIGHT = 4;
const MEASURE_MS = 8_000;

/** Reads and writes until told to stop; the milliseconds of each. */
async function use(client: Client, isOver: () => boolean): Promise<number[]> {
  const took: number[] = [];
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async (_, worker) => {
      for (let i = 0; !isOver(); i++) {
        const startedAt = performance.now();
        if (i % 10 === 0) await client.kv.put(`key ${worker}`, 'v');
        else await client.kv.get(`key ${worker}`);
        took.push(performance.now() - startedAt);
      }
    }),
  );
  return took.sort((a, b) => a - b);
}

const p99 = (sorted: readonly number[]) => sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;

test('a stranger that floods and sends garbage is banned, and the others are served', {
  timeout: 240_000,
}, async (t) => {
  await using dev = await startDev({ nodes: 3 });
  await using flooded = dev.client(0);
  await using other = dev.client(1);
  const during = (isOver: () => boolean) => Promise.all([use(flooded, isOver), use(other, isOver)]);
  const until = performance.now() + MEASURE_MS / 2;
  await during(() => performance.now() > until);
  const end = performance.now() + MEASURE_MS;
  const before = await during(() => performance.now() > end);

  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', FLOODER, dev.node(0).p2p[0] ?? ''],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let told = '';
  child.stdout.on('data', (chunk) => (told += chunk));
  let isOver = false;
  const exit = once(child, 'exit').then(() => (isOver = true));
  const meanwhile = await during(() => isOver);
  await exit;
  const phases = told
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { phase: string; banned?: boolean; ms?: number });
  for (const one of phases) t.diagnostic(JSON.stringify(one));
  for (const [i, name] of ['the flooded node', 'another node'].entries()) {
    const [a = [], b = []] = [before[i], meanwhile[i]];
    t.diagnostic(
      `${name}: p99 ${p99(a).toFixed(1)} ms of ${a.length}, then ${p99(b).toFixed(1)} ms of ${b.length}`,
    );
  }
  assert.deepEqual(
    phases.map(({ phase, banned }) => [phase, banned]),
    [
      ['requests', true],
      ['garbage', true],
      ['slow bytes', undefined],
    ],
  );
  assert.equal((await flooded.health()).status, 'ok');
});
