/** Names in memory, of maps and sets: bytes as text, one character each, and what tells one record from all others. */
import { equalBytes, type RecordHeader } from '@p2pos/protocol';

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Of a key within its namespace; the partition may be left empty where it equals the key. No two keys share one. */
export function textOfKey({ key, partition }: Pick<RecordHeader, 'key' | 'partition'>): string {
  const start = `${key.length}.${textOf(key)}`;
  return partition.length === 0 || equalBytes(key, partition) ? start : start + textOf(partition);
}

/** Of a slot among those of all numbers of replicas. */
export function textOfSlot({ slot, count }: { readonly slot: number; readonly count: number }): string {
  return `${count}.${slot}`;
}

export function textOfName(name: Pick<RecordHeader, 'namespace' | 'key' | 'partition'>): string {
  return `${name.namespace} ${textOfKey(name)}`;
}
