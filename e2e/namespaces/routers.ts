/**
 * An internet of network namespaces: a bridge with public addresses, machines on it, and machines behind routers whose
 * address translation is one of the kinds of RFC 3489 §5, made with nftables. Needs root, `ip` and `nft`.
 */
import { createSpaces, run } from './spaces.ts';

/**
 * `open`: a public address. `full-cone`: whatever comes to a port goes in. `restricted`: only from hosts that were sent to.
 * `port-restricted`: only from the very ports. `symmetric`: as that, and each connection leaves from another port.
 */
export type RouterKind = 'open' | 'full-cone' | 'restricted' | 'port-restricted' | 'symmetric';

export interface Internet extends Disposable {
  /** To be put before a command that shall run on machine `i`. */
  prefix(i: number): readonly string[];
  /** The same for the router before it. */
  routerPrefix(i: number): readonly string[];
  /** The router's, as machine `i` sees it. */
  routerAddress(i: number): string;
  /** Its own, and as the others see it. */
  address(i: number): string;
  publicAddress(i: number): string;
}

export function createInternet(kinds: readonly RouterKind[]): Internet {
  const spaces = createSpaces('p2posnat');
  const { name } = spaces;
  const publicAddress = (i: number) => `203.0.113.${i + 10}`;
  const inner = (i: number) => `10.${i + 10}.0.2`;
  const address = (i: number) => (kinds[i] === 'open' ? publicAddress(i) : inner(i));
  spaces.make(() => {
    spaces.addHub();
    for (const [i, kind] of kinds.entries()) {
      spaces.add(i);
      const outer = kind === 'open' ? String(i) : `router${i}`;
      if (kind !== 'open') spaces.add(outer);
      spaces.plug(i, outer, 'wan', `${publicAddress(i)}/24`);
      if (kind === 'open') continue;
      spaces.link(outer, 'lan', i, 'eth0', `${inner(i)}/24`);
      run('ip', '-n', name(outer), 'address', 'add', `10.${i + 10}.0.1/24`, 'dev', 'lan');
      run('ip', '-n', name(i), 'route', 'add', 'default', 'via', `10.${i + 10}.0.1`);
      run('ip', 'netns', 'exec', name(outer), 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
      run('ip', 'netns', 'exec', name(outer), 'nft', rulesOf(kind, inner(i)));
    }
  });
  return {
    prefix: spaces.prefix,
    routerPrefix: (i) => spaces.prefix(`router${i}`),
    routerAddress: (i) => `10.${i + 10}.0.1`,
    address,
    publicAddress,
    [Symbol.dispose]: spaces[Symbol.dispose],
  };
}

function rulesOf(kind: RouterKind, host: string): string {
  const leads = {
    open: '',
    'full-cone': `iifname wan meta l4proto { tcp, udp } th dport 1024-65535 dnat to ${host}`,
    restricted: `iifname wan ip saddr @met meta l4proto { tcp, udp } th dport 1024-65535 dnat to ${host}`,
    'port-restricted': '',
    symmetric: '',
  }[kind];
  return `table ip router {
    set met {
      type ipv4_addr
      flags dynamic, timeout
    }
    chain arriving {
      type nat hook prerouting priority -100
      ${leads}
    }
    chain leaving {
      type nat hook postrouting priority 100
      oifname wan masquerade ${kind === 'symmetric' ? 'fully-random' : ''}
    }
    chain through {
      type filter hook forward priority 0
      policy drop
      iifname lan update @met { ip daddr timeout 2m } accept
      ct state established,related accept
      ct status dnat accept
    }
    chain own {
      type filter hook input priority 0
      iifname wan meta l4proto { tcp, udp } drop
    }
  }`;
}
