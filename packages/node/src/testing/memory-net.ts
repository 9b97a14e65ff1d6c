/**
 * A network inside one process: the same `Net` port as production, with latency, partitions and half-open links.
 * Chunks cross in order per channel; a cut link delivers nothing and says nothing, as a real one does.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../core/clock/index.ts';
import { createEmitter } from '../core/events/index.ts';
import type {
  Address,
  Channel,
  Connection,
  Handler,
  Net,
  NetConfig,
  NetEvents,
  PeerId,
} from '../core/net/index.ts';

export interface MemoryHub {
  /** A net of this hub, not yet started. */
  join(peerId: PeerId, config?: Partial<NetConfig>): Net;
  addressOf(peerId: PeerId): Address;
  /** Nothing crosses between the groups any more; peers in no group reach everyone. Connections stay half-open. */
  partition(...groups: readonly (readonly PeerId[])[]): void;
  /** One direction only: what `from` sends to `to` is lost. */
  cut(from: PeerId, to: PeerId): void;
  /** These ways are cut and no others; what waits on one that stays cut goes on waiting. */
  setCuts(ways: Iterable<readonly [from: PeerId, to: PeerId]>): void;
  heal(): void;
  readonly started: ReadonlyMap<PeerId, Net>;
}

export interface MemoryHubConfig {
  /** One way, ms. Default 0: delivered in the same tick. */
  readonly latencyMs?: number | ((from: PeerId, to: PeerId) => number);
  /** Where latencies are drawn: arrivals fall on multiples of this, so that many share one moment. Default: each has its own. */
  readonly momentMs?: number;
  /** Default: what meets a cut link is lost. `held`: it waits for the link, as TCP's retransmissions do, or for the end. */
  readonly cut?: 'lost' | 'held';
  /** Told of every chunk that is sent. */
  readonly sent?: (from: PeerId, to: PeerId, bytes: number) => void;
  /** Unread bytes on a channel at which `send` answers false. */
  readonly highWaterBytes?: number;
}

interface Host {
  readonly net: Net;
  readonly handlers: Map<string, Handler>;
  readonly links: Map<PeerId, Link>;
  readonly admit: (peerId: PeerId, protocol: string) => boolean;
  connected(peerId: PeerId): void;
  disconnected(peerId: PeerId): void;
}

interface Link {
  /** As each end sees it. */
  readonly seen: ReadonlyMap<PeerId, Connection>;
  readonly channels: Set<{ end(error: Error): void }>;
}

/** One direction between two peers. Looked up once a channel, for every chunk needs it. */
interface Way {
  readonly from: PeerId;
  readonly to: PeerId;
  crosses: boolean;
  /** When what was sent last arrives. */
  arrivesAt: number;
  /** What waits for a cut link, in order. */
  held: (() => void)[] | undefined;
}

