/**
 * Decides before any cryptography whether an address may connect once more: a token bucket per address, in bounded
 * memory. libp2p's own limit is one figure for all addresses, too low for ten nodes on one machine.
 */
import { BlockList, isIP } from 'node:net';
import type { Clock } from '../clock/index.ts';

export interface InboundGateConfig {
  readonly inboundPerSecondPerHost: number;
  readonly inboundPerSecondPerPrivateHost: number;
}

export interface InboundGate {
  /** Counts one attempt; false: refuse it. IPv6 addresses of one /64 count as one host. */
  admits(address: string): boolean;
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

export function createInboundGate(
  { clock }: { readonly clock: Clock },
  config: InboundGateConfig,
): InboundGate {
  const buckets = new Map<string, { tokens: number; at: number }>();

  return {
    admits(address) {
      const rate = isPrivate(address)
        ? config.inboundPerSecondPerPrivateHost
        : config.inboundPerSecondPerHost;
      const host = hostOf(address);
      const now = clock.monotonic();
      const bucket = buckets.get(host) ?? { tokens: 2 * rate, at: now };
      buckets.delete(host);
      buckets.set(host, bucket);
      if (buckets.size > MAX_TRACKED_HOSTS) {
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest);
          break;
        }
      }
      bucket.tokens = Math.min(2 * rate, bucket.tokens + ((now - bucket.at) / 1_000) * rate);
      bucket.at = now;
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
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
