/** The development system's controls, as far as a node lets its page reach them. */
import { type DevNode, devRoutes } from '@p2pos/protocol';
import { bindRoutes, type Service } from './service.ts';

/** Whoever started this node together with others; rejects with DEV_NODE_UNKNOWN for a name it does not have. */
export interface Supervisor {
  nodes(): Promise<DevNode[]>;
  /** Resolves when the process is gone. */
  kill(name: string): Promise<DevNode>;
  start(name: string): Promise<DevNode>;
}

export function bindDev(supervisor: Supervisor): Service {
  return bindRoutes('dev', devRoutes, {
    nodes: async () => ({ nodes: await supervisor.nodes() }),
    kill: ({ name }) => supervisor.kill(name),
    start: ({ name }) => supervisor.start(name),
  });
}
