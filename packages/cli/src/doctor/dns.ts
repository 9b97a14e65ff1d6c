/** Whether the domain of a system names this node, and what to publish where it does not. */
import { bad, type Finding, good } from './finding.ts';
import { endpointOf, readDnsAddresses } from './probe.ts';

export interface DnsPlan {
  readonly domain: string;
  readonly peerId: string;
  /** Where the node is reached, with or without its peer id. */
  readonly addresses: readonly string[];
  /** `host` or `host:port` of the server to ask; default: this machine's. */
  readonly server?: string | undefined;
}

/** The records of the zone file, one for each address that others can reach. */
export function dnsRecords({
  domain,
  peerId,
  addresses,
}: Pick<DnsPlan, 'domain' | 'peerId' | 'addresses'>): string[] {
  return addresses
    .map((address) => address.replace(/\/p2p\/\w+$/, ''))
    .filter((address) => !/^\/ip[46]\/(0\.0\.0\.0|::|127\.|::1)/.test(address))
    .map((address) => `_dnsaddr.${domain}. 3600 IN TXT "dnsaddr=${address}/p2p/${peerId}"`);
}

export async function checkDns(plan: DnsPlan): Promise<Finding[]> {
  const { domain, peerId, addresses, server } = plan;
  const found = await readDnsAddresses(domain, server);
  const records = dnsRecords(plan);
  const publish =
    records.length > 0 ? `publish: ${records.join('  ')}` : 'set net.announce, then run this again';
  if (found === undefined) {
    return [bad('dns', `DNS did not answer for _dnsaddr.${domain}`, 'look at the resolver of this machine')];
  }
  const mine = found
    .filter((text) => text.endsWith(`/p2p/${peerId}`))
    .map((text) => text.slice('dnsaddr='.length));
  if (mine.length === 0) {
    const others = found.length === 0 ? 'has no dnsaddr records' : `names ${found.length} other addresses`;
    return [bad('dns', `_dnsaddr.${domain} ${others}, not this node ${peerId}`, publish)];
  }
  const known = addresses.map((address) => endpointOf(address)).filter((endpoint) => endpoint !== undefined);
  const wrong = mine.filter((address) => {
    const told = endpointOf(address);
    return told && !known.some(({ host, port }) => host === told.host && port === told.port);
  });
  if (wrong.length > 0) {
    return [
      bad(
        'dns',
        `_dnsaddr.${domain} says that this node is at ${wrong.join(', ')}, which it is not`,
        publish,
      ),
    ];
  }
  return [good('dns', `_dnsaddr.${domain} names this node`)];
}
