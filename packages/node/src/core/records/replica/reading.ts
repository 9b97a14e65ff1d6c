/** What one replica answers to readers: whole records by name, and keys in order. */
import { type Crypto, equalBytes, isVersion, P2posError, parseVersion } from '@p2pos/protocol';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Declarations } from '../declarations.ts';
import type { KeyBody } from '../format/key-body.ts';
import { readHeader } from '../format/record.ts';
import { isWhole } from '../format/whole.ts';
import {
  type Digest,
  MAX_BATCH_BYTES,
  MAX_SCAN_LIMIT,
  type NameBody,
  type Placed,
  type ReadAnswer,
  type RecordBody,
} from '../format/wire.ts';
import { slotOf } from '../placement/slot.ts';
import type { RecordsMembership, Topology } from '../placement/topology.ts';
import type { Standing } from '../repair/standing/standing.ts';
import type { Replica } from './replica.ts';
import type { RecordTable } from './store.ts';
import type { RecordName, StoredKey, StoredRecord } from './stored.ts';

export interface ScanInput extends Placed {
  readonly namespace: string;
  readonly prefix: Uint8Array;
  readonly after: { readonly key: Uint8Array; readonly partition: Uint8Array } | null;
  readonly limit: number;
  readonly partition?: Uint8Array | undefined;
}

interface SlotPlace {
  readonly slot: number;
  /** Replicas of its namespace. */
  readonly count: number;
}

export interface ReplicaReader {
  read(input: Placed & { readonly names: readonly NameBody[] }, from: PeerId): Promise<ReadAnswer[]>;
  digest(input: Placed & { readonly names: readonly NameBody[] }, from: PeerId): Promise<Digest[]>;
  /** For this node as the reader: null: there is none; undefined: only `read` can tell. */
  own(name: RecordName, place: SlotPlace): Promise<StoredRecord | null | undefined>;
  /** Everything held in the range, whatever the slot: the reader knows whose word counts for which. */
  scan(
    input: ScanInput,
    from: PeerId,
  ): Promise<{
    readonly keys: readonly KeyBody[];
    readonly more: boolean;
    readonly learning: readonly number[];
  }>;
}

export interface ReplicaReaderDeps {
  readonly replica: Pick<Replica, 'admit'>;
  readonly membership: Pick<RecordsMembership, 'slots'>;
  readonly topology: Topology;
  readonly standing: Pick<Standing, 'votes' | 'votesOn' | 'known' | 'learning'>;
  readonly declarations: Declarations;
  readonly table: Pick<RecordTable, 'find' | 'keys' | 'markDamaged'>;
  readonly crypto: Crypto;
  readonly log: Logger;
}

