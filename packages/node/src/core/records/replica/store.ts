/** What a replica keeps: records by key, the clock's bound, the marks of moves. */
import { type Crypto, compareBytes, equalBytes } from '@p2pos/protocol';
import type { Row, Statement, Store } from '../../store/index.ts';
import { leafHash } from '../format/merkle.ts';
import { endOf, successorOf } from '../format/range.ts';
import { decodeHeader, fitsValue, MAX_KEY_BYTES, type RecordHeader, readHeader } from '../format/record.ts';
import type { SavedSide } from '../placement/eras.ts';
import type { Ring, SavedRing } from '../placement/ring.ts';
import { type CommitLog, createCommitLog } from '../watch/log.ts';
import { createNewest, type Newest } from './newest.ts';
import * as sql from './schema.ts';
import {
  type CheckedRecord,
  type ExpiredRecord,
  type KeyRange,
  partitionOf,
  type RecordName,
  type RecordRow,
  type StoredKey,
  type StoredRecord,
} from './stored.ts';

export interface RecordTable {
  find(name: RecordName): Promise<StoredRecord | undefined>;
  /** Its changes in the order of their commits. */
  readonly log: CommitLog;
  /** For each, whether it was taken as the newest. Resolves when all are durable. `now` judges what a tombstone replaced. */
  accept(records: readonly CheckedRecord[], now: number): Promise<boolean[]>;
  markDamaged(name: RecordName, version: string): Promise<void>;
  /** The same, of all that its rows put there. */
  markSlot(count: number, slot: number): Promise<void>;
  /** In the order of keys, then partitions; tombstones and expired ones included. */
  keys(range: KeyRange): Promise<StoredKey[]>;
  /** Slots of which something is held. */
  slots(count: number): Promise<number[]>;
  /** Leaf hashes of a slot greater than `after`, ascending. */
  leaves(count: number, slot: number, after: Uint8Array, limit: number): Promise<Uint8Array[]>;
  findLeaf(count: number, slot: number, leaf: Uint8Array): Promise<StoredRecord | undefined>;
  /** Lets go exactly these records and remembers the ring in the same transaction. */
  drop(count: number, slot: number, leaves: readonly Uint8Array[], ring: Statement): Promise<void>;
  /** Those with values that expired by `time`, longest ago first. */
  expired(
    time: number,
    after: Pick<ExpiredRecord, 'id' | 'expiresAt'> | undefined,
    limit: number,
  ): Promise<ExpiredRecord[]>;
  /** Lets go their values where they are still those that expired by `time`. */
  dropValues(records: readonly Pick<ExpiredRecord, 'id'>[], time: number): Promise<void>;
  /** What is held of namespaces `<app>/…`, after the id. */
  appNames(app: string, after: number, limit: number): Promise<(RecordName & { readonly id: number })[]>;
  /** Keys and values of namespaces `<app>/…`; of what is gone, the key and 64 bytes. */
  appBytes(app: string): Promise<number>;
  reservedMs(): Promise<number>;
  reserve(boundMs: number): Promise<void>;
  rings(): Promise<Map<number, SavedRing>>;
  sides(): Promise<SavedSide[]>;
  /** Those of the sides as they were stay where none are given. */
  saveRings(rings: readonly Ring[], headHash: Uint8Array, sides?: readonly SavedSide[]): Promise<void>;
}

type NameRow = Row & { id: number; namespace: string; key: Uint8Array; partition: Uint8Array };
type KeyRow = Row & {
  key: Uint8Array;
  partition: Uint8Array;
  version: string;
  tombstone: number;
  expires_at: number | null;
};
type ExpiredRow = NameRow & { tombstone: number; expires_at: number; header: Uint8Array };
type RingRow = Row & { replicas: number; head_hash: Uint8Array; settled: Uint8Array; closed: Uint8Array };

const EMPTY = new Uint8Array(0);
const AFTER_ALL_KEYS = new Uint8Array(MAX_KEY_BYTES + 1).fill(0xff);

export interface RecordTableDeps {
  readonly store: Pick<Store, 'storeId' | 'migrate' | 'read' | 'write'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Whoever else changes records in this store goes through `noticing`. */
  readonly newest?: Newest;
}

