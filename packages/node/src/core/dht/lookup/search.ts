/** Questions and searches of this node: what they teach the routing table, and what liars and the silent cost themselves. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Reputation } from '../guard/reputation.ts';
import type { Contact, DhtTransport, KadCalls, KadMethod } from '../port.ts';
import { networkGroupOfAll } from '../routing/network-group.ts';
import type { NodeId, NodeIds } from '../routing/node-id.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import { type LookupAnswer, type LookupConfig, type LookupResult, runLookup } from './lookup.ts';

export interface SearchDeps {
  readonly transport: Pick<DhtTransport, 'call' | 'addresses' | 'networkOf'>;
  readonly table: RoutingTable;
  readonly reputation: Reputation;
  readonly clock: Pick<Clock, 'after'>;
  readonly idOf: NodeIds;
  /** Where to begin while few are known. */
  readonly hints: ReadonlyMap<PeerId, Contact>;
  readonly accepts: (peerId: PeerId) => boolean;
}

export interface SearchConfig extends LookupConfig {
  readonly self: PeerId;
  /** Of a search for nodes; a search for holders asks all k. */
  readonly confirm: number;
  readonly callTimeoutMs: number;
  readonly lookupTimeoutMs: number;
}

export type ValueAnswer = KadCalls['findValue']['output'];

export interface Search {
  /** One question; who answers is known from now on. @throws what the transport rejects with */
  ask<M extends KadMethod>(
    contact: Contact,
    method: M,
    input: KadCalls[M]['input'],
  ): Promise<KadCalls[M]['output']>;
  /** @throws P2posError DHT_ALONE, OVERLOADED */
  find(target: NodeId, signal: AbortSignal): Promise<LookupResult>;
  /** The k closest, all of which answered. @throws P2posError DHT_ALONE, OVERLOADED */
  holders(key: NodeId, signal: AbortSignal): Promise<LookupResult>;
  peer(peerId: PeerId, signal: AbortSignal): Promise<Contact | undefined>;
  /** `onAnswer` says true once it has seen enough. */
  value(
    key: NodeId,
    onAnswer: (contact: Contact, answer: ValueAnswer) => boolean | Promise<boolean>,
    signal: AbortSignal,
  ): Promise<LookupResult>;
  addresses(): Contact['addresses'];
  counts(): { readonly lookups: number; readonly queries: number };
}

interface RunOptions<A> {
  readonly confirm: number;
  readonly signal: AbortSignal;
  readonly onAnswer?: (contact: Contact, answer: A) => boolean | Promise<boolean>;
}

const MAX_SEARCHES = 256;
/** Of an answer that is no answer. */
const GARBAGE_POINTS = 25;

export function createSearch(deps: SearchDeps, config: SearchConfig): Search {
  const { transport, table, reputation, clock, idOf, hints, accepts } = deps;
  const { self, callTimeoutMs, k } = config;
  let running = 0;
  let lookups = 0;
  let queries = 0;

  const networkOf = (contact: Contact) =>
    transport.networkOf(contact.peerId) ?? networkGroupOfAll(contact.addresses);

  async function ask<M extends KadMethod>(contact: Contact, method: M, input: KadCalls[M]['input']) {
    const id = idOf(contact.peerId);
    queries++;
    try {
      const answer = await transport.call(contact, method, input, { timeoutMs: callTimeoutMs });
      table.seen(contact, id);
      return answer;
    } catch (error) {
      if (isP2posError(error, 'PEER_PROTOCOL')) {
        if (reputation.blame(contact.peerId, transport.networkOf(contact.peerId), GARBAGE_POINTS))
          table.remove(contact.peerId, id);
      }
      // Who refuses a value is there all the same.
      if (method !== 'store' || isP2posError(error, 'TIMEOUT') || isP2posError(error, 'PEER_UNREACHABLE'))
        table.failed(contact.peerId, id);
      throw error;
    }
  }

  function seedsFor(target: NodeId): Contact[] {
    const seeds = table.closest(target, k).filter(({ peerId }) => accepts(peerId));
    if (seeds.length >= k) return seeds;
    for (const contact of hints.values()) {
      if (seeds.length >= k) break;
      if (accepts(contact.peerId) && !seeds.some(({ peerId }) => peerId === contact.peerId))
        seeds.push(contact);
    }
    return seeds;
  }

  async function run<A extends LookupAnswer>(
    target: NodeId,
    query: (contact: Contact) => Promise<A>,
    { confirm, signal, onAnswer }: RunOptions<A>,
  ): Promise<LookupResult> {
    const seeds = seedsFor(target);
    if (seeds.length === 0) throw new P2posError('DHT_ALONE');
    if (running >= MAX_SEARCHES) throw new P2posError('OVERLOADED', { what: 'The hash table of this node' });
    running++;
    lookups++;
    table.touch(target);
    try {
      return await runLookup({ clock, idOf, networkOf, accepts, query, onAnswer }, config, {
        target,
        seeds,
        confirm,
        signal,
        timeoutMs: config.lookupTimeoutMs,
      });
    } finally {
      running--;
    }
  }

  function findNode(target: NodeId) {
    const input = { addresses: transport.addresses(), target };
    return (contact: Contact) => ask(contact, 'findNode', input);
  }

  return {
    ask,
    find: (target, signal) => run(target, findNode(target), { confirm: config.confirm, signal }),
    holders: (key, signal) => run(key, findNode(key), { confirm: k, signal }),
    async peer(peerId, signal) {
      if (peerId === self) return { peerId, addresses: transport.addresses() };
      let found: Contact | undefined;
      const target = idOf(peerId);
      const onAnswer = (contact: Contact) => {
        if (contact.peerId === peerId) found = contact;
        return found !== undefined;
      };
      await run(target, findNode(target), { confirm: config.confirm, signal, onAnswer });
      return found;
    },
    value(key, onAnswer, signal) {
      const input = { addresses: transport.addresses(), key };
      return run(key, (contact) => ask(contact, 'findValue', input), { confirm: k, signal, onAnswer });
    },
    addresses: () => transport.addresses(),
    counts: () => ({ lookups, queries }),
  };
}
