/** How many connections the door holds. */
import type { Server } from 'node:http';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Metrics } from '../site/metrics.ts';

/** So that a node with too many clients does not fill its log as well. */
const WARN_EACH_MS = 60_000;

/**
 * One that has become a WebSocket is bounded together with those, and takes no place here. What is beyond is closed before
 * it is read (Node does so below HTTP), thus without an answer: the operator is told instead.
 */
export function boundConnections(
  server: Server,
  deps: {
    readonly clock: Clock;
    readonly log: Logger;
    readonly metrics: Metrics;
    readonly sockets: { count(): number };
  },
  { maxConnections }: { readonly maxConnections: number },
): void {
  const { clock, log, metrics, sockets } = deps;
  const dropped = metrics.counter(
    'p2pos_http_connections_dropped_total',
    'Connections closed unread because there were too many.',
  );
  let warnedAt = Number.NEGATIVE_INFINITY;
  Object.defineProperty(server, 'maxConnections', { get: () => maxConnections + sockets.count() });
  server.on('drop', () => {
    dropped();
    const now = clock.monotonic();
    if (now - warnedAt < WARN_EACH_MS) return;
    warnedAt = now;
    log.warn({ action: 'drop_connection', maxConnections }, 'more connections than the http door may hold');
  });
}
