/**
 * Who may talk to a door on loopback: not a foreign page. A page under a name that its owner points at this machine
 * (DNS rebinding) is told by the Host header, a page that sends requests across origins by Origin and Sec-Fetch-Site.
 */
import { isIP } from 'node:net';
import { P2posError } from '@p2pos/protocol';

export interface BrowserHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
  readonly 'sec-fetch-mode'?: string | string[] | undefined;
  readonly 'sec-fetch-dest'?: string | string[] | undefined;
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;

/** A rebound name is never an address: literals are safe, names must be known. @throws P2posError HOST_REFUSED */
export function checkHost(host: string | undefined, allowedHosts: readonly string[]): void {
  const name = HOST.exec(host ?? '')?.[1]?.toLowerCase();
  const literal = name?.startsWith('[') ? isIP(name.slice(1, -1)) === 6 : isIP(name ?? '') === 4;
  if (name && (literal || name === 'localhost' || allowedHosts.some((each) => each.toLowerCase() === name)))
    return;
  throw new P2posError('HOST_REFUSED', { host: shown(host) });
}

/** Whether the browser says that our own page, or nobody's, asks. Programs send none of these headers. */
export function isOwnOrigin({ host, origin, ...fetch }: BrowserHeaders): boolean {
  if (origin !== undefined) return origin.toLowerCase() === `http://${host?.toLowerCase()}`;
  const site = fetch['sec-fetch-site'];
  return site === undefined || site === 'same-origin' || site === 'none';
}

/** Following a link to us from elsewhere is no request of that page: it cannot see the answer. */
function isNavigation(method: string, headers: BrowserHeaders): boolean {
  const embedded = headers['sec-fetch-dest'] !== undefined && headers['sec-fetch-dest'] !== 'document';
  return (
    method === 'GET' && !embedded && headers.origin === undefined && headers['sec-fetch-mode'] === 'navigate'
  );
}

/** @throws P2posError ORIGIN_REFUSED */
export function checkOrigin(method: string, headers: BrowserHeaders): void {
  if (isOwnOrigin(headers) || isNavigation(method, headers)) return;
  throw new P2posError('ORIGIN_REFUSED', { origin: shown(headers.origin ?? 'another site') });
}

function shown(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 100));
}
