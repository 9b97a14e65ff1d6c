/**
 * Where a system is found that this node knows no address of (system.md §3): DNS TXT records, over the resolver of the machine,
 * named servers or HTTPS; and neighbours on the local network by mDNS. It only finds: who is dialled is the mesh's to
 * decide, who belongs to the system is the membership's, so lies cost attempts and no more.
 *
 * @example
 * await using discovery = createDiscovery({ resolver, mesh, clock, random, log }, { domains: ['example.org'] });
 * await findAddresses(resolver, 'example.org', { signal }); // ['/ip4/192.0.2.1/tcp/4100/p2p/12D3KooW…']
 */
export { createDohResolver, findAddresses, type TxtResolver as Resolver } from '@p2pos/protocol';
export { createDiscovery, type Discovery, type DiscoveryConfig, type DiscoveryDeps } from './discovery.ts';
export { createDnsResolver } from './resolver.ts';
