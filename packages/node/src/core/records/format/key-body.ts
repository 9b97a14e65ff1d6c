/** What a replica tells of a key in a list. */
import { isVersion } from '@p2pos/protocol';
import { isKey } from './record.ts';
import { isWhole } from './whole.ts';

/**
 * `[key, partition | null when it equals the key, version, tombstone, expiresAt | null]`, and `true` of what the replica may
 * have promised against on a disk that it lost. Earlier releases do not say.
 */
export type KeyBody = readonly [
  key: Uint8Array,
  partition: Uint8Array | null,
  version: string,
  tombstone: boolean,
  expiresAt: number | null,
  learned?: true,
];

export function isKeyBody(item: unknown): item is KeyBody {
  if (!Array.isArray(item) || (item.length !== 5 && item.length !== 6)) return false;
  const [key, partition, version, tombstone, expiresAt] = item as unknown[];
  return (
    (item.length === 5 || item[5] === true) &&
    isKey(key) &&
    (partition === null || isKey(partition)) &&
    isVersion(version) &&
    typeof tombstone === 'boolean' &&
    (expiresAt === null || isWhole(expiresAt))
  );
}
