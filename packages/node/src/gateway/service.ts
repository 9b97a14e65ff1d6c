/** What the door knows of a service: its routes with one method each, never the service itself. */
import type { RequestContext, Route, RouteHandlers, Routes } from '@p2pos/protocol';

export interface Operation {
  /** `kv.put` */
  readonly id: string;
  readonly route: Route;
  readonly handle: (input: Record<string, unknown>, context: RequestContext) => Promise<unknown>;
}

export type Service = readonly Operation[];

/**
 * Joins a capability's contract with its methods; a missing one does not compile.
 *
 * @example
 * bindRoutes('kv', kvRoutes, createKvHandlers({ kv }));
 */
export function bindRoutes<const R extends Routes>(
  capability: string,
  routes: R,
  handlers: RouteHandlers<R>,
): Service {
  return Object.entries<Route>(routes).map(([name, route]) => ({
    id: `${capability}.${name}`,
    route,
    // The input was decoded by the very schemas that its type is made of.
    handle: (input, context) => handlers[name as keyof R](input as never, context),
  }));
}
