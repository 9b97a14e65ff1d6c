/** The mesh behind its door: who should be connected and is not, and when to try. */
import { formatTimestamp, isP2posError, isPeerId, P2posError } from '@p2pos/protocol';
import { createAllowance } from '../allowance/index.ts';
import { type Clock, deadline } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Address, Net, PeerId } from '../net/index.ts';
import type { Presence } from '../presence/index.ts';
import { drawn, jitter, type Random, shuffle } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { Store } from '../store/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { addressOf, openAddressBook, peerIdIn } from './address-book.ts';
import { createBackoff } from './backoff.ts';
import { createBootstrap } from './bootstrap.ts';
import { createHolds } from './holds.ts';
import { createPeerExchange } from './peer-exchange.ts';
import type { KnownPeer, Mesh } from './port.ts';

export interface MeshDeps {
  readonly net: Pick<
    Net,
    'peerId' | 'events' | 'connections' | 'isConnected' | 'dial' | 'addresses' | 'hangUp'
  >;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly membership: Pick<Membership, 'view' | 'events'>;
  readonly presence: Pick<Presence, 'events' | 'sighting' | 'ageMs' | 'known' | 'newerThan' | 'accept'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface MeshConfig {
  /** Multiaddrs where the system is found, with or without `/p2p/<id>`. */
  readonly initConnections?: readonly Address[];
  /** Between two looks at who is missing, and two exchanges with a random member. */
  readonly intervalMs?: number;
  /** Members beyond are not dialled. */
  readonly wantedConnections?: number;
  /** With more members than this an exchange is so much longer, and so much rarer. */
  readonly frequentUpTo?: number;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  /** A connection that ends earlier counts as a failed attempt. */
  readonly stableMs?: number;
  readonly dialTimeoutMs?: number;
  /** Dials under way at once. */
  readonly maxDials?: number;
}

/** Of two nodes that look for each other the one with the lesser id waits this long for the other's call. */
const YIELD_MS = 250;
/** Who was just put out has nothing to ask; that another snapshot lists it again, it hears soon enough. */
const STRANGER_WAIT_MS = 5_000;
/** A node that is no member asks this many of those it knows. */
const ENOUGH_FOR_A_STRANGER = 3;
const MAX_EXCHANGES = 8;
/** Where hundreds connect at once, a few of them tell all that there is to know. */
const EXCHANGES = { burst: () => 16, perSecond: () => 1 };
/** Who lives is heard of every 30 s: where one was not for so long, and is not given up yet, it is not rare. */
const OVERDUE = { fromMs: 50_000, toMs: 180_000 };
/** Who was not heard of since the start of this process is overdue for so long. */
const NEW_FOR_MS = 300_000;
/** What happens within this time is looked at together; a look at more members costs more. */
const SOON_MS = 20;
const SOON_MS_PER_MEMBER = 0.25;

interface Target {
  /** Names it in the backoff: a peer id, or a bootstrap address without one. */
  readonly name: string;
  readonly peerId: PeerId | undefined;
  readonly addresses: readonly Address[];
}

export async function createMesh(deps: MeshDeps, config: MeshConfig = {}): Promise<Mesh> {
  const { net, membership, presence, clock, random, log } = deps;
  const { initConnections = [], intervalMs = 10_000, wantedConnections = 256 } = config;
  const { frequentUpTo = 256, maxDials = 16 } = config;
  const { initialBackoffMs = 250, maxBackoffMs = 30_000, stableMs = 10_000, dialTimeoutMs = 10_000 } = config;
  const self = net.peerId;
  const startedAt = clock.monotonic();
  const book = await openAddressBook(deps);
  const backoff = createBackoff(deps, { initialMs: initialBackoffMs, maxMs: maxBackoffMs, stableMs });
  const bootstrap = createBootstrap(initConnections);
  const holds = createHolds({ clock });
  /** Dials ordered by hand that are under way: whoever answers there is welcome, held or not. */
  let ordered = 0;
  /** Aborted where a better way turns up meanwhile. */
  const dialling = new Map<string, AbortController>();
  const exchanging = new Set<PeerId>();
  const waiting = new Set<PeerId>();
  let wake: Disposable | undefined;
  let soon: Disposable | undefined;
  const exchanges = createAllowance(clock, EXCHANGES);

  const members = () => membership.view().members;
  const isListed = (peerId: PeerId) => members().has(peerId);
  const isBootstrap = (peerId: PeerId) => bootstrap.isAt(peerId);
  const connectedMembers = () =>
    [...new Set(net.connections().map((connection) => connection.peerId))].filter(isListed);
  /** Members that are connected; counted anew after a change. */
  let connectedCount: number | undefined;
  const countConnected = () => {
    connectedCount ??= connectedMembers().length;
    return connectedCount;
  };

  function isShort(): boolean {
    const connected = countConnected();
    if (!isListed(self)) return connected < Math.min(ENOUGH_FOR_A_STRANGER, members().size || 1);
    return members().size > 1 && (connected === 0 || (connected + 1) * 2 <= members().size);
  }
  /** How many more connections to members this node seeks. */
  function room(): number {
    return Math.max(0, (isListed(self) ? wantedConnections : ENOUGH_FOR_A_STRANGER) - countConnected());
  }
  /** Members that it would connect to. */
  function missing(): PeerId[] {
    if (room() === 0) return [];
    return [...members().keys()].filter((peerId) => peerId !== self && !net.isConnected(peerId));
  }
  function wanted(): Target[] {
    const targets = missing()
      .filter((peerId) => book.addresses(peerId).length > 0 && !holds.isHeld(peerId))
      .toSorted((a, b) => (book.lastSuccess(b) ?? 0) - (book.lastSuccess(a) ?? 0))
      .slice(0, room())
      .map((peerId): Target => ({ name: peerId, peerId, addresses: book.addresses(peerId) }));
    if (isListed(self) && !isShort()) return targets;
    for (const address of bootstrap.addresses()) {
      const peerId = bootstrap.peerAt(address);
      if (peerId === self || isOwn(address)) continue;
      if (peerId !== undefined && (net.isConnected(peerId) || holds.isHeld(peerId))) continue;
      // An address without an id stays a target of its own: another node may answer there today.
      const named = peerIdIn(address);
      if (named !== undefined && targets.some((target) => target.peerId === named)) continue;
      targets.push({ name: named ?? address, peerId: named, addresses: [address] });
    }
    return targets;
  }
  /** The targets that a connection with the peer is about. */
  function namesOf(peerId: PeerId): string[] {
    return [peerId, ...bootstrap.unnamed(peerId)];
  }
  function yieldMs(peerId: PeerId): number {
    return isListed(self) && isListed(peerId) && self < peerId ? jitter(random, YIELD_MS) : 0;
  }
  function isOwn(address: Address): boolean {
    return net.addresses().some((own) => own === addressOf(self, address));
  }

  /** Starts what is due, and sleeps until the next is. */
  function pursue(): void {
    if (tasks.signal.aborted) return;
    wake?.[Symbol.dispose]();
    soon?.[Symbol.dispose]();
    wake = soon = undefined;
    // The end of a dial comes back here.
    if (dialling.size >= maxDials) return;
    const now = clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const target of wanted()) {
      if (dialling.has(target.name)) continue;
      if (target.peerId !== undefined) backoff.hold(target.name, yieldMs(target.peerId));
      const dueAt = backoff.dueAt(target.name);
      if (dueAt > now) next = Math.min(next, dueAt);
      else if (dialling.size < maxDials) dial(target);
    }
    // Others fall due meanwhile; and a difference of floating-point times may be too small to move the clock.
    if (next < Number.POSITIVE_INFINITY) wake = clock.after(Math.max(soonMs(), next - now), pursue);
  }

