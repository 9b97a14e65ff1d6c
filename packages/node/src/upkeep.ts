/** The part of the composition that keeps a node well: updates of its software, and the checks that its health is made of. */
import { healthRoutes, updateRoutes } from '@p2pos/protocol';
import type { MembershipJournal } from './core/membership/index.ts';
import type { Records } from './core/records/index.ts';
import { bindRoutes, type Service } from './gateway/index.ts';
import { createMembersChecks } from './services/members/index.ts';
import {
  createHealth,
  createHealthHandlers,
  createNodeChecks,
  type Network,
  watchMemory,
} from './services/network/index.ts';
import {
  createUpdate,
  createUpdateHandlers,
  type UpdateConfig,
  type UpdateDeps,
  type UpdateHost,
} from './services/update/index.ts';

export interface UpkeepPorts {
  /** Where this software can replace itself. */
  readonly updates?: UpdateHost | undefined;
  /** Memory of this process. */
  readonly residentBytes?: () => number;
  /** Why there is no certificate for browsers although one is wanted. */
  readonly certificateProblem?: () => string | undefined;
}

export interface UpkeepConfig {
  readonly update?: { readonly intervalMs: number };
  readonly memoryWarnBytes?: number;
}

export interface Upkeep extends AsyncDisposable {
  readonly services: readonly Service[];
}

type UpkeepDeps = Omit<UpdateDeps, 'host' | 'membership' | 'presence' | 'records'> &
  Omit<Parameters<typeof createNodeChecks>[0], 'records'> & {
    readonly records: Records;
    readonly membership: MembershipJournal;
    readonly presence: UpdateDeps['presence'] & Parameters<typeof createNodeChecks>[0]['presence'];
    readonly network: Network;
    readonly ports: UpkeepPorts;
  };

export async function createUpkeep(
  { ports, ...deps }: UpkeepDeps,
  config: UpkeepConfig & Omit<UpdateConfig, 'intervalMs'>,
): Promise<Upkeep> {
  await using starting = new AsyncDisposableStack();
  const { version, replicas, memoryWarnBytes: warnBytes = Number.POSITIVE_INFINITY } = config;
  const intervalMs = config.update?.intervalMs ?? 10_000;
  const update = starting.use(
    await createUpdate({ ...deps, host: ports.updates }, { version, replicas, intervalMs }),
  );
  const { residentBytes } = ports;
  const memory =
    residentBytes && starting.use(watchMemory({ clock: deps.clock, residentBytes }, { warnBytes }));
  const health = createHealth(deps, [
    ...createNodeChecks({ ...deps, records: deps.records.repair }),
    ...createMembersChecks(deps),
    ...(memory ? [memory] : []),
    ...(ports.certificateProblem ? [certificateCheck(ports.certificateProblem)] : []),
  ]);
  const started = starting.move();
  return {
    services: [
      bindRoutes('update', updateRoutes, createUpdateHandlers(update)),
      bindRoutes('health', healthRoutes, createHealthHandlers(health)),
    ],
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** A node serves without: browsers alone cannot reach it, so this is told and is no fault of its health. */
function certificateCheck(problem: () => string | undefined) {
  return {
    name: 'certificate',
    run() {
      const reason = problem();
      const detail =
        reason === undefined
          ? 'None is wanted, or it is there.'
          : `The certificate by which browsers reach this node: ${reason}.`;
      return { status: 'ok' as const, detail };
    },
  };
}
