/**
 * A network inside one process: the same `Net` port as production, with latency, partitions and half-open links.
 * Chunks cross in order per channel; a cut link delivers nothing and says nothing, as a real one does.
 */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../core/clock/index.ts';
import { createEmitter } from '../core/events/index.ts';
import type { Address, Connection, Handler, Net, NetConfig, NetEvents, PeerId } from '../core/net/index.ts';
import { type ChannelEnd, createChannels } from './memory-channel.ts';

export interface MemoryNet extends Net {
  /**
   * Its process is dead: whatever of it still runs hears nothing and is not heard any more. `reset`: the machine lives and says so
   * to the others, after all that was sent and where a link lets it through. `silent`: the machine is dead too, and the others
   * find out by themselves, or when the peer is back and answers what it does not know.
   */
  crash(how: 'reset' | 'silent'): void;
}

export interface MemoryHub {
  /** A net of this hub, not yet started. */
  join(peerId: PeerId, config?: Partial<NetConfig>): MemoryNet;
  addressOf(peerId: PeerId): Address;
  /** Nothing crosses between the groups any more; peers in no group reach everyone. Connections stay half-open. */
  partition(...groups: readonly (readonly PeerId[])[]): void;
  /** One direction only: what `from` sends to `to` is lost. */
  cut(from: PeerId, to: PeerId): void;
  /** These ways are cut and no others; what waits on one that stays cut goes on waiting. */
  setCuts(ways: Iterable<readonly [from: PeerId, to: PeerId]>): void;
  /** Until disposed nothing comes to or from this peer, and nothing of it is lost. */
  freeze(peerId: PeerId): Disposable;
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
  readonly peerId: PeerId;
  readonly handlers: Map<string, Handler>;
  readonly links: Map<PeerId, Side>;
  readonly admit: (peerId: PeerId, protocol: string) => boolean;
  died: 'reset' | 'silent' | undefined;
  connected(peerId: PeerId): void;
  disconnected(peerId: PeerId): void;
}

/** One end of a connection: each knows only what it did itself and what reached it. */
interface Side {
  readonly host: Host;
  readonly connection: Connection;
  /** Of the channels over it that have not ended. */
  readonly ends: Set<ChannelEnd>;
  readonly way: Way;
  far: Side;
  open: boolean;
}

/** One direction between two peers. Looked up once a channel, for every chunk needs it. */
interface Way {
  readonly from: PeerId;
  readonly to: PeerId;
  crosses: boolean;
  /** When what was sent last arrives. */
  arrivesAt: number;
  /** What waits for a cut link, in order. */
  held: { readonly sender: Host; readonly run: () => void }[] | undefined;
}

