/**
 * The process of the sqlite engine, started by `process.ts`. A process and no thread: only a process can be ended in the
 * middle of a statement. It ends when its node is gone.
 */
import { openSync, writeSync } from 'node:fs';
import type { FileLimits, Job } from './job.ts';
import { createServing } from './serving.ts';

const [progressFile = '', limits = '{}'] = process.argv.slice(2);
const progress = openSync(progressFile, 'w', 0o600);
const current = new Float64Array(1);
const serving = createServing(JSON.parse(limits) as FileLimits);
let queue: Job[] = [];

/** Where the node looks when nothing comes back: a system call, since this thread may never return to its loop. */
function onStart(id: number): void {
  current[0] = id;
  writeSync(progress, current, 0, 8, 0);
}

process.on('message', (jobs: Job[]) => {
  if (queue.length === 0) setImmediate(run);
  queue.push(...jobs);
});
process.on('disconnect', () => {
  serving[Symbol.dispose]();
  process.exit(0);
});
// A Ctrl-C reaches the whole group; the node decides when this ends.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

function run(): void {
  const jobs = queue;
  queue = [];
  process.send?.(serving.run(jobs, onStart));
}
