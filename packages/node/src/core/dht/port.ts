/** The hash table as its users see it, and the transport it stands on. */
import type { Address, PeerId } from '../net/index.ts';
import type { NetworkGroup } from './routing/network-group.ts';
import type { NodeId } from './routing/node-id.ts';
import type { StoredValue } from './values/value.ts';

export interface Contact {
  readonly peerId: PeerId;
  readonly addresses: readonly Address[];
}

/** The four questions, as values that may be passed on but never changed. */
export interface KadCalls {
  readonly ping: { readonly input: Caller; readonly output: object };
  readonly findNode: {
    readonly input: Caller & { readonly target: NodeId };
    readonly output: { readonly closer: readonly Contact[] };
  };
  readonly findValue: {
    readonly input: Caller & { readonly key: NodeId };
    readonly output: { readonly closer: readonly Contact[]; readonly values: readonly StoredValue[] };
  };
  readonly store: { readonly input: Caller & { readonly value: StoredValue }; readonly output: object };
}

export interface Caller {
  /** Where the caller can be called; none: nowhere. */
  readonly addresses: readonly Address[];
}

export type KadMethod = keyof KadCalls;

/** Answers at once where it can: most questions need no waiting. Throws what the caller is told. */
export type KadHandler = <M extends KadMethod>(
  method: M,
  input: KadCalls[M]['input'],
  from: PeerId,
) => KadCalls[M]['output'] | Promise<KadCalls[M]['output']>;

/** What the table stands on: rpc in production, virtual time and a seeded network in the simulator. */
export interface DhtTransport {
  /** Connects if need be. Rejects when no answer comes within the time, with the peer's refusal, or PEER_PROTOCOL for garbage. */
  call<M extends KadMethod>(
    contact: Contact,
    method: M,
    input: KadCalls[M]['input'],
    options: { readonly timeoutMs: number },
  ): Promise<KadCalls[M]['output']>;
  serve(handler: KadHandler): Disposable;
  /** Where this node can be called. */
  addresses(): readonly Address[];
  /** Where the peer's connection comes from, which it cannot choose; undefined: unknown or private. */
  networkOf(peerId: PeerId): NetworkGroup | undefined;
}

export interface Found {
  readonly author: PeerId;
  readonly entry: string;
  readonly value: Uint8Array;
  readonly seq: number;
  /** By the clock of its author, ms since the epoch. */
  readonly expiresAt: number;
}

export interface Stored {
  readonly key: NodeId;
  /** Nodes that took it, of those that were asked. */
  readonly stored: number;
  readonly asked: number;
}

export interface LookupReport {
  readonly closest: readonly Contact[];
  readonly hops: number;
  readonly queries: number;
  readonly failures: number;
}

export interface Waiting {
  readonly signal?: AbortSignal | undefined;
}

export interface Dht extends AsyncDisposable {
  readonly id: NodeId;
  /** Becomes known to its neighbours and learns the rest; again whenever nobody is known any more. */
  join(options?: Waiting): Promise<void>;
  /** A node to begin with; it is asked before it is believed. */
  learn(contact: Contact): void;
  /** It takes part no more. */
  forget(peerId: PeerId): void;
  /** False while the peer is banned: its calls can be refused before they are read. */
  hears(peerId: PeerId): boolean;
  /** The k closest; the first few answered themselves, the others are as those say. @throws P2posError DHT_ALONE */
  lookup(target: NodeId, options?: Waiting): Promise<LookupReport>;
  /** Where a node is, as it or its neighbours say. */
  findPeer(peerId: PeerId, options?: Waiting): Promise<Contact | undefined>;
  /** Keeps bytes under their hash. @throws P2posError DHT_NOT_STORED, DHT_ALONE, DHT_VALUE_REFUSED */
  put(bytes: Uint8Array, options: { readonly ttlMs: number } & Waiting): Promise<Stored>;
  get(key: NodeId, options?: Waiting): Promise<Uint8Array | undefined>;
  /** Keeps a value under this node's key and the topic. */
  publish(
    value: { readonly topic: string; readonly value: Uint8Array; readonly ttlMs: number },
    options?: Waiting,
  ): Promise<Stored>;
  /** The newest value of that author. */
  resolve(
    source: { readonly author: PeerId; readonly topic: string },
    options?: Waiting,
  ): Promise<Found | undefined>;
  /** Adds this node's entry to those of a topic. */
  announce(
    entry: {
      readonly topic: string;
      readonly entry: string;
      readonly value: Uint8Array;
      readonly ttlMs: number;
    },
    options?: Waiting,
  ): Promise<Stored>;
  /** Renews it no more, and replaces it by one that ends at once. */
  withdraw(entry: { readonly topic: string; readonly entry: string }, options?: Waiting): Promise<void>;
  /** Entries of all authors, as far as they were found. */
  discover(topic: string, options?: Waiting): Promise<Found[]>;
  status(): DhtStatus;
}

export interface DhtStatus {
  readonly contacts: number;
  /** Values held for others, and their bytes. */
  readonly values: number;
  readonly valueBytes: number;
  /** Renewed by this node. */
  readonly publications: number;
  readonly banned: number;
  /** Since the start. */
  readonly lookups: number;
  readonly queries: number;
  readonly served: number;
  readonly refused: number;
}
