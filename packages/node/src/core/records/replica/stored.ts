/** Records as they lie in the table. */
import type { Row } from '../../store/index.ts';
import type { RecordHeader, SignedRecord } from '../format/record.ts';

/** A record that passed its checks, with what the table needs to know of it. */
export interface CheckedRecord extends SignedRecord {
  readonly fields: RecordHeader;
  readonly leaf: Uint8Array;
  readonly slot: number;
  /** Number of replicas of its namespace. */
  readonly count: number;
  /** Of a register: taken only where nothing greater was promised; `barred`: even so, since it counts for nothing here. */
  readonly register?: { readonly deleted: boolean; readonly barred?: boolean };
}

export interface StoredRecord {
  readonly record: SignedRecord;
  /** Of the header; undefined where the bytes are damaged. */
  readonly fields: RecordHeader | undefined;
  readonly version: string;
  readonly leaf: Uint8Array;
  /** Its bytes do not fit their hashes. */
  readonly damaged: boolean;
  /** Of a tombstone: what it took the place of; undefined when there was nothing. */
  readonly replaced: { readonly version: string; readonly live: boolean } | undefined;
}

export interface StoredKey {
  readonly key: Uint8Array;
  readonly partition: Uint8Array;
  readonly version: string;
  readonly tombstone: boolean;
  readonly expiresAt: number | undefined;
}

/** Of a record that has expired and still has its value. */
export interface ExpiredRecord extends RecordName {
  readonly id: number;
  readonly expiresAt: number;
  /** Of a register: its state says so. */
  readonly deleted: boolean;
  /** The record itself says when it expires: of its row a bit may have flipped. */
  readonly sound: boolean;
}

export interface RecordName {
  readonly namespace: string;
  readonly partition: Uint8Array;
  readonly key: Uint8Array;
}

/** Of a row or a listed key: left empty where it equals the key. */
export function partitionOf({ key, partition }: Pick<RecordName, 'key' | 'partition'>): Uint8Array {
  return partition.length === 0 ? key : partition;
}

export interface KeyRange {
  readonly namespace: string;
  readonly prefix: Uint8Array;
  /** Exclusive; undefined: from the first. */
  readonly after: { readonly key: Uint8Array; readonly partition: Uint8Array } | undefined;
  readonly limit: number;
  /** Only of this one. */
  readonly partition?: Uint8Array | undefined;
}

export type RecordRow = Row & {
  namespace: string;
  key: Uint8Array;
  partition: Uint8Array;
  version: string;
  leaf: Uint8Array;
  header: Uint8Array;
  value: Uint8Array | null;
  proof: Uint8Array;
  damaged: number;
  replaced_version: string | null;
  replaced_live: number | null;
};