export function createMemoryHub(deps: { readonly clock: Clock }, config: MemoryHubConfig = {}): MemoryHub {
  const { latencyMs = 0, momentMs = 0, cut = 'lost', highWaterBytes = 256 * 1024 } = config;
  const hosts = new Map<PeerId, Host>();
  const started = new Map<PeerId, Net>();
  const lost = new Set<string>();
  const frozen = new Set<PeerId>();
  let groups: readonly ReadonlySet<PeerId>[] = [];
  const ways = new Map<string, Way>();
  /** Those on which something waits, in the order in which it came to that. */
  const holding = new Set<Way>();

  const addressOf = (peerId: PeerId): Address => `/memory/${peerId}/p2p/${peerId}`;

  function crosses(from: PeerId, to: PeerId): boolean {
    if (lost.has(`${from}>${to}`) || frozen.has(from) || frozen.has(to)) return false;
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

  function deliver(way: Way, sender: Host, run: () => void): void {
    const delay = typeof latencyMs === 'function' ? latencyMs(way.from, way.to) : latencyMs;
    const arrive = () => {
      if (way.held) way.held.push({ sender, run });
      else if (way.crosses) run();
      else if (cut === 'held' || frozen.has(way.from) || frozen.has(way.to)) {
        way.held = [{ sender, run }];
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
      // A machine that is dead repeats nothing.
      for (const { sender, run } of waiting) if (sender.died !== 'silent') run();
    }
  }

  /** An end of a connection; whoever makes it gives it the other. */
  function sideOf(host: Host, peerId: PeerId, direction: Connection['direction']): Side {
    const remoteAddress = addressOf(peerId);
    const connection: Connection = {
      peerId,
      remoteAddress,
      direction,
      transport: 'memory',
      encryption: 'none',
    };
    const way = wayOf(host.peerId, peerId);
    const side = { host, connection, way, ends: new Set<ChannelEnd>(), open: true };
    return Object.assign(side, { far: side as unknown as Side });
  }

  /** This end takes the connection for ended. */
  function drop(side: Side, reason: string): void {
    if (!side.open) return;
    side.open = false;
    const { host, connection, ends } = side;
    if (host.links.get(connection.peerId) === side) host.links.delete(connection.peerId);
    host.disconnected(connection.peerId);
    for (const end of [...ends]) end.ended(new Error(reason));
  }

  /** The end that hangs up forgets at once; the other learns of it only over a link that works. */
  function hangUp(side: Side, reason: string): void {
    const { host, far, way } = side;
    drop(side, reason);
    if (way.crosses) drop(far, reason);
    else deliver(way, host, () => drop(far, reason));
  }

  /** Something came to an end that is gone; if anybody lives there, he says so. */
  function refuse({ host, way, far }: Side): void {
    const there = hosts.get(host.peerId);
    if (there && far.open) deliver(way, there, () => drop(far, 'connection reset'));
  }

  const createPair = createChannels<Side>({
    deliver: (side, run) => deliver(side.way, side.host, run),
    refuse,
    sent: ({ way }, bytes) => config.sent?.(way.from, way.to, bytes),
    highWaterBytes,
  });

  function join(peerId: PeerId, { admit = () => true }: Partial<NetConfig> = {}): MemoryNet {
    const events = createEmitter<NetEvents>((error) => {
      throw error;
    });
    const handlers = new Map<string, Handler>();
    const links = new Map<PeerId, Side>();
    /** Asked for far more often than it changes. */
    let listed: readonly Connection[] | undefined;

    const net: MemoryNet = {
      peerId,
      events,
      async start() {
        if (host.died) return;
        hosts.set(peerId, host);
        started.set(peerId, net);
      },
      addresses: () => (started.get(peerId) === net ? [addressOf(peerId)] : []),
      connections() {
        listed ??= Array.from(links.values(), ({ connection }) => connection);
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
          if (host.died || !other || !crosses(peerId, target) || !crosses(target, peerId)) continue;
          const former = other.links.get(peerId);
          if (former) drop(former, 'replaced by a new connection');
          const side = sideOf(host, target, 'outbound');
          side.far = sideOf(other, peerId, 'inbound');
          side.far.far = side;
          links.set(target, side);
          other.links.set(peerId, side.far);
          host.connected(target);
          other.connected(peerId);
          return target;
        }
        throw new P2posError('PEER_UNREACHABLE', { peerId: addresses.join(', ') });
      },
      async hangUp(other) {
        const side = links.get(other);
        if (side) hangUp(side, 'connection closed');
      },
      async open(other, protocol, { signal }) {
        signal.throwIfAborted();
        const side = links.get(other);
        if (!side) throw new P2posError('PEER_UNREACHABLE', { peerId: other });
        const { far } = side;
        const { handlers: known, admit: admits } = far.host;
        const handler = known.get(protocol);
        // Of one that is dead nobody knows what it would say.
        if (far.open) {
          // It dialled, and is not ready yet.
          if (hosts.get(other) !== far.host) throw new P2posError('PEER_UNREACHABLE', { peerId: other });
          if (!handler) throw new P2posError('METHOD_UNKNOWN', { peerId: other, method: protocol });
          if (!admits(peerId, protocol)) throw new P2posError('PEER_UNREACHABLE', { peerId: other });
        }
        const [here, there] = createPair(side, protocol);
        deliver(side.way, host, () => (far.open ? handler?.(there) : refuse(far)));
        return here;
      },
      handle(protocol, handler) {
        handlers.set(protocol, handler);
        return {
          [Symbol.dispose]: () => void (handlers.get(protocol) === handler && handlers.delete(protocol)),
        };
      },
      crash(how) {
        if (host.died) return;
        host.died = how;
        forget();
        for (const side of [...links.values()]) {
          drop(side, 'this process is dead');
          if (how === 'reset') deliver(side.way, host, () => drop(side.far, 'peer went away'));
        }
      },
      async [Symbol.asyncDispose]() {
        for (const side of [...links.values()]) hangUp(side, 'peer went away');
        forget();
      },
    };
    function forget(): void {
      if (hosts.get(peerId) === host) hosts.delete(peerId);
      if (started.get(peerId) === net) started.delete(peerId);
    }
    const host: Host = {
      peerId,
      handlers,
      links,
      admit,
      died: undefined,
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
    freeze(peerId) {
      frozen.add(peerId);
      changed();
      return {
        [Symbol.dispose]() {
          if (frozen.delete(peerId)) changed();
        },
      };
    },
    heal() {
      groups = [];
      lost.clear();
      changed();
    },
  };
}
