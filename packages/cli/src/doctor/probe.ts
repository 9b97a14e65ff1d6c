/** What can be found out from this machine about addresses and names: whether a port answers, what DNS says. */
import { lookup, Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';

/** The part of a multiaddr that can be tried without libp2p. */
export interface Endpoint {
  readonly text: string;
  readonly host: string;
  /** The host is a name. */
  readonly isName: boolean;
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
  readonly peerId: string | undefined;
}

const ADDRESS = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]{1,253})\/(tcp|udp)\/(\d{1,5})(?:\/|$)/;

export function endpointOf(address: string): Endpoint | undefined {
  const [, kind = '', host = '', transport = '', port = ''] = ADDRESS.exec(address) ?? [];
  if (host === '') return undefined;
  return {
    text: address,
    host,
    isName: kind.startsWith('dns'),
    transport: transport as 'tcp' | 'udp',
    port: Number(port),
    peerId: /\/p2p\/(12D3KooW\w+)/.exec(address)?.[1],
  };
}

export type Reach = 'open' | 'closed' | 'silent' | 'unresolved';

/** `closed`: the machine answers that nothing listens; `silent`: nothing answers, as behind a firewall. */
export async function probeTcp(
  { host, port }: Endpoint,
  timeoutMs = 3_000,
  clock: Clock = systemClock,
): Promise<Reach> {
  const socket = connect({ host, port });
  const { promise, resolve } = Promise.withResolvers<Reach>();
  using _timer = clock.after(timeoutMs, () => resolve('silent'));
  socket.once('connect', () => resolve('open'));
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') resolve('unresolved');
    else resolve(error.code === 'ECONNREFUSED' ? 'closed' : 'silent');
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

export async function resolves(host: string): Promise<boolean> {
  return await lookup(host).then(
    () => true,
    () => false,
  );
}

/** The TXT records of `_dnsaddr.<domain>`; undefined when DNS did not answer. */
export async function readDnsAddresses(
  domain: string,
  server: string | undefined,
): Promise<string[] | undefined> {
  const resolver = new Resolver({ timeout: 3_000, tries: 1 });
  if (server !== undefined) resolver.setServers([server]);
  try {
    const records = await resolver.resolveTxt(`_dnsaddr.${domain}`);
    return records.map((parts) => parts.join('')).filter((text) => text.startsWith('dnsaddr='));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
  }
}