  function soonMs(): number {
    return Math.max(SOON_MS, SOON_MS_PER_MEMBER * members().size);
  }
  function pursueSoon(): void {
    if (!tasks.signal.aborted) soon ??= clock.after(soonMs(), pursue);
  }

  function dial(target: Target): void {
    const own = new AbortController();
    dialling.set(target.name, own);
    backoff.attempted(target.name);
    tasks.run('dial', async (parent) => {
      try {
        const signal = AbortSignal.any([parent, own.signal]);
        using limit = deadline(clock, dialTimeoutMs, { what: 'The dialled node', signal });
        reached(target, await net.dial(target.addresses, { signal: limit.signal }));
      } catch (error) {
        if (own.signal.aborted) backoff.renew(target.name);
        else if (!parent.aborted) missed(target, error);
      } finally {
        dialling.delete(target.name);
        pursueSoon();
      }
    });
  }
  function reached(target: Target, peerId: PeerId): void {
    const [address] = target.addresses;
    if (target.peerId === undefined && address !== undefined) {
      bootstrap.answered(address, peerId);
      backoff.connected(address);
    }
    // Closed before it could be used; else the next attempt would follow at once.
    if (!net.isConnected(peerId)) backoff.failed(target.name);
    if (isListed(peerId) || isBootstrap(peerId)) {
      if (isBootstrap(peerId)) book.learn(peerId, target.addresses, 'config');
      for (const connection of net.connections()) {
        if (connection.peerId !== peerId || connection.direction !== 'outbound') continue;
        book.succeeded(peerId, connection.remoteAddress);
      }
    }
    log.debug({ action: 'dial', peer: peerId, result: 'connected' }, 'peer reached');
  }
  function missed(target: Target, error: unknown): void {
    backoff.failed(target.name);
    const refused = isP2posError(error, 'CONFIG_INVALID') ? error.details['key'] : undefined;
    if (target.peerId !== undefined && typeof refused === 'string') book.remove(target.peerId, refused);
    log.debug({ action: 'dial', peer: target.peerId, result: 'failed', error }, 'peer not reached');
  }