export async function openRecordTable(deps: RecordTableDeps): Promise<RecordTable> {
  const { store, crypto, newest = createNewest({ maxBytes: 0 }) } = deps;
  await store.migrate('records', sql.MIGRATIONS);
  await store.migrate('records_sides', sql.SIDES_MIGRATIONS);

  async function change(statements: readonly Statement[]): Promise<readonly { readonly changes: number }[]> {
    using _pause = newest.suspend();
    return await store.write(statements);
  }

  function stored(row: RecordRow | undefined): StoredRecord | undefined {
    if (!row) return undefined;
    const { header, value, proof, version, leaf, replaced_version, replaced_live } = row;
    const fields = wholeFields(row);
    return {
      record: { header, value, proof },
      fields,
      version,
      leaf,
      damaged: row.damaged !== 0 || !fields,
      replaced:
        replaced_version === null ? undefined : { version: replaced_version, live: replaced_live === 1 },
    };
  }

  /** Of the header, where all bytes fit their hashes and the row lies where it says. */
  function wholeFields({
    header,
    leaf,
    value,
    namespace,
    key,
    partition,
    version,
  }: RecordRow): RecordHeader | undefined {
    if (!equalBytes(leafHash(crypto, header), leaf)) return undefined;
    const fields = decodeHeader(header);
    if (fields.version !== version || fields.namespace !== namespace) return undefined;
    if (!equalBytes(fields.key, key) || !equalBytes(partitionColumn(fields), partition)) return undefined;
    return value === null || fitsValue(crypto, fields, value) ? fields : undefined;
  }

  const log = createCommitLog({ store, stored: (row) => stored(row) as StoredRecord });

  return {
    log,
    async find(name) {
      const known = newest.find(name);
      if (known) return known;
      const generation = newest.generation();
      const [row] = await store.read<RecordRow>(sql.SELECT_BY_KEY, placeOf(name));
      const found = stored(row);
      if (found && !found.damaged) newest.keep(name, found, generation);
      return found;
    },
    async accept(records, now) {
      let results: readonly { readonly changes: number }[];
      try {
        results = await store.write(records.flatMap((record) => statementsOf(record, now)));
      } finally {
        newest.changed(records.map(({ fields }) => fields));
      }
      let at = 0;
      const taken = records.map(({ register }) => {
        const { changes } = results[at] as { readonly changes: number };
        at += register ? 2 : 1;
        return changes > 0;
      });
      log.committed(records.filter((_, i) => taken[i]).map(({ fields }) => fields));
      return taken;
    },
    async markDamaged(name, version) {
      await change([{ sql: sql.MARK_DAMAGED, params: [...placeOf(name), version] }]);
    },
    async markSlot(count, slot) {
      await change([{ sql: sql.MARK_SLOT, params: [count, slot] }]);
    },
    async keys({ namespace, prefix, after, limit, partition: only }) {
      const end = endOf(prefix) ?? AFTER_ALL_KEYS;
      const from = after && compareBytes(after.key, prefix) >= 0 ? after : undefined;
      const rows = await (only
        ? store.read<KeyRow>(sql.SELECT_PARTITION, [
            namespace,
            from ? successorOf(from.key) : prefix,
            end,
            only,
            limit,
          ])
        : store.read<KeyRow>(sql.SELECT_KEYS, [
            namespace,
            from?.key ?? prefix,
            from ? successorOf(partitionColumn(from)) : EMPTY,
            end,
            limit,
          ]));
      return rows.map((row) => ({
        key: row.key,
        partition: partitionOf(row),
        version: row.version,
        tombstone: row.tombstone === 1,
        expiresAt: row.expires_at ?? undefined,
      }));
    },
    async appNames(app, after, limit) {
      const rows = await store.read<NameRow>(sql.SELECT_NAMES, [`${app}/`, `${app}0`, after, limit]);
      return rows.map(({ id, namespace, key, partition }) => ({
        id,
        namespace,
        key,
        partition: partitionOf({ key, partition }),
      }));
    },
    async appBytes(app) {
      // `0` follows `/`.
      const [row] = await store.read<{ bytes: number | null }>(sql.SUM_BYTES, [`${app}/`, `${app}0`]);
      return row?.bytes ?? 0;
    },
    async slots(count) {
      return (await store.read<{ slot: number }>(sql.SELECT_SLOTS, [count])).map(({ slot }) => slot);
    },
    async leaves(count, slot, after, limit) {
      const rows = await store.read<{ leaf: Uint8Array }>(sql.SELECT_LEAVES, [count, slot, after, limit]);
      return rows.map(({ leaf }) => leaf);
    },
    async findLeaf(count, slot, leaf) {
      const [row] = await store.read<RecordRow>(sql.SELECT_BY_LEAF, [count, slot, leaf]);
      return stored(row);
    },
    async drop(count, slot, leaves, ring) {
      await change([
        ring,
        ...leaves.map((leaf) => ({ sql: sql.DELETE_BY_LEAF, params: [count, slot, leaf] })),
      ]);
    },
    async expired(time, after, limit) {
      const from = [after?.expiresAt ?? 0, after?.id ?? 0];
      const rows = await store.read<ExpiredRow>(sql.SELECT_EXPIRED_VALUES, [time, ...from, limit]);
      return rows.map(({ id, namespace, key, partition, tombstone, expires_at, header }) => ({
        id,
        namespace,
        key,
        partition: partitionOf({ key, partition }),
        expiresAt: expires_at,
        deleted: tombstone === 1,
        sound: readHeader(header)?.expiresAt === expires_at,
      }));
    },
    async dropValues(records, time) {
      // Most of the time there is nothing, and that must not cost a commit.
      if (records.length === 0) return;
      await change(records.map(({ id }) => ({ sql: sql.DROP_EXPIRED_VALUE, params: [id, time] })));
      log.committed('some');
    },
    async reservedMs() {
      const [row] = await store.read<{ reserved_ms: number }>(sql.SELECT_CLOCK);
      return row?.reserved_ms ?? 0;
    },
    async reserve(boundMs) {
      await store.write([{ sql: sql.RESERVE_CLOCK, params: [boundMs] }]);
    },
    async rings() {
      const rows = await store.read<RingRow>(sql.SELECT_RINGS);
      return new Map(
        rows.map(({ replicas, head_hash, settled, closed }) => [
          replicas,
          { count: replicas, headHash: head_hash, settled: epochsOf(settled), closed: epochsOf(closed) },
        ]),
      );
    },
    async sides() {
      return await store.read<SavedSide & Row>(sql.SELECT_SIDES);
    },
    async saveRings(rings, headHash, sides) {
      await store.write([
        ...rings.map((ring) => ringStatement(ring, headHash)),
        ...(sides ? [{ sql: sql.DELETE_SIDES }] : []),
        ...(sides ?? []).map(({ hash, fork }) => ({ sql: sql.SAVE_SIDE, params: [hash, fork] })),
      ]);
    },
  };
}

