/** What the door counts; operations come from the contract, so labels stay few whatever clients send. */
import type { Admission } from '../admission.ts';
import type { Metrics } from '../site/metrics.ts';

export interface Observation {
  readonly operation: string;
  readonly status: number;
  readonly ms: number;
}

export function createRequestMetrics({
  metrics,
  admission,
}: {
  readonly metrics: Metrics;
  readonly admission: Admission;
}): (observation: Observation) => void {
  const count = metrics.counter('p2pos_http_requests_total', 'Requests by operation and status.', [
    'operation',
    'status',
  ]);
  const time = metrics.latency('p2pos_http_request_seconds', 'From the headers to the end of the answer.', [
    'operation',
  ]);
  metrics.gauge('p2pos_http_requests_in_flight', 'Requests being answered.', () => admission.inFlight());
  return ({ operation, status, ms }) => {
    count({ operation, status: String(status) });
    time({ operation }, ms / 1_000);
  };
}