  /** Asks the peer at once; a few at a time. */
  function exchangeWith(peerId: PeerId): void {
    if (!isListed(self) || !isListed(peerId) || exchanging.has(peerId) || tasks.signal.aborted) return;
    if (exchanging.size >= MAX_EXCHANGES) {
      waiting.add(peerId);
      return;
    }
    exchanging.add(peerId);
    tasks.run('peer_exchange', async (signal) => {
      try {
        await exchange.with(peerId, signal);
      } catch (error) {
        log.debug({ action: 'peer_exchange', peer: peerId, error }, 'peer exchange failed');
      } finally {
        exchanging.delete(peerId);
        const [nextPeer] = waiting;
        if (nextPeer !== undefined && waiting.delete(nextPeer)) exchangeWith(nextPeer);
      }
    });
  }

  /** Whether gossip left out somebody who may well live. */
  function isBehind(): boolean {
    const isNew = clock.monotonic() - startedAt < NEW_FOR_MS;
    for (const peerId of members().keys()) {
      if (peerId === self) continue;
      const ageMs = presence.ageMs(peerId);
      if (ageMs === undefined ? isNew : ageMs >= OVERDUE.fromMs && ageMs < OVERDUE.toMs) return true;
    }
    return false;
  }

  /** Another address is known: what is tried without it would be waited for in vain. */
  function retry(peerId: PeerId): void {
    backoff.renew(peerId);
    dialling.get(peerId)?.abort(new Error('another address is known'));
  }
  function learn(peerId: PeerId, addresses: readonly Address[]): void {
    if (peerId === self || !(isListed(peerId) || isBootstrap(peerId))) return;
    if (book.learn(peerId, addresses, 'hint')) pursueSoon();
  }
  function learnSnapshot(): void {
    book.retain((peerId) => isListed(peerId) || isBootstrap(peerId));
    for (const { peerId, addresses } of members().values()) {
      if (peerId !== self) book.learn(peerId, addresses, 'snapshot');
    }
    for (const address of initConnections) {
      const peerId = bootstrap.peerAt(address);
      if (peerId !== undefined && peerId !== self) book.learn(peerId, [address], 'config');
    }
  }