function statementsOf(
  { fields, leaf, slot, count, header, value, proof, register }: CheckedRecord,
  now: number,
  deleted = register?.deleted ?? false,
): Statement[] {
  const place = placeOf(fields);
  const params = [
    ...place,
    count,
    slot,
    fields.version,
    leaf,
    !fields.value || deleted ? 1 : 0,
    fields.expiresAt ?? null,
    header,
    value,
    proof,
    now,
  ];
  if (!register) return [{ sql: sql.UPSERT, params }];
  return [
    { sql: register.barred ? sql.UPSERT : sql.ACCEPT, params },
    { sql: sql.FORGET_PROMISE, params: [...place, fields.version] },
  ];
}

/**
 * In place of a row whose columns were damaged, where it still lies there: what was let go meanwhile does not come back. What
 * took its place, or is newer under the record's name, stays.
 */
export function writeAnew(
  { id, leaf, header }: { readonly id: number; readonly leaf: Uint8Array; readonly header: Uint8Array },
  record: CheckedRecord,
  now: number,
): Statement[] {
  const { register: _, ...plain } = record;
  const [upsert] = statementsOf(plain, now, record.register?.deleted) as [Statement];
  return [
    { sql: sql.DELETE_ROW, params: [id, leaf, header] },
    { ...upsert, sql: sql.REPLACE },
  ];
}

export function ringStatement({ count, settled, closed }: Ring, headHash: Uint8Array): Statement {
  return { sql: sql.SAVE_RING, params: [count, headHash, bytesOf(settled), bytesOf(closed)] };
}

export function placeOf(name: RecordName): [string, Uint8Array, Uint8Array] {
  return [name.namespace, name.key, partitionColumn(name)];
}

function partitionColumn({ key, partition }: Pick<RecordName, 'key' | 'partition'>): Uint8Array {
  return equalBytes(key, partition) ? EMPTY : partition;
}

function bytesOf(epochs: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(epochs.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, epoch] of epochs.entries()) view.setUint32(i * 4, epoch);
  return bytes;
}

function epochsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length >>> 2 }, (_, i) => view.getUint32(i * 4));
}
