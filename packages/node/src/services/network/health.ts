/** Whether this node can do its work: named checks, each with what is wrong and what to do. */
import type { Health, HealthCheck, HealthStatus } from '@p2pos/protocol';
import { CLOCK_WARN_MS } from '../../core/liveness/index.ts';
import type { Store } from '../../core/store/index.ts';
import type { Network } from './network.ts';

export interface HealthDeps {
  readonly network: Pick<Network, 'status'>;
  readonly store: Pick<Store, 'read'>;
}

const WORST_LAST: readonly HealthStatus[] = ['ok', 'degraded', 'failing'];

export async function checkHealth({ network, store }: HealthDeps): Promise<Health> {
  const { state, reason, members, online, clockOffsetMs } = network.status();
  const checks: HealthCheck[] = [
    await checkStore(store),
    {
      name: 'membership',
      status: state === 'unconfigured' ? 'degraded' : 'ok',
      detail: state === 'unconfigured' ? (reason ?? '') : `This node is one of ${members} members.`,
    },
    {
      name: 'majority',
      status: state === 'degraded' ? 'degraded' : 'ok',
      detail: state === 'degraded' ? (reason ?? '') : `${online} of ${members} members are online.`,
    },
    {
      name: 'clock',
      status: Math.abs(clockOffsetMs) > CLOCK_WARN_MS ? 'degraded' : 'ok',
      detail: `The members' clocks are ${Math.round(clockOffsetMs)} ms from this one${
        Math.abs(clockOffsetMs) > CLOCK_WARN_MS ? '. Set this machine’s clock, with NTP for instance.' : '.'
      }`,
    },
  ];
  const worst = Math.max(...checks.map(({ status }) => WORST_LAST.indexOf(status)));
  return { status: WORST_LAST[worst] ?? 'failing', checks };
}

async function checkStore(store: Pick<Store, 'read'>): Promise<HealthCheck> {
  try {
    await store.read('SELECT 1 AS one');
    return { name: 'store', status: 'ok', detail: 'The database answers.' };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name: 'store', status: 'failing', detail };
  }
}
