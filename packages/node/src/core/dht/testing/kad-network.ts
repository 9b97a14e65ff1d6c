/** Questions between tables without sockets: delays, nodes that vanish, and where each comes from. */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { Address, PeerId } from '../../net/index.ts';
import type { DhtTransport, KadCalls, KadHandler, KadMethod } from '../port.ts';
import { type NetworkGroup, networkGroupOfAll } from '../routing/network-group.ts';

export interface KadNetwork {
  /** A node at an address; its table is made with the transport. */
  attach(peerId: PeerId, addresses: readonly Address[]): KadLink;
  readonly links: Map<PeerId, KadLink>;
  /** Told of each question that was sent. */
  sent: ((from: PeerId, to: PeerId, method: KadMethod) => void) | undefined;
}

export interface KadLink extends DhtTransport {
  readonly peerId: PeerId;
  readonly network: NetworkGroup | undefined;
  up: boolean;
  /** Questions that reached it. */
  received: number;
  /** Stands between a question and the node's own answer. */
  intercept: ((method: KadMethod, input: never, from: PeerId, answer: KadHandler) => unknown) | undefined;
}

export function createKadNetwork(
  { clock }: { readonly clock: Pick<Clock, 'after'> },
  { latencyMs }: { readonly latencyMs: (from: PeerId, to: PeerId) => number },
): KadNetwork {
  const links = new Map<PeerId, KadLink>();
  const net: KadNetwork = { attach, links, sent: undefined };
  const nothing: readonly Address[] = [];

  function attach(peerId: PeerId, addresses: readonly Address[]): KadLink {
    let handler: KadHandler | undefined;
    const link: KadLink & { deliver: KadHandler } = {
      peerId,
      network: networkGroupOfAll(addresses),
      up: true,
      received: 0,
      intercept: undefined,
      addresses: () => (addresses.length > 0 ? addresses : nothing),
      networkOf: (other) => links.get(other)?.network,
      deliver(method, input, from) {
        if (!handler) throw new P2posError('METHOD_UNKNOWN', { peerId, method });
        link.received++;
        return link.intercept
          ? (link.intercept(method, input as never, from, handler) as never)
          : handler(method, input, from);
      },
      serve(given) {
        handler = given;
        return {
          [Symbol.dispose]() {
            handler = undefined;
          },
        };
      },
      call: (contact, method, input, { timeoutMs }) => send(peerId, contact.peerId, method, input, timeoutMs),
    };
    links.set(peerId, link);
    return link;
  }

  function send<M extends KadMethod>(
    from: PeerId,
    to: PeerId,
    method: M,
    input: KadCalls[M]['input'],
    timeoutMs: number,
  ) {
    net.sent?.(from, to, method);
    return new Promise<KadCalls[M]['output']>((resolve, reject) => {
      const there = latencyMs(from, to);
      const silent = (leftMs: number) =>
        void clock.after(leftMs, () => reject(new P2posError('TIMEOUT', { what: `Node ${to}`, timeoutMs })));
      const link = links.get(to) as (KadLink & { deliver: KadHandler }) | undefined;
      if (!link?.up) return silent(timeoutMs);
      clock.after(there, () => {
        if (!link.up) return silent(timeoutMs - there);
        const refuse = (error: unknown) => void clock.after(there, () => reject(error));
        try {
          const answer = link.deliver(method, input, from);
          if (answer instanceof Promise)
            answer.then((value) => clock.after(there, () => resolve(value)), refuse);
          else clock.after(there, () => resolve(answer));
        } catch (error) {
          refuse(error);
        }
      });
    });
  }
  return net;
}
