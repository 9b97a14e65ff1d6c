/** What the door knows of a service: its routes with one method each, never the service itself. */
import type {
  OpenedStream,
  RequestContext,
  Route,
  RouteHandlers,
  Routes,
  Stream,
  StreamHandlers,
  Streams,
} from '@p2pos/protocol';

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

/** One kind of subscription of the WebSocket door. */
export interface StreamOperation {
  /** Its `kind` on the wire. */
  readonly kind: string;
  readonly stream: Stream;
  readonly open: (input: Record<string, unknown>, context: RequestContext) => Promise<OpenedStream<Stream>>;
}

/** Joins the contract of a capability's streams with its methods; a missing one does not compile. */
export function bindStreams<const S extends Streams>(
  streams: S,
  handlers: StreamHandlers<S>,
): readonly StreamOperation[] {
  return Object.entries<Stream>(streams).map(([kind, stream]) => ({
    kind,
    stream,
    // The input was decoded by the very schemas that its type is made of.
    open: (input, context) =>
      handlers[kind as keyof S](input as never, context) as unknown as Promise<OpenedStream<Stream>>,
  }));
}
