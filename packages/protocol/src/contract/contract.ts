/** Every operation of the HTTP door, by capability: what servers, clients, the OpenAPI document and tests enumerate. */

import { appsRoutes } from '../apps.ts';
import { configRoutes } from '../config.ts';
import { devRoutes } from '../dev.ts';
import { healthRoutes } from '../health.ts';
import { kvRoutes, kvStreams } from '../kv.ts';
import { membersRoutes } from '../members.ts';
import { networkRoutes } from '../network.ts';
import { pubsubRoutes, pubsubStreams } from '../pubsub.ts';
import { rendezvousRoutes } from '../rendezvous.ts';
import { sessionRoutes } from '../session.ts';
import { sqlRoutes, sqlStreams } from '../sql.ts';
import { topicRoutes } from '../topics.ts';
import { updateRoutes } from '../update.ts';
import type { Route, Routes } from './route.ts';
import type { Streams } from './stream.ts';

export const contract = {
  kv: kvRoutes,
  pubsub: pubsubRoutes,
  topics: topicRoutes,
  apps: appsRoutes,
  sql: sqlRoutes,
  rendezvous: rendezvousRoutes,
  network: networkRoutes,
  members: membersRoutes,
  health: healthRoutes,
  config: configRoutes,
  update: updateRoutes,
  session: sessionRoutes,
  dev: devRoutes,
} as const satisfies Record<string, Routes>;

/** Every stream of the WebSocket door, by its kind. */
export const streams = { ...kvStreams, ...pubsubStreams, ...sqlStreams } as const satisfies Streams;

type Contract = typeof contract;
/** `kv.put`, … */
export type OperationId = {
  [C in keyof Contract]: `${C}.${keyof Contract[C] & string}`;
}[keyof Contract];
/** The route of that name. */
export type OperationOf<Id extends OperationId> = Id extends `${infer C}.${infer O}`
  ? C extends keyof Contract
    ? Contract[C][O & keyof Contract[C]] extends infer R extends Route
      ? R
      : never
    : never
  : never;
export type StreamKind = keyof typeof streams;

const ids = new Map<Route, string>(
  Object.entries<Routes>(contract).flatMap(([capability, routes]) =>
    Object.entries(routes).map(([name, route]): [Route, string] => [route, `${capability}.${name}`]),
  ),
);

/** `kv.put`; undefined for a route that is not of the contract. */
export function operationIdOf(route: Route): string | undefined {
  return ids.get(route);
}
