/**
 * What this process counts, in the text format of Prometheus. Every name begins with `p2pos_`.
 *
 * @example
 * metrics.gauge('p2pos_members_online', 'Members that are online.', () => presence.onlineCount());
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { P2posError } from '@p2pos/protocol';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../../core/clock/index.ts';

const LAG_SAMPLE_MS = 500;
const DELAY_SAMPLE_MS = 20;
const LATENCY_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metrics extends Disposable {
  /** `read` runs at each scrape. */
  gauge(name: string, help: string, read: () => number | readonly Sample[], labels?: readonly string[]): void;
  /** Like a gauge for what only grows. */
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (labels?: Readonly<Record<string, string>>) => void;
  /** Latencies in seconds. */
  latency(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (labels: Readonly<Record<string, string>>, seconds: number) => void;
  text(): Promise<string>;
}

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export function createMetrics({ clock }: { readonly clock: Clock }): Metrics {
  const registry = new Registry();
  let worstLagMs = 0;
  const delays = monitorEventLoopDelay({ resolution: DELAY_SAMPLE_MS });
  delays.enable();
  let timer = watchLag();

  function watchLag(): Disposable {
    const due = clock.monotonic() + LAG_SAMPLE_MS;
    return clock.after(LAG_SAMPLE_MS, () => {
      worstLagMs = Math.max(worstLagMs, clock.monotonic() - due);
      timer = watchLag();
    });
  }

  function named(name: string): string {
    if (/^p2pos_[a-z][a-z0-9_]*$/.test(name)) return name;
    throw new P2posError('BAD_REQUEST', { reason: `The metric ${name} is not named p2pos_….` });
  }

  const metrics: Metrics = {
    gauge(name, help, read, labels = []) {
      new Gauge({
        name: named(name),
        help,
        labelNames: [...labels],
        registers: [registry],
        collect() {
          const result = read();
          this.reset();
          if (typeof result === 'number') return this.set(result);
          for (const { labels: values, value } of result) this.set({ ...values }, value);
        },
      });
    },
    counter(name, help, labels = []) {
      const counter = new Counter({
        name: named(name),
        help,
        labelNames: [...labels],
        registers: [registry],
      });
      return (values = {}) => counter.inc({ ...values });
    },
    latency(name, help, labels = []) {
      const histogram = new Histogram({
        name: named(name),
        help,
        labelNames: [...labels],
        buckets: LATENCY_BUCKETS_S,
        registers: [registry],
      });
      return (values, seconds) => histogram.observe({ ...values }, seconds);
    },
    text: () => registry.metrics(),
    [Symbol.dispose]() {
      delays.disable();
      timer[Symbol.dispose]();
    },
  };

  metrics.gauge(
    'p2pos_event_loop_lag_seconds',
    'Longest wait of the event loop since the last scrape.',
    () => {
      const lag = worstLagMs / 1_000;
      worstLagMs = 0;
      return lag;
    },
  );
  metrics.gauge(
    'p2pos_event_loop_delay_p99_seconds',
    'Of the delays of the event loop since the last scrape, the 99th percentile.',
    () => {
      // What is recorded is the time from one sample to the next.
      const betweenMs = delays.count > 0 ? delays.percentile(99) / 1e6 : 0;
      delays.reset();
      return Math.max(0, betweenMs - DELAY_SAMPLE_MS) / 1_000;
    },
  );
  metrics.gauge('p2pos_process_resident_bytes', 'Memory of this process.', () => process.memoryUsage.rss());
  metrics.gauge(
    'p2pos_process_heap_used_bytes',
    'JavaScript heap in use.',
    () => process.memoryUsage().heapUsed,
  );
  metrics.gauge('p2pos_process_cpu_seconds', 'Processor time used since the start.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge('p2pos_process_uptime_seconds', 'Time since the start.', () => process.uptime());
  return metrics;
}
