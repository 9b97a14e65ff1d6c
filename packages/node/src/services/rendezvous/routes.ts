/** Binds the contract of rendezvous (`protocol/src/rendezvous.ts`) to its rules. */
import type { RouteHandlers, rendezvousRoutes } from '@p2pos/protocol';
import type { Rendezvous } from './rendezvous.ts';

export function createRendezvousHandlers(rendezvous: Rendezvous): RouteHandlers<typeof rendezvousRoutes> {
  return {
    register: ({ namespace, name, ttlMs, body: { addresses, data } }, { app, signal }) =>
      rendezvous.register({ app, namespace, name, addresses, data, ttlMs }, { signal }),
    withdraw: (input, { app, signal }) => rendezvous.withdraw({ app, ...input }, { signal }),
    discover: (input, { app, signal }) => rendezvous.discover({ app, ...input }, { signal }),
  };
}
