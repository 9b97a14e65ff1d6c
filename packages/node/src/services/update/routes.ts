/** Binds the contract of updates. */
import { compareSoftwareVersions, type RouteHandlers, type updateRoutes } from '@p2pos/protocol';
import type { Update } from './update.ts';

export function createUpdateHandlers(update: Update): RouteHandlers<typeof updateRoutes> {
  return {
    status: async (_input, { signal }) => update.status(signal),
    async check({ body }, { signal }) {
      const { version, channel, expires } = await update.check(body, signal);
      const { running } = await update.status(signal);
      return { version, channel, expires, isNewer: compareSoftwareVersions(version, running) > 0 };
    },
    apply: async ({ body }, { signal }) => update.apply(body, signal),
    pause: async (_input, { signal }) => update.pause('an operator paused it', signal),
    finalize: async (_input, { signal }) => update.finalize(signal),
  };
}
