/** Multiaddrs in settings, checked as far as an operator's slips go; the network host judges the rest. */
import { isIP } from 'node:net';
import { isPeerId } from '@p2pos/protocol';
import { type Kind, notA, type Reading } from './kind.ts';

const RANGE = 'a multiaddr such as "/ip4/192.0.2.1/tcp/4100"';
const DNS_LATER = 'looks addresses up in DNS records, which this release cannot; give multiaddrs';
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

function kind(check: (address: string) => Reading<string>): Kind<string> {
  return {
    name: 'multiaddr',
    range: RANGE,
    read(value) {
      if (asksDns(value)) return { reason: DNS_LATER };
      return typeof value === 'string' ? check(value) : notA(RANGE, value);
    },
    show: (value) => JSON.stringify(value),
  };
}

function asksDns(value: unknown): boolean {
  if (typeof value === 'string') return /^(\/?dnsaddr|dns:)/.test(value);
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'dns';
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
