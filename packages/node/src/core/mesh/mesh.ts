/** The mesh behind its door: what is known of peers, and what happens, leads to dials and exchanges. */
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
import { createAsking } from './asking.ts';
import { createBackoff } from './backoff.ts';
import { createBootstrap } from './bootstrap.ts';
import { createDialling } from './dialling.ts';
import { createHolds } from './holds.ts';
import { createPeerExchange } from './peer-exchange.ts';
import type { KnownPeer, Mesh } from './port.ts';
import { createSeeking, ENOUGH_FOR_A_STRANGER } from './seeking.ts';

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

/** Who was just put out has nothing to ask; that another snapshot lists it again, it hears soon enough. */
const STRANGER_WAIT_MS = 5_000;
/** Where hundreds connect at once, a few of them tell all that there is to know. */
const EXCHANGES = { burst: () => 16, perSecond: () => 1 };

export async function createMesh(deps: MeshDeps, config: MeshConfig = {}): Promise<Mesh> {
  const { net, membership, presence, clock, random, log } = deps;
  const { initConnections = [], intervalMs = 10_000, wantedConnections = 256 } = config;
  const { frequentUpTo = 256, maxDials = 16, dialTimeoutMs = 10_000 } = config;
  const { initialBackoffMs = 250, maxBackoffMs = 30_000, stableMs = 10_000 } = config;
  const self = net.peerId;
  const book = await openAddressBook(deps);
  const backoff = createBackoff(deps, { initialMs: initialBackoffMs, maxMs: maxBackoffMs, stableMs });
  const bootstrap = createBootstrap(initConnections);
  const holds = createHolds({ clock });
  const tasks = createTaskGroup({ clock, random, log });
  const seeking = createSeeking({ ...deps, book, bootstrap, holds }, { wantedConnections });
  const { isListed, isOwn, isShort } = seeking;
  const dialling = createDialling(
    { ...deps, seeking, backoff, bootstrap, book, tasks },
    { dialTimeoutMs, maxDials },
  );
  const { pursue, pursueSoon } = dialling;
  const exchange = createPeerExchange({ ...deps, book, lacking: seeking.missing, told: learn });
  const asking = createAsking({
    exchange,
    mayAsk: (peerId) => isListed(self) && isListed(peerId),
    tasks,
    log,
  });
  const exchanges = createAllowance(clock, EXCHANGES);
  /** Dials ordered by hand that are under way: whoever answers there is welcome, held or not. */
  let ordered = 0;

  const members = () => membership.view().members;
  const isKnown = (peerId: PeerId) => isListed(peerId) || bootstrap.isAt(peerId);

  function learn(peerId: PeerId, addresses: readonly Address[]): void {
    if (peerId === self || !isKnown(peerId)) return;
    if (book.learn(peerId, addresses, 'hint')) pursueSoon();
  }
  function learnSnapshot(): void {
    book.retain(isKnown);
    for (const { peerId, addresses } of members().values()) {
      if (peerId !== self) book.learn(peerId, addresses, 'snapshot');
    }
    for (const address of initConnections) {
      const peerId = bootstrap.peerAt(address);
      if (peerId !== undefined && peerId !== self) book.learn(peerId, [address], 'config');
    }
  }

  const subscriptions = [
    net.events.on('peer:connected', (peerId) => {
      seeking.changed();
      if (holds.isHeld(peerId) && ordered === 0) {
        tasks.run('hold', () => net.hangUp(peerId));
        return;
      }
      for (const name of seeking.namesOf(peerId)) backoff.connected(name);
      if (exchanges.take(self, 1)) asking.ask(peerId);
      pursueSoon();
    }),
    net.events.on('peer:disconnected', (peerId) => {
      seeking.changed();
      asking.forget(peerId);
      if (!isKnown(peerId)) backoff.retain((name) => name !== peerId);
      else {
        const waitMs = isListed(self) ? dialling.yieldMs(peerId) : jitter(random, STRANGER_WAIT_MS);
        for (const name of seeking.namesOf(peerId)) backoff.disconnected(name, waitMs);
      }
      pursueSoon();
    }),
    membership.events.on('membership:changed', () => {
      seeking.changed();
      learnSnapshot();
      backoff.retain((name) => isKnown(name) || bootstrap.has(name));
      exchange.retain(isListed);
      for (const peerId of shuffle(random, seeking.connectedMembers()).slice(0, ENOUGH_FOR_A_STRANGER))
        asking.ask(peerId);
      pursueSoon();
    }),
    presence.events.on('heartbeat:accepted', ({ heartbeat: { peerId, addresses }, changed }) => {
      const isNew = changed && book.learn(peerId, addresses, 'heartbeat');
      if (seeking.room() === 0 || net.isConnected(peerId)) return;
      if (isNew) dialling.retry(peerId);
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
    asking.ask(peerId);
  }
  tasks.every({ name: 'mesh', intervalMs, immediately: true }, async () => {
    holds.ended();
    const [peerId] = drawn(random, seeking.connectedMembers());
    if (peerId !== undefined && (random.float() * members().size < frequentUpTo || seeking.isBehind()))
      asking.ask(peerId);
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
          dialling.retry(named);
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
        dialling.reached({ name: named ?? address, peerId: named, addresses: [address] }, peerId);
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
      dialling[Symbol.dispose]();
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      exchange[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
      await book.flush();
    },
  };
}
