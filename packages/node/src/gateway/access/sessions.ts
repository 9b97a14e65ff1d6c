/**
 * The page's session. A link holds a secret that works once within its time; spending it gives a cookie. Cookies are
 * signed rather than kept, so a node that restarts knows its pages again; a new admin token ends them all.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { toBase64url } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';

const MAX_LINKS = 64;

export interface SessionDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly peerId: PeerId;
  /** The admin token. */
  readonly secret: string;
}

export interface SessionConfig {
  readonly linkTtlMs: number;
  readonly sessionTtlMs: number;
}

export interface Sessions {
  createLink(): { readonly secret: string /** Wall clock, ms. */; readonly expiresAt: number };
  /** The value of a set-cookie header, or undefined for a secret that is unknown, spent or too old. */
  exchange(secret: string): string | undefined;
  /** Whether the cookie header holds a live session; anything malformed counts as none. */
  isOpen(cookies: string | undefined): boolean;
}

export function createSessions(
  { clock, random, peerId, secret }: SessionDeps,
  { linkTtlMs, sessionTtlMs }: SessionConfig,
): Sessions {
  /** Hash of each secret → its end on the monotonic clock, oldest first. */
  const links = new Map<string, number>();
  const key = createHmac('sha256', secret).update('p2pos/session/1').digest();
  // Cookies know no ports: the name keeps the nodes of one machine apart.
  const cookieName = `p2pos_${peerId}`;

  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const sign = (text: string) => createHmac('sha256', key).update(`${peerId}.${text}`).digest();

  function isGenuine(value: string): boolean {
    const match = /^(\d{1,15}\.[\w-]{22})\.([\w-]{43})$/.exec(value);
    if (!match) return false;
    const [, claim = '', mac = ''] = match;
    if (!timingSafeEqual(sign(claim), Buffer.from(mac, 'base64url'))) return false;
    const remaining = Number.parseInt(claim, 10) - clock.now();
    return remaining > 0 && remaining <= sessionTtlMs;
  }

  return {
    createLink() {
      const link = toBase64url(random.bytes(32));
      links.set(hash(link), clock.monotonic() + linkTtlMs);
      for (const oldest of links.keys()) {
        if (links.size <= MAX_LINKS) break;
        links.delete(oldest);
      }
      return { secret: link, expiresAt: clock.now() + linkTtlMs };
    },
    exchange(link) {
      const name = hash(link);
      const end = links.get(name);
      links.delete(name);
      if (end === undefined || end < clock.monotonic()) return undefined;
      const claim = `${Math.floor(clock.now()) + sessionTtlMs}.${toBase64url(random.bytes(16))}`;
      const value = `${claim}.${toBase64url(sign(claim))}`;
      const maxAge = Math.floor(sessionTtlMs / 1_000);
      return `${cookieName}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict`;
    },
    isOpen(cookies = '') {
      return cookies.split(';').some((pair) => {
        const at = pair.indexOf('=');
        return at > 0 && pair.slice(0, at).trim() === cookieName && isGenuine(pair.slice(at + 1).trim());
      });
    },
  };
}
