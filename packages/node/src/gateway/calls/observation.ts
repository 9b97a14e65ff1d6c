/** What the doors count. Operations come from the contract, so labels stay few whatever clients send. */
import type { Metrics } from '../site/metrics.ts';
import type { Admission } from './admission.ts';

export interface Observation {
  readonly operation: string;
  readonly status: number;
  readonly ms: number;
}

export type Observe = (observation: Observation) => void;

/** Whatever is asked for that there is not. */
export const UNMATCHED = 'unmatched';

export function createObserver(
  { metrics, admission }: { readonly metrics: Metrics; readonly admission: Admission },
  { operations }: { readonly operations: Iterable<string> },
): Observe {
  const known = new Set(operations);
  const count = metrics.counter('p2pos_http_requests_total', 'Requests by operation and status.', [
    'operation',
    'status',
  ]);
  const time = metrics.latency('p2pos_http_request_seconds', 'From the headers to the end of the answer.', [
    'operation',
  ]);
  metrics.gauge('p2pos_http_requests_in_flight', 'Requests being answered.', () => admission.inFlight());
  return ({ operation, status, ms }) => {
    const label = known.has(operation) ? operation : UNMATCHED;
    count({ operation: label, status: String(status) });
    time({ operation: label }, ms / 1_000);
  };
}
