/**
 * Where an address lies in the internet, coarsely: what one owner has many of counts as one (IPv4 /24, IPv6 /48). Keys of
 * peers cost nothing, networks do, so limits that an attacker must not escape go by this.
 */
import { BlockList, isIP } from 'node:net';
import type { Address } from '../../net/index.ts';

/** `v4:192.0.2` or `v6:2001:db8:7`; undefined: a private range, where a whole system may sit behind one address. */
export type NetworkGroup = string;

const privateRanges = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  privateRanges.addSubnet(network, prefix, 'ipv4');
privateRanges.addAddress('::1', 'ipv6');
privateRanges.addSubnet('fc00::', 7, 'ipv6');
privateRanges.addSubnet('fe80::', 10, 'ipv6');

const IP = /^\/ip([46])\/([^/]+)/;

/** Of the address's host; undefined too for a name, which may be any. */
export function networkGroupOf(address: Address): NetworkGroup | undefined {
  const [, version, host = ''] = IP.exec(address) ?? [];
  if (version === undefined || isIP(host) !== Number(version)) return undefined;
  if (version === '4') {
    if (privateRanges.check(host, 'ipv4')) return undefined;
    return `v4:${host.slice(0, host.lastIndexOf('.'))}`;
  }
  if (privateRanges.check(host, 'ipv6')) return undefined;
  const groups = expand(host);
  // An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is the network that it is.
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
    return networkGroupOf(`/ip4/${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
  }
  return `v6:${groups.slice(0, 3).join(':')}`;
}

/** Eight groups of hex digits without leading zeros. */
function expand(host: string): string[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  if (dotted) {
    const [, head, a, b, c, d] = dotted;
    const pair = (high = '0', low = '0') => (Number(high) * 256 + Number(low)).toString(16);
    return expand(`${head}${pair(a, b)}:${pair(c, d)}`);
  }
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    while (groups.length + rest.length < 8) groups.push('0');
    groups.push(...rest);
  }
  return groups.map((group) => Number.parseInt(group, 16).toString(16));
}

/** Of the first address that lies in the internet. */
export function networkGroupOfAll(addresses: readonly Address[]): NetworkGroup | undefined {
  for (const address of addresses) {
    const group = networkGroupOf(address);
    if (group !== undefined) return group;
  }
  return undefined;
}
