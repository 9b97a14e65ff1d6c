/** What the records of a node need, and what can be set. */
import type { Crypto, Signer } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Liveness } from '../liveness/index.ts';
import type { Logger } from '../log/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Random } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { Store, StorePosition } from '../store/index.ts';
import type { RecordsMembership } from './placement/topology.ts';

export interface RecordsDeps {
  readonly store: Store;
  /** Where it stood when this process opened it, before anybody's first commit. */
  readonly opened: StorePosition;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly membership: RecordsMembership;
  readonly liveness: Pick<Liveness, 'isAlive' | 'pulse' | 'clocks'>;
  readonly identity: { readonly peerId: PeerId; readonly signer: Signer };
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The peer follows another snapshot: exchange with it which is newer. Called often; should return at once. */
  readonly onStalePeer?: (peerId: PeerId) => void;
}

export interface RecordsConfig {
  /** Numbers of replicas that namespaces may ask for. Default: 3 only. */
  readonly replicaCounts?: readonly number[];
  /** Greatest wait for a write's majority. Default 5 s. */
  readonly writeTimeoutMs?: number;
  /** The same for a read, and for each answer to a scan, which ends with what it has found by then. Default 5 s. */
  readonly readTimeoutMs?: number;
  /** Writes under way at once through this node; more are OVERLOADED. Default 8 192. */
  readonly maxWrites?: number;
  /** Their keys and values. Default 64 MiB. */
  readonly maxWriteBytes?: number;
  /** Of records that are kept at hand because they were read lately. Default 16 MiB. */
  readonly cacheBytes?: number;
  /** Between two steps of an unfinished move. Default 250 ms. */
  readonly handoverStepMs?: number;
  /** Of records that repair moves. Default 32 MiB. */
  readonly repairBytesPerSecond?: number;
  /** How long deletions are remembered at least. Default 24 h. */
  readonly keepDeletedMs?: number;
  /** In which time everything that is held is read through once, to find damage. Default 7 days. */
  readonly scrubMs?: number;
  /** How long idempotency keys are remembered. Default 24 h; the oldest go first beyond 20 000 keys. */
  readonly idempotencyKeepMs?: number;
}
