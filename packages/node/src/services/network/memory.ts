/**
 * Whether this process takes more and more memory (D17). One look a minute, two hours remembered. The least of a span is
 * compared, since garbage waits for its collection: a leak lifts even the least.
 */
import type { HealthCheck } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';

export interface MemoryWatch extends Disposable {
  readonly name: 'memory';
  run(): Omit<HealthCheck, 'name'>;
}

export interface MemoryConfig {
  /** More than this is told whatever it was before. */
  readonly warnBytes: number;
}

const LOOK_MS = 60_000;
const REMEMBERED = 120;
/** Looks that are compared, at both ends. */
const SPAN = 15;
const GROWTH = 1.5;
const MIN_GROWTH_BYTES = 128 * 1_024 * 1_024;

export function watchMemory(
  { clock, residentBytes }: { readonly clock: Clock; readonly residentBytes: () => number },
  { warnBytes }: MemoryConfig,
): MemoryWatch {
  const looks: number[] = [];
  let timer = next();

  function next(): Disposable {
    return clock.after(LOOK_MS, () => {
      looks.push(residentBytes());
      if (looks.length > REMEMBERED) looks.shift();
      timer = next();
    });
  }

  return {
    name: 'memory',
    run() {
      const now = residentBytes();
      if (now > warnBytes) {
        const detail = `This process takes ${inMiB(now)}, more than node.memory_warn_bytes (${inMiB(warnBytes)}). Restart it, and look at what its clients ask (p2pctl status, /metrics).`;
        return { status: 'degraded', detail };
      }
      if (looks.length >= 2 * SPAN) {
        const before = Math.min(...looks.slice(0, SPAN));
        const after = Math.min(...looks.slice(-SPAN));
        if (after > before * GROWTH && after - before > MIN_GROWTH_BYTES) {
          const detail = `Memory grows: ${inMiB(before)} became ${inMiB(after)} within ${looks.length} minutes. Restart this node when it suits, and report what it served.`;
          return { status: 'degraded', detail };
        }
      }
      return { status: 'ok', detail: `This process takes ${inMiB(now)}.` };
    },
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  };
}

function inMiB(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
