/** Leads ports of the router here for as long as this node runs: made, renewed at half of their time, taken back at the end. */
import { type Clock, deadline } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Address, Net } from '../net/index.ts';
import type { Random } from '../random/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { atHost, hostOf, isRelayed, withoutPeer } from './address.ts';
import type { PortMappingView } from './port.ts';
import { UpnpFailure } from './upnp/index.ts';
import type { Mapping, PortMapper, Router } from './upnp/port.ts';

export interface PortMappingDeps {
  readonly mapper: PortMapper;
  readonly net: Pick<Net, 'addresses'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface PortMappingConfig {
  /** Whether ports should be mapped now; what was mapped stays. */
  readonly isWanted: () => boolean;
  /** The addresses are others now. */
  readonly onChange: () => void;
  readonly leaseS?: number;
}

export interface PortMapping extends AsyncDisposable {
  current(): PortMappingView;
  /** Something speaks for it: looks at once where nothing was tried yet, and now and then where it failed. */
  look(): void;
}

const LEASE_S = 3_600;
const RETRY_MS = 2 * 60_000;
const FIND_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 2_000;
/** Where the port of the same number is somebody else's. */
const OTHER_PORTS = 3;
const FIRST_DYNAMIC_PORT = 49_152;
const DYNAMIC_PORTS = 16_384;
/** UPnP's codes: another host has the port; leases must be permanent. */
const CONFLICT = 718;
const ONLY_PERMANENT = 725;

export function createPortMapping(deps: PortMappingDeps, config: PortMappingConfig): PortMapping {
  const { mapper, net, clock, random, log } = deps;
  const { isWanted, onChange, leaseS = LEASE_S } = config;
  const tasks = createTaskGroup({ clock, random, log });
  let view: PortMappingView = { state: 'idle', addresses: [] };
  let router: Router | undefined;
  let retryAt = Number.NEGATIVE_INFINITY;
  /** By protocol and inner port. */
  const held = new Map<string, Mapping>();

  function tell(next: PortMappingView): void {
    const changed = next.state !== view.state || next.addresses.join() !== view.addresses.join();
    view = next;
    if (!changed) return;
    const { state, addresses, reason } = next;
    log.info(
      { action: 'port_mapping', state, ports: addresses.length, ...(reason !== undefined && { reason }) },
      'ports of the router',
    );
    onChange();
  }

  async function within<T>(
    timeoutMs: number,
    signal: AbortSignal,
    run: (options: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    using limit = deadline(clock, timeoutMs, { what: 'The router', signal });
    return run(limit);
  }

  async function find(signal: AbortSignal): Promise<Router | undefined> {
    try {
      return await within(FIND_TIMEOUT_MS, signal, (options) => mapper.find(options));
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** The same number outside where it is free, else another; for a time where the router knows times. */
  async function lead(at: Router, wanted: Omit<Mapping, 'leaseS'>, signal: AbortSignal): Promise<Mapping> {
    let { outerPort } = wanted;
    let seconds = leaseS;
    for (let others = 0; ; ) {
      const mapping = { ...wanted, outerPort, leaseS: seconds };
      try {
        await within(CALL_TIMEOUT_MS, signal, (options) => at.map(mapping, options));
        return mapping;
      } catch (error) {
        const code = error instanceof UpnpFailure ? error.code : undefined;
        if (code === ONLY_PERMANENT && seconds > 0) seconds = 0;
        else if (code === CONFLICT && others++ < OTHER_PORTS)
          outerPort = FIRST_DYNAMIC_PORT + Math.floor(random.float() * DYNAMIC_PORTS);
        else throw error;
      }
    }
  }

  async function round(signal: AbortSignal): Promise<void> {
    if (held.size === 0 && !isWanted()) return tell({ state: 'idle', addresses: [] });
    retryAt = clock.monotonic() + RETRY_MS;
    router ??= await find(signal);
    if (!router) return tell({ state: 'none', addresses: [] });
    const at = router;
    try {
      const outer = await within(CALL_TIMEOUT_MS, signal, (options) => at.outerHost(options));
      if (isPrivate(outer)) {
        const reason = 'the router is itself behind another one';
        return tell({ state: 'failed', router: at.name, addresses: [], reason });
      }
      const addresses: Address[] = [];
      for (const address of net.addresses()) {
        const place = placeOf(address);
        if (!place || hostOf(address) !== at.localHost) continue;
        const { protocol, port } = place;
        const name = `${protocol} ${port}`;
        const outerPort = held.get(name)?.outerPort ?? port;
        // Two transports of one port, as tcp and what is carried by it, share one mapping.
        const mapping = await lead(at, { protocol, port, outerPort }, signal);
        held.set(name, mapping);
        const outside = atHost(withoutPeer(address), outer);
        addresses.push(outside.replace(/\/(tcp|udp)\/\d+/, `/$1/${mapping.outerPort}`));
      }
      if (addresses.length === 0) {
        const reason = 'this node listens on no address in the network of the router';
        return tell({ state: 'failed', router: at.name, addresses, reason });
      }
      tell({ state: 'mapped', router: at.name, addresses });
    } catch (error) {
      signal.throwIfAborted();
      // It may have been replaced by another: the next round looks anew.
      router = undefined;
      held.clear();
      tell({
        state: 'failed',
        router: at.name,
        addresses: [],
        reason: (error as Error).message.slice(0, 200),
      });
    }
  }

  const { trigger } = tasks.every(
    { name: 'port mapping', intervalMs: (leaseS * 1_000) / 2, immediately: true },
    round,
  );

  return {
    current: () => view,
    look() {
      if (view.state !== 'mapped' && clock.monotonic() >= retryAt) trigger();
    },
    async [Symbol.asyncDispose]() {
      await tasks[Symbol.asyncDispose]();
      const at = router;
      if (!at || held.size === 0) return;
      using limit = deadline(clock, STOP_TIMEOUT_MS, { what: 'The router' });
      await Promise.allSettled([...held.values()].map((mapping) => at.unmap(mapping, limit)));
    },
  };
}

/** Of a direct IPv4 address that this node listens on. */
function placeOf(address: Address): Pick<Mapping, 'protocol' | 'port'> | undefined {
  const [, kind, port] = /^\/ip4\/[^/]+\/(tcp|udp)\/(\d+)(\/|$)/.exec(address) ?? [];
  if (!kind || isRelayed(address)) return undefined;
  return { protocol: kind === 'tcp' ? 'TCP' : 'UDP', port: Number(port) };
}

/** RFC 1918, RFC 6598 (routers of providers), loopback and link-local. */
function isPrivate(host: string): boolean {
  const [a = 0, b = 0] = host.split('.').map(Number);
  return (
    a === 10 ||
    a === 127 ||
    a === 0 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  );
}