  const tasks = createTaskGroup({ clock, random, log });
  const exchange = createPeerExchange({ ...deps, book, lacking: missing, told: learn });
  const subscriptions = [
    net.events.on('peer:connected', (peerId) => {
      connectedCount = undefined;
      if (holds.isHeld(peerId) && ordered === 0) {
        tasks.run('hold', () => net.hangUp(peerId));
        return;
      }
      for (const name of namesOf(peerId)) backoff.connected(name);
      if (exchanges.take(self, 1)) exchangeWith(peerId);
      pursueSoon();
    }),
    net.events.on('peer:disconnected', (peerId) => {
      connectedCount = undefined;
      waiting.delete(peerId);
      if (!isListed(peerId) && !isBootstrap(peerId)) backoff.retain((name) => name !== peerId);
      else {
        const waitMs = isListed(self) ? yieldMs(peerId) : jitter(random, STRANGER_WAIT_MS);
        for (const name of namesOf(peerId)) backoff.disconnected(name, waitMs);
      }
      pursueSoon();
    }),
    membership.events.on('membership:changed', () => {
      connectedCount = undefined;
      learnSnapshot();
      backoff.retain((name) => isListed(name) || isBootstrap(name) || bootstrap.has(name));
      exchange.retain(isListed);
      for (const peerId of shuffle(random, connectedMembers()).slice(0, ENOUGH_FOR_A_STRANGER))
        exchangeWith(peerId);
      pursueSoon();
    }),
    presence.events.on('heartbeat:accepted', ({ heartbeat: { peerId, addresses }, changed }) => {
      const isNew = changed && book.learn(peerId, addresses, 'heartbeat');
      if (room() === 0 || net.isConnected(peerId)) return;
      if (isNew) retry(peerId);
      else backoff.hasten(peerId);
      pursueSoon();
    }),
  ];

  learnSnapshot();
  for (const { peerId } of presence.known()) {
    const addresses = presence.sighting(peerId)?.heartbeat.addresses;
    if (addresses && peerId !== self) book.learn(peerId, addresses, 'heartbeat');
  }
  for (const { peerId } of net.connections()) {
    backoff.connected(peerId);
    exchangeWith(peerId);
  }
  tasks.every({ name: 'mesh', intervalMs, immediately: true }, async () => {
    holds.ended();
    const [peerId] = drawn(random, connectedMembers());
    if (peerId !== undefined && (random.float() * members().size < frequentUpTo || isBehind()))
      exchangeWith(peerId);
    pursue();
    await book.flush();
  });

  return {
    book(): KnownPeer[] {
      const peers = book
        .peers()
        .toSorted((a, b) => Number(isListed(b)) - Number(isListed(a)) || (a < b ? -1 : 1));
      return peers.map((peerId) => {
        const success = book.lastSuccess(peerId);
        const addresses = book.addresses(peerId);
        return success === undefined
          ? { peerId, addresses }
          : { peerId, addresses, lastSuccess: formatTimestamp(success) };
      });
    },
    learn,
    isShort,
    found(source, addresses) {
      const unknown: Address[] = [];
      let isNew = false;
      for (const address of addresses) {
        const named = peerIdIn(address);
        if (named === self) continue;
        if (named === undefined || !isListed(named)) unknown.push(address);
        else if (book.learn(named, [address], 'hint')) {
          retry(named);
          isNew = true;
        }
      }
      if (bootstrap.found(source, unknown) || isNew) pursueSoon();
    },
    async connect(address, { signal }) {
      const named = peerIdIn(address);
      const refuse = (reason: string, cause?: unknown) =>
        new P2posError('ADDRESS_INVALID', { address, reason }, { cause });
      if (named === self || isOwn(address)) throw refuse('it is this node itself');
      if (named !== undefined && !isPeerId(named)) throw refuse(`${named} is no peer id`);
      if (addressOf(named ?? self, address) === undefined) throw refuse('it is no multiaddr');
      using limit = deadline(clock, dialTimeoutMs, { what: 'The dialled node', signal });
      ordered++;
      try {
        const peerId = await net.dial([address], { signal: limit.signal });
        holds.lift(peerId);
        reached({ name: named ?? address, peerId: named, addresses: [address] }, peerId);
        return peerId;
      } catch (error) {
        if (!isP2posError(error, 'CONFIG_INVALID')) throw error;
        throw refuse(String(error.details['reason']), error);
      } finally {
        ordered--;
      }
    },
    async disconnect(peerId, holdMs) {
      holds.keep(peerId, holdMs);
      const closed = net.connections().filter((connection) => connection.peerId === peerId).length;
      await net.hangUp(peerId);
      return closed;
    },
    async [Symbol.asyncDispose]() {
      wake?.[Symbol.dispose]();
      soon?.[Symbol.dispose]();
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      exchange[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
      await book.flush();
    },
  };
}
