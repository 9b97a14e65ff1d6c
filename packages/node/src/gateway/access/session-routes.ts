/** The page's session over HTTP. */
import { formatTimestamp, P2posError, sessionRoutes } from '@p2pos/protocol';
import { LEAD_ON } from '../http/notice.ts';
import { bindRoutes, type Service } from '../service.ts';
import type { Sessions } from './sessions.ts';

/** @param baseUrl Of this door, known once it listens. */
export function bindSession(sessions: Sessions, baseUrl: () => string): Service {
  return bindRoutes('session', sessionRoutes, {
    async link() {
      const { secret, expiresAt } = sessions.createLink();
      return { url: `${baseUrl()}/session/${secret}`, expiresAt: formatTimestamp(expiresAt) };
    },
    async exchange({ secret }) {
      const cookie = sessions.exchange(secret);
      if (!cookie) throw new P2posError('SESSION_LINK_INVALID');
      return { body: new TextEncoder().encode(LEAD_ON), cookie };
    },
  });
}
