/**
 * A queue of jobs that workers share. A job is a key that changes by agreement; who holds its lock works on it. A worker
 * that dies lets go of the lock when its time is over, and another takes the job.
 *
 *   node main.ts add 'text to work on' …        node main.ts work        node main.ts list
 */
import { setTimeout as pause } from 'node:timers/promises';
import { connect, P2posError } from '@p2pos/sdk';

const client = connect({
  url: (process.env['P2POS_URL'] ?? 'http://127.0.0.1:4180').split(','),
  token: process.env['P2POS_TOKEN'],
});
const { cas } = client.kv;
const LOCK_TTL_MS = 2_000;

interface Job {
  readonly text: string;
  readonly state: 'waiting' | 'done';
  readonly result?: string;
  /** Grows with every holder of the lock: what the job changes elsewhere can refuse a smaller one. */
  readonly fence?: number;
}

async function add(texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const job: Job = { text, state: 'waiting' };
    const key = `jobs/${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
    await cas.ifAbsent(key, JSON.stringify(job));
    console.log(`added ${key}`);
  }
}

/** What this queue is for; slow on purpose. */
async function perform(text: string, signal: AbortSignal): Promise<string> {
  await pause(Number(process.env['WORK_MS'] ?? 200), undefined, { signal });
  return text.toUpperCase();
}

/** False: another worker has it now, so it must be looked at again. */
async function attempt(key: string): Promise<boolean> {
  await using lock = await cas.lock(`working/${key}`, { ttlMs: LOCK_TTL_MS });
  if (!lock) return false;
  const entry = await cas.get(key);
  const job: Job | undefined = entry && JSON.parse(entry.text());
  if (!entry || job?.state !== 'waiting') return true;
  console.log(`started ${key}`);
  const result = await perform(job.text, lock.lost);
  const done: Job = { text: job.text, state: 'done', result, fence: lock.token };
  try {
    // Whoever lost the lock meanwhile does not overwrite what its successor wrote.
    await cas.compareAndSet(key, JSON.stringify(done), entry.version);
    console.log(`done ${key} ${result}`);
  } catch (error) {
    if (!(error instanceof P2posError && error.code === 'CAS_CONDITION_FAILED')) throw error;
  }
  return true;
}

async function work(): Promise<void> {
  for await (const event of client.kv.watch('jobs/', { cas: true })) {
    if (event.type !== 'change' || event.deleted) continue;
    const job: Job = JSON.parse(event.text());
    if (job.state === 'waiting') void follow(event.key);
  }
}

async function follow(key: string): Promise<void> {
  for (;;) {
    const settled = await attempt(key).catch((error: unknown) => {
      console.error(`${key}: ${error}`);
      return false;
    });
    if (settled) return;
    await pause(LOCK_TTL_MS / 2);
  }
}

async function list(): Promise<void> {
  for await (const key of cas.list({ prefix: 'jobs/' })) console.log(key, (await cas.get(key))?.text());
}

const [command, ...words] = process.argv.slice(2);
if (command === 'work') await work();
else if (command === 'add') await add(words);
else await list();
await client.close();
