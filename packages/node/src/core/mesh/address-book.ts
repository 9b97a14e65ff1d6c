/** Where peers were reached and are said to be: at most 8 addresses a peer, kept over restarts with their last success. */
import { MAX_ADDRESSES_PER_PEER } from '@p2pos/protocol/rpc';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Address, PeerId } from '../net/index.ts';
import type { Row, Statement, Store } from '../store/index.ts';

const MIGRATIONS = [
  `CREATE TABLE mesh_addresses (
     peer_id TEXT NOT NULL, address TEXT NOT NULL, source TEXT NOT NULL, last_success INTEGER,
     PRIMARY KEY (peer_id, address))`,
];

/** Who says so, the most trusted first: the operator, the peer itself (signed), the snapshot, someone else. */
const SOURCES = ['config', 'heartbeat', 'snapshot', 'hint'] as const;
export type Source = (typeof SOURCES)[number];

const MAX_ADDRESS_LENGTH = 256;
const ADDRESS = /^\/[\x21-\x7e]+$/;

interface Entry {
  readonly address: Address;
  source: Source;
  /** Wall clock, ms. */
  lastSuccess: number | undefined;
}

export interface AddressBook {
  peers(): PeerId[];
  /** The most promising first. */
  addresses(peerId: PeerId): Address[];
  /** Wall clock, ms. */
  lastSuccess(peerId: PeerId): number | undefined;
  /** Adds what is new. From a heartbeat: these replace what earlier ones said. True when something was new. */
  learn(peerId: PeerId, addresses: readonly Address[], source: Source): boolean;
  succeeded(peerId: PeerId, address: Address): void;
  remove(peerId: PeerId, address: Address): void;
  /** Forgets all peers but those that `keep` names. */
  retain(keep: (peerId: PeerId) => boolean): void;
  flush(): Promise<void>;
}

/** The address with the peer's id at its end; undefined for what is none or is another peer's. */
export function addressOf(peerId: PeerId, address: Address): Address | undefined {
  if (address.length > MAX_ADDRESS_LENGTH || !ADDRESS.test(address)) return undefined;
  const named = peerIdIn(address);
  if (named !== undefined) return named === peerId ? address : undefined;
  const whole = `${address.replace(/\/+$/, '')}/p2p/${peerId}`;
  return whole.length <= MAX_ADDRESS_LENGTH ? whole : undefined;
}

/** The id at the end; an id before it is a relay's. */
export function peerIdIn(address: Address): PeerId | undefined {
  return /\/p2p\/([^/]+)\/?$/.exec(address)?.[1];
}

export async function openAddressBook({
  store,
  clock,
  log,
}: {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}): Promise<AddressBook> {
  await store.migrate('mesh', MIGRATIONS);
  const book = new Map<PeerId, Entry[]>();
  const dirty = new Set<PeerId>();

  const rows = await store.read<Row>('SELECT peer_id, address, source, last_success FROM mesh_addresses');
  for (const row of rows) {
    const peerId = String(row['peer_id']);
    const success = row['last_success'];
    const entries = book.get(peerId) ?? [];
    entries.push({
      address: String(row['address']),
      source: SOURCES.find((source) => source === row['source']) ?? 'hint',
      lastSuccess: success === null || success === undefined ? undefined : Number(success),
    });
    book.set(peerId, entries);
  }
  for (const entries of book.values()) rank(entries);

  function rank(entries: Entry[]): void {
    entries.sort(
      (a, b) =>
        (b.lastSuccess ?? 0) - (a.lastSuccess ?? 0) || SOURCES.indexOf(a.source) - SOURCES.indexOf(b.source),
    );
  }
  function change(peerId: PeerId, entries: Entry[]): void {
    rank(entries);
    entries.splice(MAX_ADDRESSES_PER_PEER);
    if (entries.length > 0) book.set(peerId, entries);
    else book.delete(peerId);
    dirty.add(peerId);
  }

  return {
    peers: () => [...book.keys()],
    addresses: (peerId) => (book.get(peerId) ?? []).map((entry) => entry.address),
    lastSuccess: (peerId) => book.get(peerId)?.[0]?.lastSuccess,
    learn(peerId, addresses, source) {
      const said = addresses
        .slice(0, MAX_ADDRESSES_PER_PEER)
        .map((address) => addressOf(peerId, address))
        .filter((address) => address !== undefined);
      const before = book.get(peerId) ?? [];
      const entries = before.filter(
        (entry) => source !== 'heartbeat' || entry.source !== 'heartbeat' || said.includes(entry.address),
      );
      let changed = entries.length !== before.length;
      let isNew = false;
      for (const address of new Set(said)) {
        const known = entries.find((entry) => entry.address === address);
        if (!known) {
          // What others say finds room only where there is some.
          if (source === 'hint' && entries.length >= MAX_ADDRESSES_PER_PEER) continue;
          entries.push({ address, source, lastSuccess: undefined });
          isNew = true;
        } else if (SOURCES.indexOf(source) < SOURCES.indexOf(known.source)) {
          known.source = source;
          changed = true;
        }
      }
      if (changed || isNew) change(peerId, entries);
      return isNew;
    },
    succeeded(peerId, address) {
      const whole = addressOf(peerId, address);
      if (whole === undefined) return;
      const entries = book.get(peerId) ?? [];
      const known = entries.find((entry) => entry.address === whole);
      if (known) known.lastSuccess = clock.now();
      else entries.push({ address: whole, source: 'hint', lastSuccess: clock.now() });
      change(peerId, entries);
    },
    remove(peerId, address) {
      change(
        peerId,
        (book.get(peerId) ?? []).filter((entry) => entry.address !== address),
      );
    },
    retain(keep) {
      for (const peerId of [...book.keys()]) if (!keep(peerId)) change(peerId, []);
    },
    async flush() {
      const changed = [...dirty];
      dirty.clear();
      const statements = changed.flatMap((peerId): Statement[] => [
        { sql: 'DELETE FROM mesh_addresses WHERE peer_id = ?', params: [peerId] },
        ...(book.get(peerId) ?? []).map((entry) => ({
          sql: 'INSERT INTO mesh_addresses (peer_id, address, source, last_success) VALUES (?, ?, ?, ?)',
          params: [peerId, entry.address, entry.source, entry.lastSuccess ?? null],
        })),
      ]);
      if (statements.length === 0) return;
      try {
        await store.write(statements);
      } catch (error) {
        for (const peerId of changed) dirty.add(peerId);
        log.warn(
          { action: 'address_book_flush', error },
          'address book was not written, it will be tried again',
        );
      }
    },
  };
}