export function createMemoryHub(deps: { readonly clock: Clock }, config: MemoryHubConfig = {}): MemoryHub {
  const { latencyMs = 0, momentMs = 0, cut = 'lost', highWaterBytes = 256 * 1024 } = config;
  const hosts = new Map<PeerId, Host>();
  const started = new Map<PeerId, Net>();
  const lost = new Set<string>();
  let groups: readonly ReadonlySet<PeerId>[] = [];
  const ways = new Map<string, Way>();
  /** Those on which something waits, in the order in which it came to that. */
  const holding = new Set<Way>();

  const addressOf = (peerId: PeerId): Address => `/memory/${peerId}/p2p/${peerId}`;

  function crosses(from: PeerId, to: PeerId): boolean {
    if (lost.has(`${from}>${to}`)) return false;
    const a = groups.find((group) => group.has(from));
    const b = groups.find((group) => group.has(to));
    return !a || !b || a === b;
  }

  function wayOf(from: PeerId, to: PeerId): Way {
    const name = `${from}>${to}`;
    let way = ways.get(name);
    if (!way) {
      way = { from, to, crosses: crosses(from, to), arrivesAt: 0, held: undefined };
      ways.set(name, way);
    }
    return way;
  }

  function deliver(way: Way, run: () => void): void {
    const delay = typeof latencyMs === 'function' ? latencyMs(way.from, way.to) : latencyMs;
    const arrive = () => {
      if (way.held) way.held.push(run);
      else if (way.crosses) run();
      else if (cut === 'held') {
        way.held = [run];
        holding.add(way);
      }
    };
    if (delay === 0) queueMicrotask(arrive);
    else if (typeof latencyMs === 'number') deps.clock.after(delay, arrive);
    else {
      // What is sent later never arrives earlier, however the delays fall.
      const now = deps.clock.monotonic();
      const due = momentMs > 0 ? Math.ceil((now + delay) / momentMs) * momentMs : now + delay;
      way.arrivesAt = Math.max(way.arrivesAt, due);
      deps.clock.after(way.arrivesAt - now, arrive);
    }
  }

  /** After a cut or its end: what waited goes on where it can. */
  function changed(): void {
    for (const way of ways.values()) way.crosses = crosses(way.from, way.to);
    for (const way of holding) {
      if (!way.crosses) continue;
      const waiting = way.held ?? [];
      way.held = undefined;
      holding.delete(way);
      for (const run of waiting) run();
    }
  }

  const connectionTo = (peerId: PeerId, direction: Connection['direction']): Connection => ({
    peerId,
    remoteAddress: addressOf(peerId),
    direction,
    transport: 'memory',
    encryption: 'none',
  });

  function unlink(a: PeerId, b: PeerId, reason: string): void {
    const link = hosts.get(a)?.links.get(b) ?? hosts.get(b)?.links.get(a);
    if (!link) return;
    for (const [self, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const host = hosts.get(self);
      if (host?.links.delete(other)) host.disconnected(other);
    }
    for (const channel of [...link.channels]) channel.end(new Error(reason));
  }

  /** The end that hangs up forgets at once; the other learns of it only over a link that works. */
  function hangUp(self: PeerId, other: PeerId): void {
    if (crosses(self, other)) {
      unlink(self, other, 'connection closed');
      return;
    }
    const host = hosts.get(self);
    const link = host?.links.get(other);
    if (!host || !link) return;
    host.links.delete(other);
    host.disconnected(other);
    for (const channel of [...link.channels]) channel.end(new Error('connection closed'));
  }

  function join(peerId: PeerId, { admit = () => true }: Partial<NetConfig> = {}): Net {
    const events = createEmitter<NetEvents>((error) => {
      throw error;
    });
    const handlers = new Map<string, Handler>();
    const links = new Map<PeerId, Link>();
    /** Asked for far more often than it changes. */
    let listed: readonly Connection[] | undefined;

    const net: Net = {
      peerId,
      events,
      async start() {
        hosts.set(peerId, host);
        started.set(peerId, net);
      },
      addresses: () => (started.get(peerId) === net ? [addressOf(peerId)] : []),
      connections() {
        listed ??= Array.from(links.values(), ({ seen }) => seen.get(peerId) as Connection);
        return [...listed];
      },
      isConnected: (other) => links.has(other),
      async dial(addresses, { signal }) {
        signal.throwIfAborted();
        for (const address of addresses) {
          const match = /^\/memory\/([^/]+)(?:\/p2p\/([^/]+))?$/.exec(address);
          const target = match?.[1];
          if (!target || target === peerId || (match[2] && match[2] !== target)) continue;
          if (links.has(target)) return target;
          const other = hosts.get(target);
          if (!other || !crosses(peerId, target) || !crosses(target, peerId)) continue;
          unlink(peerId, target, 'replaced by a new connection');
          const seen = new Map([
            [peerId, connectionTo(target, 'outbound')],
            [target, connectionTo(peerId, 'inbound')],
          ]);
          const link: Link = { seen, channels: new Set() };
          links.set(target, link);
          other.links.set(peerId, link);
          host.connected(target);
          other.connected(peerId);
          return target;
        }
        throw new P2posError('PEER_UNREACHABLE', { peerId: addresses.join(', ') });
      },
      async hangUp(other) {
        hangUp(peerId, other);
      },
      async open(other, protocol, { signal }) {
        signal.throwIfAborted();
        const link = links.get(other);
        const remote = hosts.get(other);
        if (!link || !remote) throw new P2posError('PEER_UNREACHABLE', { peerId: other });
        const handler = remote.handlers.get(protocol);
        if (!handler) throw new P2posError('METHOD_UNKNOWN', { peerId: other, method: protocol });
        if (!remote.admit(peerId, protocol)) throw new P2posError('PEER_UNREACHABLE', { peerId: other });
        const [near, far] = createPair(link, peerId, other, protocol);
        deliver(wayOf(peerId, other), () => handler(far));
        return near;
      },
      handle(protocol, handler) {
        handlers.set(protocol, handler);
        return {
          [Symbol.dispose]: () => void (handlers.get(protocol) === handler && handlers.delete(protocol)),
        };
      },
      async [Symbol.asyncDispose]() {
        for (const other of [...links.keys()]) unlink(peerId, other, 'peer went away');
        if (hosts.get(peerId) === host) hosts.delete(peerId);
        if (started.get(peerId) === net) started.delete(peerId);
      },
    };
    const host: Host = {
      net,
      handlers,
      links,
      admit,
      connected(other) {
        listed = undefined;
        events.emit('peer:connected', other);
      },
      disconnected(other) {
        listed = undefined;
        events.emit('peer:disconnected', other);
      },
    };
    return net;
  }

  function createPair(link: Link, a: PeerId, b: PeerId, protocol: string): readonly [Channel, Channel] {
    const near = createEnd(b);
    const far = createEnd(a);
    const both = {
      end(error: Error) {
        link.channels.delete(both);
        near.ended(error);
        far.ended(error);
      },
    };
    link.channels.add(both);

    function createEnd(remote: PeerId) {
      const local = remote === a ? b : a;
      const way = wayOf(local, remote);
      const unread: Uint8Array[] = [];
      let unreadBytes = 0;
      let paused = false;
      let onChunk: ((chunk: Uint8Array) => void) | undefined;
      let onEnd: ((error?: Error) => void) | undefined;
      let finished: { readonly error?: Error } | undefined;
      let told = false;
      let room = Promise.withResolvers<void>();
      room.resolve();

      const end = {
        unreadBytes: () => unreadBytes,
        arrived(chunk: Uint8Array): void {
          if (finished) return;
          if (!paused && onChunk && unread.length === 0) read(chunk, onChunk);
          else unread.push(chunk);
        },
        ended(error?: Error): void {
          if (finished) return;
          finished = error ? { error } : {};
          room.resolve();
          flush();
        },
        full(bytes: number): boolean {
          unreadBytes += bytes;
          if (unreadBytes > highWaterBytes) room = Promise.withResolvers<void>();
          return unreadBytes > highWaterBytes;
        },
        room: () => room.promise,
        channel: undefined as unknown as Channel,
      };
      function read(chunk: Uint8Array, reader: (chunk: Uint8Array) => void): void {
        unreadBytes -= chunk.length;
        if (unreadBytes <= highWaterBytes) room.resolve();
        reader(chunk);
      }
      function flush(): void {
        while (!paused && onChunk && unread.length > 0) {
          read(unread.shift() as Uint8Array, onChunk);
        }
        if (finished && onEnd && !told && (unread.length === 0 || finished.error)) {
          told = true;
          onEnd(finished.error);
        }
      }
      const other = () => (end === near ? far : near);
      let closed = false;
      end.channel = {
        peerId: remote,
        protocol,
        send(chunk) {
          if (closed || finished?.error) return true;
          const target = other();
          const full = target.full(chunk.length);
          config.sent?.(local, remote, chunk.length);
          deliver(way, () => target.arrived(chunk));
          return !full;
        },
        drained: () => other().room(),
        receive(chunk, ended) {
          onChunk = chunk;
          onEnd = ended;
          flush();
        },
        pause() {
          paused = true;
        },
        resume() {
          paused = false;
          flush();
        },
        close() {
          closed = true;
          const target = other();
          deliver(way, () => target.ended());
        },
        abort(error) {
          closed = true;
          link.channels.delete(both);
          end.ended(error);
          const target = other();
          deliver(way, () => target.ended(error));
        },
      };
      return end;
    }
    return [near.channel, far.channel];
  }

  return {
    join,
    addressOf,
    started,
    partition(...lists) {
      groups = lists.map((list) => new Set(list));
      changed();
    },
    cut(from, to) {
      lost.add(`${from}>${to}`);
      wayOf(from, to).crosses = false;
    },
    setCuts(list) {
      lost.clear();
      for (const [from, to] of list) lost.add(`${from}>${to}`);
      changed();
    },
    heal() {
      groups = [];
      lost.clear();
      changed();
    },
  };
}
