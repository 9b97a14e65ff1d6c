/** The contract of the development system's controls; only nodes under `p2pctl dev` have them. */
import { z } from 'zod';
import { defineRoutes, json } from './contract/route.ts';

export const DevNode = z.object({
  name: z.string(),
  peerId: z.string(),
  /** Base address of its HTTP door. */
  http: z.url(),
  /** Null: not running. */
  pid: z.int().nullable(),
  running: z.boolean(),
});
export type DevNode = z.output<typeof DevNode>;

export const DevNodes = z.object({ nodes: z.array(DevNode) });
export type DevNodes = z.output<typeof DevNodes>;

const node = {
  name: z.string().regex(/^[a-z0-9-]{1,64}$/, { error: 'must be the name of a node, such as node0' }),
};

export const devRoutes = defineRoutes({
  nodes: {
    summary: 'The processes of the development system.',
    method: 'GET',
    path: '/v1/dev',
    grant: 'dev:read',
    output: json(DevNodes),
    errors: [],
  },
  kill: {
    summary: 'Kills a node process at once (SIGKILL), as a power cut would.',
    method: 'POST',
    path: '/v1/dev/nodes/{name}/kill',
    grant: 'dev:control',
    params: node,
    output: json(DevNode),
    errors: ['DEV_NODE_UNKNOWN'],
    repeatable: true,
  },
  start: {
    summary: 'Starts a node process that is not running.',
    method: 'POST',
    path: '/v1/dev/nodes/{name}/start',
    grant: 'dev:control',
    params: node,
    output: json(DevNode),
    errors: ['DEV_NODE_UNKNOWN'],
    repeatable: true,
  },
});
