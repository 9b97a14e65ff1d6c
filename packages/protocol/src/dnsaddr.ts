/**
 * What TXT records say of where a system is (libp2p specs, addressing: dnsaddr). `_dnsaddr.<domain>` is asked first, then
 * `<domain>`; a record is `dnsaddr=/…` or a bare multiaddr, all else is somebody else's. `/dnsaddr/<domain>` leads on.
 */
import { isPeerId } from './peer-id.ts';

/** In the order of asking; the first that has addresses counts. */
export function dnsNamesOf(domain: string): readonly [string, string] {
  return [`_dnsaddr.${domain}`, domain];
}

export interface DnsAddresses {
  /** Multiaddrs as they stand there, each once. */
  readonly addresses: readonly string[];
  /** Where the search goes on; `peerId`: only that peer's addresses count. */
  readonly domains: readonly { readonly domain: string; readonly peerId: string | undefined }[];
}

const MAX_RECORDS = 256;
const MULTIADDR = /^\/[\x21-\x7e]{1,255}$/;
const DOMAIN = /^\/dnsaddr\/([a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)(?:\/p2p\/([^/]+))?$/i;

/** Reads untrusted records; what is none of ours, or too much, is left out. */
export function readDnsaddr(records: readonly string[]): DnsAddresses {
  const addresses = new Set<string>();
  const domains = new Map<string, { domain: string; peerId: string | undefined }>();
  for (const record of records.slice(0, MAX_RECORDS)) {
    const value = record.trim().replace(/^dnsaddr=/, '');
    if (!MULTIADDR.test(value)) continue;
    const [isDomain, domain = '', peerId] = DOMAIN.exec(value) ?? [];
    const named = peerId ?? /\/p2p\/([^/]+)$/.exec(value)?.[1];
    if (named !== undefined && !isPeerId(named)) continue;
    if (isDomain !== undefined) domains.set(value, { domain: domain.toLowerCase(), peerId });
    else if (!value.startsWith('/dnsaddr/')) addresses.add(value);
  }
  return { addresses: [...addresses], domains: [...domains.values()] };
}

/** `/dnsaddr/<domain>`; undefined for any other multiaddr. */
export function dnsDomainIn(
  address: string,
): { readonly domain: string; readonly peerId?: string } | undefined {
  const [, domain, peerId] = DOMAIN.exec(address) ?? [];
  if (domain === undefined) return undefined;
  return { domain: domain.toLowerCase(), ...(peerId !== undefined && { peerId }) };
}
