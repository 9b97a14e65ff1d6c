/** Follows a domain's records to addresses, within bounds that a hostile zone cannot move. */
import type { TxtResolver } from './dns-over-https.ts';
import { dnsNamesOf, readDnsaddr } from './dnsaddr.ts';

/** Domains that one search visits, the first included. */
const MAX_DOMAINS = 16;
const MAX_DEPTH = 4;
const MAX_ADDRESSES = 256;

interface Place {
  readonly domain: string;
  /** Only its addresses count. */
  readonly peerId: string | undefined;
  readonly depth: number;
}

/**
 * Each address once, those of one peer side by side; none where the domain says nothing.
 *
 * @throws P2posError DNS_FAILED where the domain itself could not be asked; what it leads on to may fail
 */
export async function findAddresses(
  resolver: TxtResolver,
  domain: string,
  { signal, peerId }: { readonly signal: AbortSignal; readonly peerId?: string | undefined },
): Promise<string[]> {
  const found = new Set<string>();
  const seen = new Set<string>([domain]);
  let open: Place[] = [{ domain, peerId, depth: 0 }];
  while (open.length > 0 && found.size < MAX_ADDRESSES) {
    const asked = await Promise.allSettled(open.map((place) => ask(resolver, place, signal)));
    const next: Place[] = [];
    for (const [i, outcome] of asked.entries()) {
      const place = open[i] as Place;
      if (outcome.status === 'rejected') {
        if (place.depth === 0 || signal.aborted) throw outcome.reason;
        continue;
      }
      for (const address of outcome.value.addresses) {
        const isWanted = place.peerId === undefined || address.endsWith(`/p2p/${place.peerId}`);
        if (isWanted && found.size < MAX_ADDRESSES) found.add(address);
      }
      for (const { domain: further, peerId: named } of outcome.value.domains) {
        const isOther = place.peerId !== undefined && named !== undefined && named !== place.peerId;
        if (isOther || seen.has(further) || seen.size >= MAX_DOMAINS || place.depth >= MAX_DEPTH) continue;
        seen.add(further);
        next.push({ domain: further, peerId: named ?? place.peerId, depth: place.depth + 1 });
      }
    }
    open = next;
  }
  const byPeer = Map.groupBy(found, (address) => /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? '');
  return [...byPeer.values()].flat();
}

async function ask(resolver: TxtResolver, { domain }: Place, signal: AbortSignal) {
  const [first, second] = dnsNamesOf(domain);
  const said = readDnsaddr(await resolver.txt(first, { signal }));
  if (said.addresses.length > 0 || said.domains.length > 0) return said;
  return readDnsaddr(await resolver.txt(second, { signal }));
}
