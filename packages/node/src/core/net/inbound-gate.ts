/**
 * Decides before any cryptography whether an address may connect once more: a token bucket per address, in bounded
 * memory. libp2p's own limit is one figure for all addresses, too low for ten nodes on one machine.
 */
import { BlockList, isIP } from 'node:net';
import type { Clock } from '../clock/index.ts';
import type { NetLimits } from './limits.ts';

export type InboundGateConfig = Pick<
  NetLimits,
  'inboundPerSecondPerHost' | 'inboundPerSecondPerPrivateHost' | 'maxHandshakes'
>;

export interface InboundGate {
  /**
   * Counts a connection whose handshake begins; call the result when it has ended, once or more often. Undefined:
   * refuse it. IPv6 addresses of one /64 count as one host.
   */
  enter(address: string): (() => void) | undefined;
}

/** Beyond this many addresses in one second the oldest is forgotten: memory is bounded, not memory's precision. */
const MAX_TRACKED_HOSTS = 10_000;

const privateRanges = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  privateRanges.addSubnet(network, prefix, 'ipv4');
}
privateRanges.addAddress('::1', 'ipv6');
privateRanges.addSubnet('fc00::', 7, 'ipv6');
privateRanges.addSubnet('fe80::', 10, 'ipv6');

/** One host far away may take this share of all handshakes, so that others get in beside it. */
const HANDSHAKE_SHARE = 1 / 4;

interface Host {
  tokens: number;
  at: number;
  handshakes: number;
}

export function createInboundGate(
  { clock }: { readonly clock: Clock },
  config: InboundGateConfig,
): InboundGate {
  /** The one heard of least recently comes first. */
  const hosts = new Map<string, Host>();
  const { inboundPerSecondPerHost, inboundPerSecondPerPrivateHost, maxHandshakes } = config;

  function hostAt(address: string, rate: number): Host {
    const name = hostOf(address);
    const now = clock.monotonic();
    const host = hosts.get(name) ?? { tokens: 2 * rate, at: now, handshakes: 0 };
    hosts.delete(name);
    hosts.set(name, host);
    if (hosts.size > MAX_TRACKED_HOSTS) hosts.delete(hosts.keys().next().value as string);
    host.tokens = Math.min(2 * rate, host.tokens + ((now - host.at) / 1_000) * rate);
    host.at = now;
    return host;
  }

  return {
    enter(address) {
      const near = isPrivate(address);
      const host = hostAt(address, near ? inboundPerSecondPerPrivateHost : inboundPerSecondPerHost);
      if (host.tokens < 1) return undefined;
      const share = near ? maxHandshakes : Math.max(1, maxHandshakes * HANDSHAKE_SHARE);
      if (host.handshakes >= share) return undefined;
      host.tokens -= 1;
      host.handshakes++;
      let ended = false;
      return () => {
        if (!ended) host.handshakes--;
        ended = true;
      };
    },
  };
}

function isPrivate(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && privateRanges.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function hostOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
