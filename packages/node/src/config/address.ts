/** Multiaddrs in settings, checked as far as an operator's slips go; the network host judges the rest. */
import { isIP } from 'node:net';
import { dnsDomainIn, isPeerId } from '@p2pos/protocol';
import { type Kind, notA, type Reading } from './kind.ts';

const RANGE = 'a multiaddr such as "/ip4/192.0.2.1/tcp/4100"';
const DNS_ELSEWHERE = 'leads to DNS records; only discovery.init_connections may';
const BOOTSTRAP_RANGE = `${RANGE}, or a domain such as "/dnsaddr/example.org"`;
/** What may follow host and port: how bytes travel there. */
const TRANSPORT = /^\/(tcp\/\d{1,5}(\/tls)?(\/(ws|wss))?|udp\/\d{1,5}\/quic-v1)$/;

/** Of this machine: an IP address and no peer id. */
export const listenAddress: Kind<string> = kind((address) => {
  const { host, peerId } = split(address);
  if (!host?.isAddress)
    return notA('multiaddr with an IP address of this machine, such as "/ip4/0.0.0.0/tcp/4100"', address);
  if (peerId !== undefined)
    return { reason: `${address} names a peer; this node's own id is added by itself` };
  return { value: address };
});

/** Of this or another node, with or without its peer id. */
export const peerAddress: Kind<string> = kind((address) => {
  const { host, peerId } = split(address);
  if (!host) return notA(RANGE, address);
  if (peerId !== undefined && !isPeerId(peerId))
    return { reason: `${address} ends in ${peerId}, which is not a peer id` };
  return { value: address };
});

/** The same, or a domain whose TXT records hold some: `/dnsaddr/x`, `dns:x` or `{ type = "dns", domain = "x" }`. */
export const bootstrapAddress: Kind<string> = {
  ...peerAddress,
  name: 'multiaddr or domain',
  range: BOOTSTRAP_RANGE,
  read(value) {
    const domain = domainIn(value);
    if (domain === undefined) return peerAddress.read(value);
    const address = domain.startsWith('/dnsaddr/') ? domain : `/dnsaddr/${domain}`;
    const found = dnsDomainIn(address);
    if (!found) return { reason: `names the domain ${domain}, which is none` };
    if (found.peerId !== undefined && !isPeerId(found.peerId))
      return { reason: `${address} ends in ${found.peerId}, which is not a peer id` };
    return { value: address };
  },
};

function kind(check: (address: string) => Reading<string>): Kind<string> {
  return {
    name: 'multiaddr',
    range: RANGE,
    read(value) {
      if (domainIn(value) !== undefined) return { reason: DNS_ELSEWHERE };
      return typeof value === 'string' ? check(value) : notA(RANGE, value);
    },
    show: (value) => JSON.stringify(value),
  };
}

/** What is asked of DNS; undefined: nothing. */
function domainIn(value: unknown): string | undefined {
  if (typeof value === 'string') {
    if (value.startsWith('dns:')) return value.slice('dns:'.length);
    return value.startsWith('/dnsaddr') ? value : undefined;
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || value.type !== 'dns')
    return undefined;
  return 'domain' in value && typeof value.domain === 'string' ? value.domain : '';
}

interface Parts {
  /** Undefined: not an address that this node could listen on or dial. */
  readonly host: { readonly isAddress: boolean } | undefined;
  readonly peerId: string | undefined;
}

function split(address: string): Parts {
  const [, peerId] = /\/p2p\/([^/]*)$/.exec(address) ?? [];
  const plain = peerId === undefined ? address : address.slice(0, -'/p2p/'.length - peerId.length);
  const [, protocol = '', name = '', rest = ''] =
    /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)(\/.+)$/.exec(plain) ?? [];
  const isAddress = protocol.startsWith('ip');
  const isHost = isAddress ? isIP(name) === Number(protocol.slice(2)) : /^[\w.-]+$/.test(name);
  const port = Number(/\/(?:tcp|udp)\/(\d+)/.exec(rest)?.[1]);
  const isKnown = TRANSPORT.test(rest) && port <= 65_535;
  return { host: isHost && isKnown ? { isAddress } : undefined, peerId };
}
