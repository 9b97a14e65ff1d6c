/**
 * The replicated store under key-value, catalogues, boards and ledgers: signed, versioned records on R replicas
 * chosen by slot, acknowledged when a majority has them on disk.
 *
 * Promises (DESIGN.md names the test of each): an acknowledged write is read by every later quorum read through any
 * node, while a minority of its replicas fails and while slots move; without a majority there is an error that says
 * whether the write may still be found; replicas converge on the greatest version.
 *
 * @example
 * await using records = await createRecords({ store, opened: store.position(), rpc, membership, liveness, identity, crypto, clock, random, log });
 * records.declare({ suffix: '/notes', kind: 'lww', author: 'member', replicas: 3, maxValueBytes: 1_024 });
 * const name = { namespace: 'default/notes', partition: key, key };
 * await records.put({ ...name, value });
 * (await records.get({ ...name, consistency: 'quorum' })).found?.value; // value
 */
export type { RecordsConfig, RecordsDeps } from './config.ts';
export { createPlacer, type Placement, type Placer } from './placement/placement.ts';
export type {
  CallOptions,
  ChangeOutcome,
  Condition,
  Consistency,
  Explanation,
  Grant,
  Lease,
  Leases,
  NamespaceDeclaration,
  PartitionKeys,
  PartitionScan,
  ReadOutcome,
  RecordKey,
  Records,
  RecordsRepair,
  Registers,
  RegisterValue,
  WatchEvent,
  WatchInput,
  WriteOutcome,
} from './port.ts';
export { createRecords } from './records.ts';
export { requireHeldBy } from './replica/held-by.ts';
