/** The four questions over rpc: dials whom it must, and keeps few connections that nobody else wanted. */
import { kadBodies, MAX_CONTACT_ADDRESSES, P2posError } from '@p2pos/protocol';
import { type Clock, deadline } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Address, Net, PeerId } from '../../net/index.ts';
import { defineCapability, type Rpc } from '../../rpc/index.ts';
import type { Contact, DhtTransport, KadCalls, KadHandler, KadMethod } from '../port.ts';
import { type NetworkGroup, networkGroupOf } from '../routing/network-group.ts';

export const KAD = defineCapability('/p2pos/kad/1.0.0', {
  ping: { id: 1, ...kadBodies.ping, maxBodyBytes: 4_096 },
  findNode: { id: 2, ...kadBodies.findNode, maxBodyBytes: 65_536 },
  findValue: { id: 3, ...kadBodies.findValue, maxBodyBytes: 131_072 },
  store: { id: 4, ...kadBodies.store, cost: 'bulk', maxBodyBytes: 16_384 },
});

export interface RpcTransportDeps {
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly net: Pick<
    Net,
    'peerId' | 'events' | 'connections' | 'isConnected' | 'dial' | 'hangUp' | 'addresses'
  >;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RpcTransportConfig {
  /** Connections that were opened for questions alone; the one used least recently is closed beyond. */
  readonly maxConnections?: number;
}

export function createRpcTransport(
  { rpc, net, clock, log }: RpcTransportDeps,
  { maxConnections = 128 }: RpcTransportConfig = {},
): DhtTransport & Disposable {
  const suffix = `/p2p/${net.peerId}`;
  /** By peer, asked for again after its connections changed. */
  const networks = new Map<PeerId, NetworkGroup | undefined>();
  /** Used least recently first. */
  const dialled = new Set<PeerId>();
  const dialling = new Map<PeerId, Promise<void>>();
  const forget = (peerId: PeerId) => {
    networks.delete(peerId);
    if (!net.isConnected(peerId)) dialled.delete(peerId);
  };
  const subscriptions = [net.events.on('peer:connected', forget), net.events.on('peer:disconnected', forget)];

  async function connect({ peerId, addresses }: Contact, timeoutMs: number): Promise<void> {
    const wanted = addresses
      .map((address) => addressWith(peerId, address))
      .filter((one) => one !== undefined);
    if (wanted.length === 0) throw new P2posError('PEER_UNREACHABLE', { peerId });
    using limit = deadline(clock, timeoutMs, { what: `Node ${peerId}` });
    await net.dial(wanted, { signal: limit.signal });
    dialled.add(peerId);
    const [oldest] = dialled;
    if (dialled.size <= maxConnections || oldest === undefined) return;
    dialled.delete(oldest);
    net.hangUp(oldest).catch((error) => log.debug({ action: 'hang_up', peer: oldest, error }, 'not closed'));
  }

  function reach(contact: Contact, timeoutMs: number): Promise<void> {
    const { peerId } = contact;
    const under = dialling.get(peerId);
    if (under) return under;
    const attempt = connect(contact, timeoutMs).finally(() => dialling.delete(peerId));
    dialling.set(peerId, attempt);
    return attempt;
  }

  return {
    async call<M extends KadMethod>(
      contact: Contact,
      method: M,
      input: KadCalls[M]['input'],
      { timeoutMs }: { readonly timeoutMs: number },
    ) {
      const { peerId } = contact;
      const startedAt = clock.monotonic();
      if (!net.isConnected(peerId)) await reach(contact, timeoutMs);
      else if (dialled.delete(peerId)) dialled.add(peerId);
      const leftMs = timeoutMs - (clock.monotonic() - startedAt);
      if (leftMs <= 0) throw new P2posError('TIMEOUT', { what: `Node ${peerId}`, timeoutMs });
      return rpc.call(peerId, KAD, method, input as never, { timeoutMs: leftMs }) as Promise<
        KadCalls[M]['output']
      >;
    },
    serve(handler: KadHandler) {
      const bind =
        <M extends KadMethod>(method: M) =>
        async (input: unknown, { peerId }: { readonly peerId: PeerId }) =>
          handler(method, input as KadCalls[M]['input'], peerId) as never;
      return rpc.serve(KAD, {
        ping: bind('ping'),
        findNode: bind('findNode'),
        findValue: bind('findValue'),
        store: bind('store'),
      });
    },
    // Whoever reads them knows whose they are.
    addresses: () =>
      net
        .addresses()
        .slice(0, MAX_CONTACT_ADDRESSES)
        .map((address) => (address.endsWith(suffix) ? address.slice(0, -suffix.length) : address)),
    networkOf(peerId) {
      if (networks.has(peerId)) return networks.get(peerId);
      const connection = net.connections().find((one) => one.peerId === peerId);
      const network = connection && networkGroupOf(connection.remoteAddress);
      if (connection) networks.set(peerId, network);
      return network;
    },
    [Symbol.dispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
    },
  };
}

/** Ends in the peer's id, so whoever answers there has proved to be it; undefined: it is somebody else's. */
function addressWith(peerId: PeerId, address: Address): Address | undefined {
  const named = /\/p2p\/([^/]+)$/.exec(address)?.[1];
  if (named === undefined) return `${address}/p2p/${peerId}`;
  return named === peerId ? address : undefined;
}
