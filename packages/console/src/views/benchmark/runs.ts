/** How fast this node answers this browser: writes or reads of small values, so many at once, for a few seconds. */
import { ref, shallowRef } from 'vue';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { texts } from '../../texts.ts';

export interface Run {
  readonly id: number;
  readonly what: 'put' | 'get';
  readonly atOnce: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

const PREFIX = 'console-benchmark/';
const KEYS = 64;
const MAX_MS = 30_000;

export function useRuns({ source: { client } }: System) {
  const runs = shallowRef<readonly Run[]>([]);
  const what = ref<'put' | 'get'>('put');
  const atOnce = ref(8);
  const seconds = ref(5);
  const task = createTask();

  async function measure(): Promise<Run> {
    if (!client) throw new Error(texts.noClient);
    const { kv } = client;
    const value = 'x'.repeat(1_024);
    const key = (n: number) => `${PREFIX}${n % KEYS}`;
    const kind = what.value;
    // Reads need something to read; nothing of it stays for long.
    if (kind === 'get')
      await Promise.all(Array.from({ length: KEYS }, (_, n) => kv.put(key(n), value, { ttlMs: 600_000 })));
    const times: number[] = [];
    let failed = 0;
    let count = 0;
    const started = performance.now();
    const end = started + Math.min(MAX_MS, Number(seconds.value) * 1_000);
    async function work(): Promise<void> {
      while (performance.now() < end) {
        const at = performance.now();
        const name = key(count++);
        try {
          if (kind === 'put') await kv.put(name, value, { ttlMs: 600_000 });
          else await kv.get(name);
          times.push(performance.now() - at);
        } catch {
          failed += 1;
        }
      }
    }
    const width = Math.min(64, Math.max(1, Number(atOnce.value)));
    await Promise.all(Array.from({ length: width }, work));
    const perSecond = (times.length * 1_000) / (performance.now() - started);
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
    return {
      id: runs.value.length + 1,
      what: kind,
      atOnce: width,
      perSecond,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      failed,
    };
  }

  return {
    runs,
    what,
    atOnce,
    seconds,
    task,
    run: () =>
      task.run(async () => {
        const done = await measure();
        runs.value = [done, ...runs.value];
        return texts.benchmark.done(done.perSecond);
      }),
  };
}
