/**
 * Connections and calls between very many nodes without bytes: what is said is handed over by reference, after the link's delay,
 * and every message, there or back, is lost for good with the given chance, which is harsher than TCP.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../packages/node/src/core/clock/index.ts';
import { createEmitter } from '../../packages/node/src/core/events/index.ts';
import type { Address, Connection, Net, NetEvents, PeerId } from '../../packages/node/src/core/net/index.ts';
import type { Rpc } from '../../packages/node/src/core/rpc/index.ts';
import type { SeededRandom } from '../../packages/node/src/testing/seeded-random.ts';

type LightNet = Pick<
  Net,
  'peerId' | 'events' | 'connections' | 'isConnected' | 'dial' | 'addresses' | 'hangUp'
>;
type Handler = (input: unknown, context: { peerId: PeerId; signal: AbortSignal }) => Promise<unknown>;

export interface LightHost {
  readonly net: LightNet;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  /** As by a power cut, but that the others see their connections end. */
  kill(): void;
}

export interface LightNetwork {
  join(peerId: PeerId): LightHost;
  addressOf(peerId: PeerId): Address;
  /** Messages sent so far, answers included, by `protocol/method`. */
  readonly sent: ReadonlyMap<string, number>;
  lost(): number;
}

interface Host {
  readonly links: Map<PeerId, Connection>;
  /** Of `links`; undefined: changed since. */
  connections: Connection[] | undefined;
  readonly served: Map<string, Readonly<Record<string, Handler>>>;
  readonly events: ReturnType<typeof createEmitter<NetEvents>>;
  up: boolean;
}

export function createLightNetwork(
  { clock, random }: { readonly clock: Pick<Clock, 'after'>; readonly random: SeededRandom },
  { loss, latencyMs }: { readonly loss: number; readonly latencyMs: () => number },
): LightNetwork {
  const hosts = new Map<PeerId, Host>();
  const sent = new Map<string, number>();
  const { signal } = new AbortController();
  let lost = 0;

  const addressOf = (peerId: PeerId): Address => `/ip4/192.0.2.1/tcp/4100/p2p/${peerId}`;
  const connection = (peerId: PeerId, direction: Connection['direction']): Connection => ({
    peerId,
    remoteAddress: addressOf(peerId),
    direction,
    transport: 'memory',
    encryption: 'none',
  });

  /** Whether it arrives; then after the delay. */
  function send(name: string, arrive: () => void): void {
    sent.set(name, (sent.get(name) ?? 0) + 1);
    if (random.chance(loss)) lost++;
    else clock.after(latencyMs(), arrive);
  }

  function unlink(a: PeerId, b: PeerId): void {
    for (const [self, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const host = hosts.get(self);
      if (!host?.links.delete(other)) continue;
      host.connections = undefined;
      host.events.emit('peer:disconnected', other);
    }
  }

  function join(peerId: PeerId): LightHost {
    const events = createEmitter<NetEvents>((error) => {
      throw error;
    });
    const host: Host = { links: new Map(), connections: undefined, served: new Map(), events, up: true };
    hosts.set(peerId, host);

    const net: LightNet = {
      peerId,
      events,
      addresses: () => [addressOf(peerId)],
      connections() {
        host.connections ??= [...host.links.values()];
        return host.connections;
      },
      isConnected: (other) => host.links.has(other),
      async hangUp(other) {
        unlink(peerId, other);
      },
      dial: (addresses) =>
        new Promise((resolve, reject) => {
          const target = addresses[0]?.split('/p2p/')[1] ?? '';
          clock.after(2 * latencyMs(), () => {
            const other = hosts.get(target);
            if (!other?.up || !host.up) return reject(new P2posError('PEER_UNREACHABLE', { peerId: target }));
            if (!host.links.has(target)) {
              host.links.set(target, connection(target, 'outbound'));
              other.links.set(peerId, connection(peerId, 'inbound'));
              host.connections = other.connections = undefined;
              events.emit('peer:connected', target);
              other.events.emit('peer:connected', peerId);
            }
            resolve(target);
          });
        }),
    };

    const call = (
      target: PeerId,
      capability: { readonly protocol: string },
      method: string,
      input: unknown,
      { timeoutMs = 5_000 }: { readonly timeoutMs?: number },
    ) =>
      new Promise<unknown>((resolve, reject) => {
        const other = hosts.get(target);
        if (!host.links.has(target) || !other || !host.up)
          return reject(new P2posError('PEER_UNREACHABLE', { peerId: target }));
        const name = `${capability.protocol} ${method}`;
        const what = `Node ${target}`;
        const limit = clock.after(timeoutMs, () => reject(new P2posError('TIMEOUT', { what, timeoutMs })));
        send(name, () => {
          const handler = other.served.get(capability.protocol)?.[method];
          if (!other.up || !handler) return;
          const answered = (settle: () => void) =>
            send(`${name} answer`, () => {
              limit[Symbol.dispose]();
              settle();
            });
          handler(input, { peerId, signal }).then(
            (output) => answered(() => resolve(output)),
            (error: unknown) => answered(() => reject(error)),
          );
        });
      });

    const rpc = {
      call,
      serve({ protocol }: { readonly protocol: string }, handlers: Readonly<Record<string, Handler>>) {
        host.served.set(protocol, handlers);
        return { [Symbol.dispose]: () => void host.served.delete(protocol) };
      },
    } as unknown as LightHost['rpc'];

    return {
      net,
      rpc,
      kill() {
        host.up = false;
        for (const other of [...host.links.keys()]) unlink(peerId, other);
      },
    };
  }

  return { join, addressOf, sent, lost: () => lost };
}
