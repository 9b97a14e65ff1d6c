/** Why a node finds nobody: each address that it was given is tried from here, and the reason named. */
import { bad, type Finding, good } from './finding.ts';
import { endpointOf, probeTcp, resolves } from './probe.ts';

export interface BootstrapView {
  /** `discovery.init_connections`. */
  readonly addresses: readonly string[];
  /** Connections to members. */
  readonly connected: number;
  readonly members: number;
  readonly state: string;
}

export async function checkBootstrap(view: BootstrapView): Promise<Finding[]> {
  const { addresses, connected, members, state } = view;
  if (connected > 0 || members === 1) return [good('bootstrap', `${connected} members are connected`)];
  if (addresses.length === 0) {
    const why = 'it is connected to nobody, and discovery.init_connections is empty';
    return [
      bad(
        'bootstrap',
        `this node is ${state}: ${why}`,
        'set discovery.init_connections in node.toml and restart the node, or p2pctl connect ADDRESS',
      ),
    ];
  }
  return Promise.all(addresses.map((address) => examine(address, state)));
}

async function examine(address: string, state: string): Promise<Finding> {
  const endpoint = endpointOf(address);
  const from = `this node is ${state} and connected to nobody`;
  if (!endpoint)
    return bad('bootstrap', `${from}; ${address} cannot be tried from here`, 'p2pctl config check');
  if (endpoint.isName && !(await resolves(endpoint.host))) {
    return bad(
      'bootstrap',
      `${from}: wrong DNS, the name ${endpoint.host} of ${address} does not resolve`,
      'correct the name, or its record in DNS',
    );
  }
  if (endpoint.transport === 'udp')
    return bad(
      'bootstrap',
      `${from}; ${address} is udp and cannot be tried from here`,
      'name a tcp address too',
    );
  const reach = await probeTcp(endpoint);
  if (reach === 'closed') {
    return bad(
      'bootstrap',
      `${from}: closed port, nothing listens on ${endpoint.host}:${endpoint.port} (${address})`,
      'start that node, or correct the port',
    );
  }
  if (reach !== 'open') {
    return bad(
      'bootstrap',
      `${from}: ${endpoint.host}:${endpoint.port} does not answer (${address}), as behind a firewall`,
      'open the port there, or name another address',
    );
  }
  return bad(
    'bootstrap',
    `${from}, although ${endpoint.host}:${endpoint.port} answers: what listens there is no node of this system, or has another peer id than ${endpoint.peerId ?? 'expected'}`,
    'compare with p2pctl status there',
  );
}
