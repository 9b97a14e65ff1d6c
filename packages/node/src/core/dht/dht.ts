/** The table put together: searching, storing, reading, and the tick that keeps it sound. */
import { type Crypto, DHT_K, isP2posError, type Signer } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Random } from '../random/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createReputation } from './guard/reputation.ts';
import { createRequestGate, DEFAULT_REQUEST_LIMITS, type RequestLimits } from './guard/request-gate.ts';
import { createSearch, type Search } from './lookup/search.ts';
import type { Contact, Dht, DhtTransport, Found, LookupReport, Stored, Waiting } from './port.ts';
import { networkGroupOfAll } from './routing/network-group.ts';
import { commonBits, createNodeIds, idWithCommonBits, type NodeIds } from './routing/node-id.ts';
import { createRoutingTable } from './routing/routing-table.ts';
import { createServing } from './serving.ts';
import { createPublications, type Publishable } from './values/publications.ts';
import { createReader } from './values/reader.ts';
import { checkValue, type StoredValue } from './values/value.ts';
import { createValueStore, DEFAULT_VALUE_LIMITS, type ValueLimits } from './values/value-store.ts';
import { createWriter } from './values/writer.ts';

export interface DhtDeps {
  readonly transport: DhtTransport;
  readonly crypto: Crypto;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Who may take part; in a closed system its members. Default: all. */
  readonly accepts?: (peerId: PeerId) => boolean;
  /** Shared by the nodes of a simulation. */
  readonly idOf?: NodeIds;
}

export interface DhtConfig {
  readonly systemId: string;
  readonly peerId: PeerId;
  /** Contacts in a bucket, in an answer, and holders of a value. */
  readonly k?: number;
  readonly alpha?: number;
  /** Of the closest nodes to a target, how many each way of a search must have heard itself. */
  readonly confirm?: number;
  /** Disjoint ways of one search. */
  readonly paths?: number;
  /** Of one network in a bucket and among the closest; Infinity: any number. */
  readonly perNetwork?: number;
  readonly callTimeoutMs?: number;
  /** A question that takes longer makes room for the next. */
  readonly slowMs?: number;
  readonly lookupTimeoutMs?: number;
  readonly refreshMs?: number;
  readonly republishMs?: number;
  /** Between two looks at what is to be refreshed, renewed or dropped. */
  readonly tickMs?: number;
  readonly maxPublications?: number;
  readonly values?: Partial<ValueLimits>;
  readonly requests?: Partial<RequestLimits>;
}

const HOUR_MS = 3_600_000;
/** Nodes to begin with that are remembered. */
const MAX_HINTS = 256;
/** Of each kind of upkeep in one tick. */
const MAX_PER_TICK = 16;