export function createReplicaReader(deps: ReplicaReaderDeps): ReplicaReader {
  const { replica, membership, topology, standing, declarations, table, crypto, log } = deps;

  /** Of a register: it may have promised, on a disk that was lost, never to accept this. */
  const isLearned = (name: RecordName, place: SlotPlace, version: string) =>
    declarations.get(name.namespace)?.kind === 'cas' && isBarred(place, version);

  const isBarred = ({ slot, count }: SlotPlace, version: string) =>
    !standing.votesOn(slot, count, parseVersion(version).ms);

  async function readOne(name: RecordName): Promise<ReadAnswer> {
    const declaration = declarations.get(name.namespace);
    if (!declaration) return { result: 'refused', text: 'NAMESPACE_UNKNOWN' };
    const count = declaration.replicas;
    const slot = slotOf(crypto, membership.slots, name.namespace, name.partition);
    if (!topology.moves.isHolder(slot, count)) {
      return { result: 'elsewhere', text: String(topology.moves.closedAt(slot, count)) };
    }
    await standing.known(slot, count);
    const stored = await table.find(name);
    if (!standing.votes(slot, count)) {
      const { header, value, proof } = stored?.record ?? {};
      const whole = stored && !stored.damaged && header && proof;
      return { result: 'learning', ...(whole && { record: [header, value ?? null, proof] }) };
    }
    if (!stored) return { result: 'absent' };
    const { version, record, damaged } = stored;
    if (damaged) {
      log.error(
        { action: 'record_damaged', slot, version },
        'a stored record is damaged and waits for its repair',
      );
      // Before it is told, so that the same version may take its place.
      await table.markDamaged(name, version);
      // One that is none would make the whole answer worthless, with all that is asked beside it.
      const text = isVersion(version) ? version : readHeader(record.header)?.version;
      return text === undefined ? { result: 'refused', text: 'STORE_CORRUPT' } : { result: 'damaged', text };
    }
    const learned = isLearned(name, { slot, count }, version) ? ({ learned: true } as const) : {};
    return { result: 'found', record: [record.header, record.value, record.proof], ...learned };
  }

  /** Where this replica counts and its bytes are whole; the rest is left to `read`. */
  async function own(name: RecordName, place: SlotPlace): Promise<StoredRecord | null | undefined> {
    const { slot, count } = place;
    if (!topology.moves.isHolder(slot, count) || !standing.votes(slot, count)) return undefined;
    const stored = await table.find(name);
    if (!stored) return null;
    return stored.damaged || isLearned(name, place, stored.version) ? undefined : stored;
  }

  /** With a version or an expiry that is none, nobody would take the list. */
  function isTold({ version, expiresAt }: StoredKey): boolean {
    return isVersion(version) && (expiresAt === undefined || isWhole(expiresAt));
  }

  /** @throws P2posError STORE_CORRUPT */
  async function byHeader(namespace: string, row: StoredKey): Promise<StoredKey> {
    const stored = await table.find({ namespace, key: row.key, partition: row.partition });
    const fields = stored && readHeader(stored.record.header);
    if (!fields)
      throw new P2posError('STORE_CORRUPT', { file: 'of a replica', reason: 'a header cannot be read' });
    const { version, expiresAt } = fields;
    return { ...row, version, expiresAt };
  }

  async function digestOne(name: RecordName): Promise<Digest> {
    const declaration = declarations.get(name.namespace);
    if (!declaration) return false;
    const slot = slotOf(crypto, membership.slots, name.namespace, name.partition);
    const stored = await own(name, { slot, count: declaration.replicas });
    if (stored === undefined) return false;
    return stored === null ? null : stored.leaf;
  }

  return {
    own,
    async digest(input, from) {
      const admission = replica.admit(input, from);
      const digests = await Promise.all(
        input.names.map(([namespace, key, partition]) =>
          digestOne({ namespace, key, partition: partition ?? key }),
        ),
      );
      admission.confirm();
      return digests;
    },
    async read(input, from) {
      const admission = replica.admit(input, from);
      const answers = await Promise.all(
        input.names.map(([namespace, key, partition]) =>
          readOne({ namespace, key, partition: partition ?? key }),
        ),
      );
      admission.confirm();
      return limited(answers);
    },
    async scan({ namespace, prefix, after, limit, partition: only, ...placed }, from) {
      const admission = replica.admit(placed, from);
      const { replicas: count, kind } = declarations.find(namespace);
      const isLearnedRow = ({ partition, version }: StoredKey) =>
        kind === 'cas' &&
        isBarred({ slot: slotOf(crypto, membership.slots, namespace, partition), count }, version);
      const learning = await standing.learning(count);
      const listed = await table.keys({
        namespace,
        prefix,
        after: after ?? undefined,
        limit: Math.min(limit, MAX_SCAN_LIMIT),
        partition: only,
      });
      const rows = await Promise.all(listed.map((row) => (isTold(row) ? row : byHeader(namespace, row))));
      admission.confirm();
      return {
        keys: rows.map((row): KeyBody => {
          const { key, partition, version, tombstone, expiresAt } = row;
          const place = equalBytes(partition, key) ? null : partition;
          const body = [key, place, version, tombstone, expiresAt ?? null] as const;
          return isLearnedRow(row) ? [...body, true] : body;
        }),
        more: rows.length >= limit,
        learning,
      };
    },
  };
}

/** From where the answer would grow too large on, records are asked for again. */
function limited(answers: readonly ReadAnswer[]): ReadAnswer[] {
  let bytes = 0;
  return answers.map((answer, i) => {
    if (!answer.record) return answer;
    bytes += sizeOf(answer.record);
    return bytes > MAX_BATCH_BYTES && i > 0 ? { result: 'later' } : answer;
  });
}

export function sizeOf([header, value, proof]: RecordBody): number {
  return header.length + (value?.length ?? 0) + proof.length;
}
