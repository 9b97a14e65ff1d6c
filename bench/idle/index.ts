/** One node that has nothing to do: its memory ten seconds after it serves, and how long it takes to serve. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CLONE, startDev } from '../../e2e/harness.ts';
import type { BenchmarkOptions, BenchmarkReport } from '../report.ts';

const MIB = 1_048_576;
const IDLE_MS = 10_000;

export async function run({ rounds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  await using dev = await startDev({ nodes: 1 });
  await dev.end();
  const startSeconds: number[] = [];
  const residentMib: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    const at = performance.now();
    const child = spawn(
      process.execPath,
      // As `p2pctl dev` starts it.
      [
        '--max-semi-space-size=8',
        join(CLONE, 'packages/node/bin/p2pos-node.mjs'),
        'run',
        '--home',
        dev.node(0).home,
      ],
      { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    );
    await once(child, 'message');
    startSeconds.push((performance.now() - at) / 1_000);
    await pause(IDLE_MS);
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    residentMib.push((Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024) / MIB);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  return {
    versions: {},
    baseline: 'p2pos node',
    series: [
      { measure: 'seconds from start to serving', candidate: 'p2pos node', values: startSeconds },
      { measure: 'resident memory when idle, MiB', candidate: 'p2pos node', values: residentMib },
    ],
  };
}