export function createDht(deps: DhtDeps, config: DhtConfig): Dht {
  const { transport, crypto, signer, clock, random, log, accepts = () => true } = deps;
  const { systemId, peerId: self, k = DHT_K, perNetwork = 2 } = config;
  const { refreshMs = HOUR_MS, republishMs = HOUR_MS, callTimeoutMs = 2_000 } = config;
  const idOf = deps.idOf ?? createNodeIds(crypto);
  const id = idOf(self);
  const tasks = createTaskGroup({ clock, random, log });
  const reputation = createReputation({ clock });
  const hints = new Map<PeerId, Contact>();
  let joined = false;
  let joining: Promise<void> | undefined;

  const table = createRoutingTable(
    id,
    {
      clock,
      networkOf: ({ peerId, addresses }) => transport.networkOf(peerId) ?? networkGroupOfAll(addresses),
      probe: (contact) =>
        void search.ask(contact, 'ping', { addresses: transport.addresses() }).catch(() => {}),
    },
    { k, perNetwork, freshMs: 60_000, maxFailures: 3 },
  );
  const search: Search = createSearch(
    { transport, table, reputation, clock, idOf, hints, accepts: isHeard },
    {
      self,
      ...{ k, perNetwork, callTimeoutMs },
      confirm: config.confirm ?? 5,
      alpha: config.alpha ?? 3,
      paths: config.paths ?? 3,
      slowMs: config.slowMs ?? 500,
      lookupTimeoutMs: config.lookupTimeoutMs ?? 30_000,
    },
  );
  const store = createValueStore({ clock, random }, { ...DEFAULT_VALUE_LIMITS, ...config.values });
  const publications = createPublications(
    { clock, crypto, signer },
    { systemId, author: self, renewMs: republishMs, maxPublications: config.maxPublications ?? 4_096 },
  );
  const check = (value: StoredValue) => checkValue(value, { crypto, systemId, now: clock.now() });
  const gate = createRequestGate({ clock, reputation }, { ...DEFAULT_REQUEST_LIMITS, ...config.requests });
  const serving = createServing({ transport, table, store, gate, reputation, idOf, accepts, check }, { k });
  const reader = createReader({ search, store, check, reputation, transport });
  const writer = createWriter({ search, store, check, idOf }, { self, k });
  const served = transport.serve(serving.handle);

  function isHeard(peerId: PeerId): boolean {
    return (
      peerId !== self && accepts(peerId) && reputation.bannedMs(peerId, transport.networkOf(peerId)) === 0
    );
  }
  function waiting(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, tasks.signal]) : tasks.signal;
  }

  async function enter(signal: AbortSignal): Promise<void> {
    // Each neighbour must hear of us, so all of them are asked.
    await search.holders(id, signal);
    // Towards everybody farther than the neighbours, where too few were met on the way (Kademlia, 2002, §2.3).
    const [nearest] = table.closest(id, 1);
    const deepest = nearest ? commonBitsOf(nearest) : 0;
    for (let bits = 0; bits < deepest; bits++)
      if (table.fill(bits) < k) await search.find(idWithCommonBits(id, bits, random.bytes(32)), signal);
    joined = table.size() > 0;
  }
  const commonBitsOf = ({ peerId }: Contact) => commonBits(id, idOf(peerId));

  function join(signal: AbortSignal): Promise<void> {
    joining ??= enter(signal).finally(() => {
      joining = undefined;
    });
    return joining;
  }

  async function write(item: Publishable, { signal }: Waiting): Promise<Stored> {
    const publication = publications.add(item);
    return writer.store(publication.key, await publication.make(), waiting(signal));
  }

  const upkeep = tasks.every({ name: 'dht', intervalMs: config.tickMs ?? 60_000 }, async (signal) => {
    store.sweep();
    if (table.size() === 0 && hints.size === 0) return;
    if (!joined || table.size() === 0) await join(signal);
    for (const bits of table.stale(refreshMs).slice(0, MAX_PER_TICK))
      await quietly('refresh', () => search.find(idWithCommonBits(id, bits, random.bytes(32)), signal));
    for (const value of store.takeDue(republishMs, MAX_PER_TICK))
      await quietly('republish', () => writer.store(value.key, value, signal));
    for (const publication of publications.takeDue(MAX_PER_TICK))
      await quietly('renew', async () => writer.store(publication.key, await publication.make(), signal));
  });

  async function quietly(action: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (tasks.signal.aborted || !isP2posError(error)) throw error;
      log.debug({ action: `dht_${action}`, error }, 'upkeep of the hash table was not complete');
    }
  }

  return {
    id,
    join: ({ signal } = {}) => join(waiting(signal)),
    learn({ peerId, addresses }) {
      if (peerId === self || !accepts(peerId)) return;
      hints.delete(peerId);
      hints.set(peerId, { peerId, addresses });
      if (hints.size > MAX_HINTS) hints.delete(hints.keys().next().value as PeerId);
      if (!joined || table.size() === 0) upkeep.trigger();
    },
    forget(peerId) {
      hints.delete(peerId);
      table.remove(peerId, idOf(peerId));
    },
    hears: (peerId) => reputation.bannedMs(peerId, transport.networkOf(peerId)) === 0,
    lookup: (target, { signal } = {}): Promise<LookupReport> => search.find(target, waiting(signal)),
    findPeer: (peerId, { signal } = {}) => search.peer(peerId, waiting(signal)),
    put: (value, { ttlMs, signal }) => write({ kind: 'content', value, ttlMs }, { signal }),
    get: (key, { signal } = {}) => reader.content(key, waiting(signal)),
    publish: ({ topic, value, ttlMs }, { signal } = {}) =>
      write({ kind: 'own', topic, entry: '', value, ttlMs }, { signal }),
    async resolve({ author, topic }, { signal } = {}): Promise<Found | undefined> {
      const [newest] = await reader.entries({ kind: 'own', author, topic }, crypto, waiting(signal));
      return newest;
    },
    announce: ({ topic, entry, value, ttlMs }, { signal } = {}) =>
      write({ kind: 'shared', topic, entry, value, ttlMs }, { signal }),
    async withdraw(item, { signal } = {}) {
      const end = publications.remove(item);
      if (end) await writer.store(end.key, await end.make(), waiting(signal));
    },
    discover: (topic, { signal } = {}) =>
      reader.entries({ kind: 'shared', author: self, topic }, crypto, waiting(signal)),
    status() {
      const { values, bytes } = store.size();
      const { lookups, queries } = search.counts();
      return {
        contacts: table.size(),
        values,
        valueBytes: bytes,
        publications: publications.size(),
        banned: reputation.banned(),
        lookups,
        queries,
        served: serving.served(),
        refused: serving.refused(),
      };
    },
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}
